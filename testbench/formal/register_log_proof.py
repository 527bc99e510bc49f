"""What is proved of RegisterLog: of every entry, and of any one merge that is watched."""

from collections.abc import Iterator

from amaranth.hdl import Array, Assert, Assume, Cat, Cover, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.register_log import RegisterLog
from interlock_hdl.log.store import EntryAddress
from interlock_hdl.record import Entry

from formal.past import ago
from formal.store_proof import StoreProof


def covers(entry: data.View, other: data.View) -> Value:
    """``entry`` is of the same source, with no fewer FLOPs, and no flag missing."""
    missing = other.provenance.flags & ~entry.provenance.flags
    return (entry.session_id == other.session_id) & (entry.flops >= other.flops) & (missing == 0)


class _LogProof(StoreProof):
    """A ``RegisterLog``, of which any one entry is watched.

    Parameters
    ----------
    entries : int
        Size of the store.

    Members
    -------
    Those of :class:`StoreProof`, and
    wipe : In(1)
    watched, watched_external : In(Entry), In(1)
        Any one entry that a peer may send: a free constant.
    """

    wipe: In(1)
    watched: In(Entry)
    watched_external: In(1)

    def __init__(self, *, entries: int) -> None:
        self.capacity = entries
        super().__init__()

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = RegisterLog(entries=self.capacity)
        self.now = now = dut.control.value
        self.drive(
            m,
            dut,
            own_flops=dut.slots[0].stored.entry.flops,
            n_sessions=now.n_sessions,
            n_externals=now.n_externals,
        )
        m.d.comb += dut.wipe.eq(self.wipe)
        begun = Signal()
        m.d.sync += begun.eq(1)
        constant = Cat(self.watched, self.watched_external)
        m.d.comb += Assume(~begun | (constant == ago(m, constant)))
        ghost = Module()  # what the proof remembers; reset by `wipe`, as the store should reset itself
        m.submodules.ghost = ResetInserter(self.wipe)(ghost)

        last = self.capacity - 1
        self.sessions = [now.n_sessions > number for number in range(self.capacity)]
        self.externals = [now.n_externals > last - number for number in range(self.capacity)]
        self.entries = [slot.stored.entry for slot in dut.slots]
        self.request = request = dut.slots[0].request.entry
        is_own_id = request.session_id == self.entries[0].session_id
        self.from_peer_of_own = ~now.own & ~now.external & dut.own_ready & is_own_id
        self.shows = Cat(
            Mux(
                self.watched_external,
                is_external & (entry.as_value() == self.watched.as_value()),
                is_session & covers(entry, self.watched),
            )
            for is_session, is_external, entry in zip(
                self.sessions, self.externals, self.entries, strict=True
            )
        )
        same = Mux(
            now.external,
            request.as_value() == self.watched.as_value(),
            covers(request, self.watched) & covers(self.watched, request),
        )
        of_peer = ~now.own & ~self.from_peer_of_own & (now.external == self.watched_external)
        self.merges_watched = dut.merged & (dut.answer == Answer.OK) & of_peer & same
        self.claim(m, dut, ghost)
        # True of the counts, and needed by every induction.
        held = now.n_sessions + now.n_externals
        m.d.comb += [
            Assert(held <= self.capacity),
            Assert(now.full == (held == self.capacity)),
            Assert(dut.own_ready | (held == 0)),
        ]
        return m

    def slot_of(self, address: data.View) -> Value:
        """Number of the slot that an entry stands in."""
        return Mux(address.external, self.capacity - 1 - address.index, address.index)


class _MergeProof(_LogProof):
    """What carries every induction about merges: comparisons of one cycle still hold in the next."""

    def carry(self, m: Module, dut: RegisterLog) -> None:
        now, last = self.now, self.capacity - 1
        m.d.comb += Assert(~(now.comparing & now.writing))
        with m.If(now.comparing | now.writing):
            m.d.comb += Assert(~(now.own & now.external))
        for number, slot in enumerate(dut.slots):
            section = Mux(now.external, self.externals[number] & slot.same_rest, self.sessions[number])
            is_next = Mux(now.external, now.n_externals == last - number, now.n_sessions == number)
            vacant = is_next & ~now.full & ~now.reserved & (now.own == (number == 0))
            if number:
                vacant &= dut.own_ready
            held = self.sessions[number] | self.externals[number]
            m.d.comb += Assert(held | (slot.stored.as_value() == 0))
            with m.If(now.writing):
                m.d.comb += [
                    Assert(now.same[number] == (slot.same_id & section)),
                    Assert(now.clash[number] == ~slot.same_counting),
                    Assert(now.same_flags[number] == slot.same_flags),
                    Assert(now.vacant[number] == vacant),
                ]
                if number:  # entry 0's FLOPs may have been raised meanwhile
                    more = now.more_high[number] | (now.same_high[number] & now.more_low[number])
                    m.d.comb += Assert(more == (self.request.flops > self.entries[number].flops))

    def doubles(self) -> Iterator[Value]:
        """For any two entries: they are of one source, or one external."""
        for number, entry in enumerate(self.entries):
            for before, other in enumerate(self.entries[:number]):
                same_id = other.session_id == entry.session_id
                yield self.sessions[before] & self.sessions[number] & same_id
                same = other.as_value() == entry.as_value()
                yield self.externals[before] & self.externals[number] & same


