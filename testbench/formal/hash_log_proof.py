"""What is proved of HashLog: it is the naive log, whatever comes in whatever order, in its first cycles."""

from amaranth.hdl import Array, Assert, Assume, Cat, Cover, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.hash_log import RESERVED_FLAGS, HashLog
from interlock_hdl.log.index_shape import IndexShape
from interlock_hdl.log.sip_hash import Digest, SipHash
from interlock_hdl.log.store import EntryAddress, MergeRequest
from interlock_hdl.record import Entry

from formal.past import ago
from formal.store_proof import StoreProof

ENTRIES = 4
SHAPE = IndexShape(address_bits=2, bucket_bits=1, slots=1, fingerprint_bits=1, stash=1)
ID = Entry["session_id"].offset
FREE = Entry.const(
    # Bits that may be other than 0, some of each part that is compared by itself.
    {
        "session_id": 0b111 | 1 << 100,
        "flops": 0b11 | 1 << 50,
        "provenance": {"mode": 1, "weight_table": 0, "flags": 0b111},
    }
)


class FewBits(wiring.Component):
    """A hash of three bits of a key, under three of the log's key: many keys collide, in every way."""

    key: In(128)
    message: In(256)
    kind: In(1)
    digest: Out(Digest)

    latency = 2

    def elaborate(self, platform) -> Module:
        m = Module()
        bits = self.message[ID : ID + 3] ^ self.key[:3]
        m.d.comb += [
            self.digest.low.eq(ago(m, ago(m, bits[:2]))),
            self.digest.high.eq(ago(m, ago(m, bits[2] ^ self.kind))),
        ]
        return m


