"""What is proved of RegisterLog: of every entry, and of any one merge that is watched."""

from amaranth.hdl import Array, Assert, Assume, Cat, Cover, Module, ResetInserter, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.register_log import RegisterLog
from interlock_hdl.ports import MergeRequest
from interlock_hdl.record import Entry


def ago(m: Module, value: Value) -> Value:
    """``value`` as it was one cycle ago; zero before the beginning."""
    value = Value.cast(value)
    earlier = Signal(len(value))
    m.d.sync += earlier.eq(value)
    return earlier


def covers(entry: data.View, other: data.View) -> Value:
    """``entry`` is of the same source, with no fewer FLOPs, and no flag missing."""
    missing = other.provenance.flags & ~entry.provenance.flags
    return (entry.session_id == other.session_id) & (entry.flops >= other.flops) & (missing == 0)


class _LogProof(wiring.Component):
    """A log whose inputs are free variables in every cycle.

    Assumed: a sample is never below what entry 0 has, which is proved of the counter.

    Parameters
    ----------
    entries : int
        Size of the log.

    Members
    -------
    All inputs of the log, and
    watched : In(Entry)
        Any one entry that a peer may send: a free constant.
    """

    wipe: In(1)
    merge: In(MergeRequest)
    merge_valid: In(1)
    sample: In(96)
    scan_valid: In(1)
    entries_ready: In(1)
    watched: In(Entry)

    def __init__(self, *, entries: int) -> None:
        self.capacity = entries
        super().__init__()

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = RegisterLog(entries=self.capacity)
        m.d.comb += [
            dut.wipe.eq(self.wipe),
            dut.merge.payload.eq(self.merge),
            dut.merge.valid.eq(self.merge_valid),
            dut.scan.payload.eq(self.sample),
            dut.scan.valid.eq(self.scan_valid),
            dut.entries.ready.eq(self.entries_ready),
            Assume(self.sample >= dut.slots[0].stored.entry.flops),
        ]
        begun = Signal()
        m.d.sync += begun.eq(1)
        m.d.comb += Assume(~begun | (self.watched.as_value() == ago(m, self.watched)))
        ghost = Module()  # what the proof remembers; reset by `wipe`, as the log should reset itself
        m.submodules.ghost = ResetInserter(self.wipe)(ghost)

        self.now = dut.control.value
        self.held = [number < self.now.size for number in range(self.capacity)]
        self.entries = [slot.stored.entry for slot in dut.slots]
        self.request = dut.slots[0].request.entry
        self.from_peer_of_own = ~self.now.own & (self.request.session_id == self.entries[0].session_id)
        self.shows = Cat(h & covers(e, self.watched) for h, e in zip(self.held, self.entries, strict=True))
        self.merges_watched = (
            dut.merged & (dut.answer == Answer.OK) & ~self.now.own & ~self.from_peer_of_own
        ) & (covers(self.request, self.watched) & covers(self.watched, self.request))
        self.claim(m, dut, ghost)
        # True of the scan's registers, and needed by every induction.
        now = self.now
        m.d.comb += [
            Assert(now.size <= self.capacity),
            Assert(now.scanning | ~(now.sampling | now.reading | now.offering)),
            Assert(~now.sampling | (dut.own_ready & ~now.reading & ~now.offering)),
            Assert(~(now.offering & now.last & now.reading)),
        ]
        return m


