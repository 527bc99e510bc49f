"""What is proved of HashLog: of any one key that is watched, whatever the hash function is."""

from amaranth.hdl import Assert, Assume, Cover, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.entry_array import PLACES
from interlock_hdl.log.hash_index import HashIndex
from interlock_hdl.log.hash_log import RESERVED_FLAGS, HashLog
from interlock_hdl.log.index_shape import IndexShape
from interlock_hdl.log.sip_hash import Digest
from interlock_hdl.log.store import Announcement, EntryAddress, MergeRequest
from interlock_hdl.record import Entry, Provenance

SHAPE = IndexShape(address_bits=2, bucket_bits=1, slots=1, fingerprint_bits=1, stash=1)
ENTRIES = 4
"""Two buckets of one slot in each level, one bit of fingerprint and one place in the stash: everything that
can happen to an index happens with few keys."""

LATENCY = HashIndex.latency + 5
"""Of a merge, with a hash function that takes no time."""


Expected = data.StructLayout({"shown": 1, "flops": 96, "provenance": Provenance, "address": EntryAddress})
"""Of an entry that is read: whether it is the watched one, and with what."""


class AnyHash(wiring.Component):
    """Gives what the proof says."""

    key: In(128)
    message: In(256)
    kind: In(1)
    free: In(Digest)
    digest: Out(Digest)

    latency = 0

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += self.digest.eq(self.free)
        return m


def ago(m: Module, value: Value, cycles: int = 1) -> Value:
    """``value`` as it was some cycles ago; zero before the beginning."""
    for _ in range(cycles):
        earlier = Signal(len(value))
        m.d.sync += earlier.eq(value)
        value = earlier
    return value