class HashLogProof(StoreProof):
    """A log of four places beside a list of four entries that is searched as a whole.

    Every answer, every change that is told of, the counts, and any one read that is watched are those of the
    list.  Only what is not in the list may be refused as FULL before that is full: another one has its hash.

    Assumed beside what :class:`StoreProof` says: the first request is the node's own, in the first cycle, the
    others come right behind it, and all bits are 0 but some of each part.

    Parameters
    ----------
    requests : int
        So many merges are asked for at most, in the first cycles in which there is time for them.

    Members
    -------
    Those of :class:`StoreProof`, and
    key : In(128)
        Of the log.
    watch : In(1)
        The read that is accepted now is the one that is compared, if none was before.
    """

    key: In(128)
    watch: In(1)

    def __init__(self, *, requests: int) -> None:
        self.requests = requests
        super().__init__()

    def elaborate(self, platform) -> Module:
        m = Module()
        hash_function = FewBits()
        m.submodules.dut = dut = HashLog(entries=ENTRIES, shape=SHAPE, hash_function=hash_function)
        latency = HashLog.merge_latency - SipHash.latency + FewBits.latency
        entries = [Signal(Entry, name=f"entry_{n}") for n in range(ENTRIES)]  # externals from the top down
        n_sessions, n_externals = Signal(range(ENTRIES + 1)), Signal(range(ENTRIES + 1))
        begun = Signal()
        asked_cycles = Signal(range(2 * self.requests + 1))
        self.drive(m, dut, own_flops=entries[0].flops, n_sessions=n_sessions, n_externals=n_externals)
        m.d.sync += [begun.eq(1), asked_cycles.eq(asked_cycles + (asked_cycles != 2 * self.requests))]
        m.d.comb += [
            dut.key.eq(self.key),
            Assume(~begun | (self.key == ago(m, self.key))),
            Assume((self.announce.count & ~FREE["flops"]) == 0),
            Assume(self.announce.announced == self.announce.count),
            Assume((self.merge.entry.as_value() & ~FREE.as_value()) == 0),
            Assume(~self.merge_valid | (asked_cycles < 2 * self.requests)),
            Assume(begun | (self.merge_valid & self.merge.own)),
        ]

        # What is answered now, and what the list makes of it.
        arrives = dut.merge.valid & dut.merge.ready
        request = Cat(self.merge, arrives)
        for _ in range(latency):
            request = ago(m, request)
        merged, request = request[-1], MergeRequest(request[:-1])
        asked = request.entry
        reserved = (asked.provenance.flags & RESERVED_FLAGS).any() & ~request.external
        is_session = Cat(n_sessions > n for n in range(ENTRIES))
        is_external = Cat(n_externals > ENTRIES - 1 - n for n in range(ENTRIES))
        same_id = Cat(entry.session_id == asked.session_id for entry in entries)
        same = Cat(entry.as_value() == asked.as_value() for entry in entries)
        known = Signal(ENTRIES)
        m.d.comb += known.eq(Mux(request.external, is_external & same, is_session & same_id))
        with m.If(request.own):
            m.d.comb += known.eq(is_session[0])
        is_full = n_sessions + n_externals == ENTRIES
        of_this_node = ~request.external & ~request.own & is_session[0] & same_id[0]

        answer = Signal(Answer)
        appends, updates, changes = Signal(), Signal(), Signal()
        entry, result = Signal(Entry), Signal(Entry)
        at = Signal(range(ENTRIES))
        more = asked.flops > entry.flops
        flags = entry.provenance.flags | asked.provenance.flags
        m.d.comb += result.eq(entry)
        for number, held in enumerate(entries):
            with m.If(known[number]):
                m.d.comb += [entry.eq(held), at.eq(number)]
        same_counting = (entry.provenance.mode == asked.provenance.mode) & (
            entry.provenance.weight_table == asked.provenance.weight_table
        )
        with m.If(~request.own & (n_sessions == 0)):
            m.d.comb += answer.eq(Answer.CONFLICT)
        with m.Elif(of_this_node | (request.external & known.any())):
            pass
        with m.Elif(reserved | (known.any() & ~same_counting)):
            m.d.comb += answer.eq(Answer.CONFLICT)
        with m.Elif(known.any()):
            m.d.comb += [updates.eq(1), result.provenance.flags.eq(flags)]
            with m.If(~request.own & more):
                m.d.comb += result.flops.eq(asked.flops)
            m.d.comb += changes.eq(result.as_value() != entry.as_value())
        with m.Elif(is_full):
            m.d.comb += answer.eq(Answer.FULL)
        with m.Else():
            m.d.comb += [
                appends.eq(1),
                changes.eq(1),
                result.eq(asked),
                at.eq(Mux(request.external, ENTRIES - 1 - n_externals, n_sessions)),
            ]
        unknown = ~known.any() & ~of_this_node & (n_sessions != 0)
        collides = unknown & (dut.answer == Answer.FULL)
        index = Mux(request.external, ENTRIES - 1 - at, at)
        m.d.comb += [
            Assert(dut.merged == merged),
            Assert(~merged | collides | (dut.answer == answer)),
            Assert(dut.changed == (merged & changes & ~collides)),
            Assert(~dut.changed | (dut.changed_at.index == index)),
            Assert(~dut.changed | (dut.changed_at.external == request.external)),
            Assert(~dut.own_ahead | (merged & of_this_node)),
            Assert(~(merged & of_this_node & (asked.flops > ago(m, entries[0].flops))) | dut.own_ahead),
            Assert(dut.n_sessions == n_sessions),
            Assert(dut.n_externals == n_externals),
            Assert(~dut.fault),
        ]
        for number, held in enumerate(entries):
            with m.If(merged & (updates | appends) & ~collides & (at == number)):
                m.d.sync += held.eq(result)
        with m.If(merged & appends & ~collides):
            m.d.sync += [
                n_sessions.eq(n_sessions + ~request.external),
                n_externals.eq(n_externals + request.external),
            ]
        announced = dut.announce.valid & dut.announce.ready
        with m.If(announced):
            m.d.sync += entries[0].flops.eq(self.announce.count)

        shown = self._watch(m, dut, entries)
        m.d.comb += [
            Cover(shown & (dut.entries.payload.entry.flops == 3) & ~dut.entries.payload.address.external),
            Cover(merged & updates & changes & ~request.own),
            Cover(merged & collides),
            Cover(merged & (answer == Answer.CONFLICT) & known.any()),
            Cover(dut.own_ahead & announced),
            Cover((n_sessions == 1) & (n_externals == 1)),
        ]
        return m

    def _watch(self, m: Module, dut: HashLog, entries: list[data.View]) -> Value:
        """Compares one read with the list as it was when that was accepted.  Returns when it is shown."""
        accepted = dut.read.valid & dut.read.ready
        taken = dut.entries.valid & dut.entries.ready
        outstanding, before = Signal(range(16)), Signal(range(16))
        watching = Signal()
        captured, address = Signal(Entry), Signal(EntryAddress)
        place = Mux(self.address.external, ENTRIES - 1 - self.address.index, self.address.index)
        m.d.sync += outstanding.eq(outstanding + accepted - taken)
        with m.If(accepted & self.watch & ~watching):
            m.d.sync += [
                watching.eq(1),
                before.eq(outstanding - taken),
                captured.eq(Array(entries)[place[:2]]),
                address.eq(self.address),
            ]
        done = Signal()
        shown = watching & ~done & (before == 0) & dut.entries.valid
        with m.If(watching & taken):
            m.d.sync += [before.eq(before - 1), done.eq(before == 0)]
        with m.If(shown):
            m.d.comb += [
                Assert(dut.entries.payload.entry.as_value() == captured.as_value()),
                Assert(dut.entries.payload.address == address),
            ]
        m.d.comb += [Assert(~dut.entries.valid | (outstanding != 0)), Assert(outstanding <= 15)]
        return shown