class MergeProof(_LogProof):
    """No entry is ever lowered, lost, renamed or doubled but by a wipe; what is refused changes nothing.

    What is merged and not refused is in the log in the next cycle.
    """

    def claim(self, m: Module, dut: RegisterLog, ghost: Module) -> None:
        now, entries, request = self.now, self.entries, self.request

        size_before = ago(ghost, now.size)
        refused = dut.merged & ((dut.answer != Answer.OK) | (self.from_peer_of_own & dut.own_ready))
        refused_before, sampling_before = ago(ghost, refused), ago(ghost, now.sampling)
        m.d.comb += [
            Assert(~ago(ghost, self.merges_watched) | self.shows.any()),
            Assert((ago(ghost, self.shows) & ~self.shows) == 0),
            Assert(now.size >= size_before),
            Assert(~refused_before | (now.size == size_before)),
            Assert(dut.merged | ~dut.own_ahead),
        ]
        for number, entry in enumerate(entries):
            before = Entry(ago(ghost, entry))
            was_held = number < size_before
            unchanged = before.as_value() == entry.as_value()
            if number == 0:
                unchanged |= sampling_before
            m.d.comb += [
                Assert(~was_held | covers(entry, before)),
                Assert(~was_held | (entry.provenance.mode == before.provenance.mode)),
                Assert(~was_held | (entry.provenance.weight_table == before.provenance.weight_table)),
                Assert(~refused_before | unchanged),
            ]
            for other in entries[:number]:
                m.d.comb += Assert(~self.held[number] | (other.session_id != entry.session_id))

        # What carries the induction: comparisons of one cycle still hold in the next.
        m.d.comb += [
            Assert(~(now.comparing & now.writing)),
            Assert(~now.sampling | (dut.slots[0].flops >= entries[0].flops)),
        ]
        for number, slot in enumerate(dut.slots):
            m.d.comb += Assert(self.held[number] | (slot.stored.as_value() == 0))
            with m.If(now.writing):
                m.d.comb += [
                    Assert(now.same_id[number] == (slot.same_id & self.held[number])),
                    Assert(now.clash[number] == ~slot.same_counting),
                    Assert(~now.vacant[number] | (now.size == number)),
                    Assert(~now.vacant[number] | (now.own == (number == 0))),
                ]
                if number:  # entry 0's FLOPs may have been raised meanwhile
                    more = now.more_high[number] | (now.same_high[number] & now.more_low[number])
                    m.d.comb += Assert(more == (request.flops > entries[number].flops))
        m.d.comb += [Cover(now.size == self.capacity), Cover(refused_before & (now.size == 2))]
        m.d.comb += Cover(dut.own_ahead)


class ScanProof(_LogProof):
    """A scan shows the fresh sample first, then every entry once and in order, each as it was when read.

    And a merge that was done before the scan was accepted shows in it, whichever merge is watched.

    Assumed: what :class:`MergeProof` proves, so far as it is needed here.
    """

    def claim(self, m: Module, dut: RegisterLog, ghost: Module) -> None:
        now, entries = self.now, self.entries
        m.d.comb += [
            Assume(~ago(ghost, self.merges_watched) | self.shows.any()),
            Assume((ago(ghost, self.shows) & ~self.shows) == 0),
            Assume(now.size >= ago(ghost, now.size)),
        ]
        known = Signal()  # the watched entry was merged
        with ghost.If(self.merges_watched):
            ghost.d.sync += known.eq(1)

        # As of the scan's acceptance.
        due = Signal()
        sample = Signal(96)
        left = Signal.like(now.index)
        shown = Signal()
        captured = Signal(Entry)
        accepted = dut.scan.valid & dut.scan.ready
        transferred = dut.entries.valid & dut.entries.ready
        shows_it = transferred & covers(dut.entries.payload.entry, self.watched)
        with ghost.If(accepted):
            ghost.d.sync += [due.eq(known), sample.eq(self.sample)]
            ghost.d.sync += [left.eq(now.size), shown.eq(0)]
        with ghost.If(transferred):
            ghost.d.sync += [left.eq(left - 1), shown.eq(shown | shows_it)]
        with ghost.If(dut.read):
            ghost.d.sync += captured.eq(Array(entries)[dut.read_index])
        position = now.scan_size - left
        m.d.comb += [
            Assert(~accepted | (~now.scanning & (now.size != 0))),
            Assert(~dut.read | (dut.read_index == position + dut.entries.valid)),
            Assert(~dut.entries.valid | (dut.entries.payload.entry.as_value() == captured.as_value())),
            Assert(~dut.entries.valid | (dut.entries.payload.last == (left == 1))),
            Assert(~(dut.entries.valid & (position == 0)) | (captured.flops == sample)),
            Assert(~(transferred & dut.entries.payload.last & due) | shown | shows_it),
            Assert(now.scanning == (left != 0)),
        ]

        # What carries the induction.
        still_to_read = Cat(
            shows & (n >= now.index) & (n < now.scan_size) for n, shows in enumerate(self.shows)
        )
        m.d.comb += [
            Assert(~known | self.shows.any()),
            Assert(now.scan_size <= now.size),
            Assert(left <= now.scan_size),
            Assert(~now.scanning | (now.index == position + now.offering)),
            Assert(~now.sampling | ((now.index == 0) & (dut.slots[0].flops == sample))),
            Assert(~now.offering | (now.last == (now.index == now.scan_size))),
            Assert(now.reading == (now.scanning & ~now.sampling & (now.index != now.scan_size))),
            Assert(~now.scanning | now.sampling | (entries[0].flops == sample)),
            Assert(
                ~(now.scanning & due)
                | shown
                | (now.offering & covers(dut.entries.payload.entry, self.watched))
                | still_to_read.any()
            ),
        ]
        m.d.comb += Cover(transferred & dut.entries.payload.last & due & (now.scan_size == self.capacity))