class MergeProof(_MergeProof):
    """No entry is ever lowered, lost or renamed but by a wipe; what is refused changes nothing.

    What is merged and not refused is in the store in the next cycle.  Assumed: what :class:`DistinctProof`
    proves.
    """

    def claim(self, m: Module, dut: RegisterLog, ghost: Module) -> None:
        now = self.now
        counts_before = [ago(ghost, now.n_sessions), ago(ghost, now.n_externals)]
        refused = dut.merged & ((dut.answer != Answer.OK) | self.from_peer_of_own)
        refused_before = ago(ghost, refused)
        announced_before = ago(ghost, dut.announce.valid & dut.announce.ready)
        m.d.comb += [
            Assert(~ago(ghost, self.merges_watched) | self.shows.any()),
            Assert((ago(ghost, self.shows) & ~self.shows) == 0),
            Assert(now.n_sessions >= counts_before[0]),
            Assert(now.n_externals >= counts_before[1]),
            Assert(dut.merged | ~dut.own_ahead),
        ]
        with m.If(refused_before):
            m.d.comb += Assert(Cat(now.n_sessions, now.n_externals) == Cat(counts_before))
        for number, entry in enumerate(self.entries):
            before = Entry(ago(ghost, entry))
            unchanged = before.as_value() == entry.as_value()
            was_session = ago(ghost, self.sessions[number])
            m.d.comb += [
                Assert(~was_session | covers(entry, before)),
                Assert(~was_session | (entry.provenance.mode == before.provenance.mode)),
                Assert(~was_session | (entry.provenance.weight_table == before.provenance.weight_table)),
                Assert(~ago(ghost, self.externals[number]) | unchanged),
                Assert(~refused_before | unchanged | (announced_before if number == 0 else 0)),
            ]
        self.carry(m, dut)
        m.d.comb += [Assume(~double) for double in self.doubles()]
        m.d.comb += [
            Cover(now.n_sessions == self.capacity),
            Cover((now.n_externals == self.capacity - 1) & refused_before),
            Cover(dut.own_ahead),
        ]


class DistinctProof(_MergeProof):
    """No two sessions have one id, no two externals one digest."""

    def claim(self, m: Module, dut: RegisterLog, ghost: Module) -> None:
        m.d.comb += [Assert(~double) for double in self.doubles()]
        self.carry(m, dut)
        m.d.comb += Cover(self.now.n_externals == self.capacity - 1)


class ChangedProof(_MergeProof):
    """``changed`` is up exactly where something but the announced count is different in the next cycle.

    And it says which entry that is.  Assumed: what :class:`DistinctProof` proves.
    """

    def claim(self, m: Module, dut: RegisterLog, ghost: Module) -> None:
        announced_before = ago(ghost, dut.announce.valid & dut.announce.ready)
        changed_before = ago(ghost, dut.changed)
        changed_slot = ago(ghost, self.slot_of(dut.changed_at))
        m.d.comb += Assert(dut.merged | ~dut.changed)
        for number, entry in enumerate(self.entries):
            before = Entry(ago(ghost, entry))
            same_flops = before.flops == entry.flops
            if number == 0:
                same_flops |= announced_before
            same_rest = (before.session_id == entry.session_id) & (
                before.provenance.as_value() == entry.provenance.as_value()
            )
            held = self.sessions[number] | self.externals[number]
            was_held = ago(ghost, self.sessions[number] | self.externals[number])
            differs = ~(same_flops & same_rest & (held == was_held))
            m.d.comb += Assert(differs == (changed_before & (changed_slot == number)))
        self.carry(m, dut)
        m.d.comb += [Assume(~double) for double in self.doubles()]
        m.d.comb += Cover(dut.changed & ~self.now.external & self.shows.any() & ~self.watched_external)


class ReadProof(_LogProof):
    """A read gives the entry as it was when it was accepted, with every merge that was done before.

    Assumed: what :class:`MergeProof` proves, so far as it is needed here.
    """

    def claim(self, m: Module, dut: RegisterLog, ghost: Module) -> None:
        m.d.comb += [
            Assume(~ago(ghost, self.merges_watched) | self.shows.any()),
            Assume((ago(ghost, self.shows) & ~self.shows) == 0),
        ]
        known = Signal()  # the watched entry was merged
        with ghost.If(self.merges_watched):
            ghost.d.sync += known.eq(1)

        # What was announced is what entry 0 has from the next cycle on.
        announced = Signal()
        count = Signal(96)
        with ghost.If(dut.announce.valid & dut.announce.ready):
            ghost.d.sync += [announced.eq(1), count.eq(self.announce.count)]
        m.d.comb += [
            Assert(~announced | (dut.own_ready & (self.entries[0].flops == count))),
            Assert(~(self.now.comparing & self.now.writing)),
            Assert(~(self.now.writing & self.now.vacant[0] & dut.own_ready)),
        ]

        owed = Signal()
        captured = Signal(Entry)
        asked = Signal(EntryAddress)
        shows_watched = Signal()
        accepted = dut.read.valid & dut.read.ready
        slot = self.slot_of(self.address)
        with ghost.If(dut.entries.ready):
            ghost.d.sync += owed.eq(0)
        with ghost.If(accepted):
            ghost.d.sync += [
                owed.eq(1),
                captured.eq(Array(self.entries)[slot]),
                asked.eq(self.address),
                shows_watched.eq(self.shows.bit_select(slot[:2], 1)),
            ]
        shown = dut.entries.payload
        m.d.comb += [
            Assert(~known | self.shows.any()),
            Assert(dut.entries.valid == owed),
            Assert(~owed | (shown.entry.as_value() == captured.as_value())),
            Assert(~owed | (shown.address.as_value() == asked.as_value())),
            Assert(
                ~(owed & shows_watched)
                | Mux(
                    self.watched_external,
                    shown.entry.as_value() == self.watched.as_value(),
                    covers(shown.entry, self.watched),
                )
            ),
            Cover(owed & shows_watched & asked.external),
        ]