class HashLogProof(wiring.Component):
    """A log whose inputs are free variables in every cycle, without a wipe, beside what must become of a key.

    Once it was merged, the watched key stands at one address, there alone, and every later merge of it is
    answered OK or CONFLICT as the specification says, never FULL.  A read of that address shows the key, the
    largest count and all flags of the merges that were answered in earlier cycles, and no others.

    Assumed: announced counts never fall; only entries that are held are read; the hash of the watched key is
    the same whenever it comes.  Hashes of other keys are free in every cycle.

    Members
    -------
    All inputs of the log, and
    digest : In(Digest)
        What the hash function says in this cycle.
    watched, watched_external, watched_digest : In(Entry), In(1), In(Digest)
        The key, of which only the id counts unless it is external, and its hash: free constants.
    """

    merge: In(MergeRequest)
    merge_valid: In(1)
    announce: In(Announcement)
    announce_valid: In(1)
    read: In(EntryAddress)
    read_valid: In(1)
    entries_ready: In(1)
    digest: In(Digest)
    watched: In(Entry)
    watched_external: In(1)
    watched_digest: In(Digest)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = HashLog(entries=ENTRIES, shape=SHAPE, hash_function=AnyHash())
        held = Mux(self.read.external, dut.n_externals, dut.n_sessions)
        begun = Signal()
        m.d.sync += begun.eq(1)
        m.d.comb += [
            dut.merge.payload.eq(self.merge),
            dut.merge.valid.eq(self.merge_valid),
            dut.announce.payload.eq(self.announce),
            dut.announce.valid.eq(self.announce_valid),
            dut.read.payload.eq(self.read),
            dut.read.valid.eq(self.read_valid),
            dut.entries.ready.eq(self.entries_ready),
            dut.hash.free.eq(self.digest),
            Assume(~self.announce_valid | (self.announce.count >= dut.own.stored.entry.flops)),
            Assume(~self.merge.own | (~self.merge.external & (self.merge.entry.flops == 0))),
            Assume(~self.read_valid | (self.read.index < held)),
        ]
        for constant in (self.watched, self.watched_external, self.watched_digest):
            bits = Value.cast(constant)
            m.d.comb += Assume(~begun | (bits == ago(m, bits)))

        watched_now = self._is_watched(self.merge.entry, self.merge.external)
        m.d.comb += Assume(~watched_now | (self.digest.as_value() == self.watched_digest.as_value()))
        self._claim(m, dut, watched_now)
        return m

    def _is_watched(self, entry, external: Value) -> Value:
        same_id = entry.session_id == self.watched.session_id
        same = Mux(external, entry.as_value() == self.watched.as_value(), same_id)
        return same & (external == self.watched_external)

    def _claim(self, m: Module, dut: HashLog, watched_now: Value) -> None:
        accepted = dut.merge.valid & dut.merge.ready
        answered = ago(m, accepted, LATENCY)
        asked = Entry(ago(m, self.merge.entry.as_value(), LATENCY))
        is_watched = ago(m, accepted & watched_now & ~self.merge.own, LATENCY)
        provenance = asked.provenance

        # What must be true of the watched key: kept the naive way.
        known = Signal()
        index = Signal(16)
        flops, flags, mode, table = Signal(96), Signal(16), Signal(8), Signal(8)
        reserved = (provenance.flags & RESERVED_FLAGS).any() & ~self.watched_external
        clash = (provenance.mode != mode) | (provenance.weight_table != table)
        refused = reserved | (clash & ~self.watched_external)
        own_id = Signal(128)
        has_own = dut.own_ready
        is_own = has_own & (self.watched.session_id == own_id) & ~self.watched_external
        own_request = ago(m, accepted & self.merge.own, LATENCY)
        with m.If(own_request & ~has_own & (dut.answer == Answer.OK)):
            m.d.sync += own_id.eq(asked.session_id)
        merged = is_watched & (dut.answer == Answer.OK) & ~is_own
        with m.If(merged):
            m.d.sync += [known.eq(1), flags.eq(flags | provenance.flags)]
            with m.If(~known | (asked.flops > flops)):
                m.d.sync += flops.eq(asked.flops)
            with m.If(~known):
                m.d.sync += [
                    index.eq(dut.changed_at.index),
                    mode.eq(provenance.mode),
                    table.eq(provenance.weight_table),
                ]
        more = (asked.flops > flops) | (provenance.flags & ~flags).any()
        m.d.comb += [
            Assert(dut.merged == answered),
            Assert(~dut.fault),
            Assert(~(is_watched & ~has_own) | (dut.answer == Answer.CONFLICT)),
            Assert(~(is_watched & is_own) | ((dut.answer == Answer.OK) & ~dut.changed)),
            Assert(~(is_watched & known) | ((dut.answer == Answer.CONFLICT) == refused)),
            Assert(~(is_watched & known) | (dut.answer != Answer.FULL)),
            Assert(~(merged & known) | (dut.changed == (more & ~self.watched_external))),
            Assert(~(merged & ~known) | dut.changed),
            Assert(~(merged & dut.changed) | (dut.changed_at.external == self.watched_external)),
            Assert(~(merged & known & dut.changed) | (dut.changed_at.index == index)),
            Assert(
                ~(merged & ~known)
                | (dut.changed_at.index == Mux(self.watched_external, dut.n_externals, dut.n_sessions))
            ),
        ]

        # What must be true of an entry that is read, as of the cycle of the read.
        expecting = Signal(Expected)
        m.d.comb += [
            expecting.shown.eq(
                known & (self.read.external == self.watched_external) & (self.read.index == index)
            ),
            expecting.flops.eq(flops),
            expecting.provenance.mode.eq(mode),
            expecting.provenance.weight_table.eq(table),
            expecting.provenance.flags.eq(flags),
            expecting.address.eq(self.read),
        ]
        queue = [Signal(Expected, name=f"expected_{n}") for n in range(PLACES)]
        count = Signal(range(PLACES + 1))
        push = dut.read.valid & dut.read.ready
        pop = dut.entries.valid & dut.entries.ready
        m.d.sync += count.eq(count + push - pop)
        for n, place in enumerate(queue):
            after = queue[n + 1] if n + 1 < PLACES else place
            with m.If(push & (count - pop == n)):
                m.d.sync += place.eq(expecting)
            with m.Elif(pop):
                m.d.sync += place.eq(after)
        entry, expected = dut.entries.payload.entry, queue[0]
        shows = dut.entries.valid & self._is_watched(entry, dut.entries.payload.address.external)
        m.d.comb += [
            Assert(~dut.entries.valid | (count != 0)),
            Assert(
                ~dut.entries.valid | (dut.entries.payload.address.as_value() == expected.address.as_value())
            ),
            Assert(~(dut.entries.valid & expected.shown) | shows),
            Assert(~shows | expected.shown | is_own),
            Assert(
                ~(shows & expected.shown & ~self.watched_external)
                | (
                    (entry.flops == expected.flops)
                    & (entry.provenance.as_value() == expected.provenance.as_value())
                )
            ),
            Cover(shows & expected.shown & (index == 2) & ~self.watched_external),
            Cover(shows & expected.shown & self.watched_external),
            Cover(merged & known & dut.changed),
            Cover(is_watched & (dut.answer == Answer.FULL) & (dut.n_sessions == 2)),
        ]
