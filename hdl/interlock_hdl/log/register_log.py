"""The log as registers: every entry is compared at once (D6)."""

from amaranth.hdl import Array, Cat, Module, ResetInserter, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.config import MAX_REGISTER_LOG
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.slot import CheckedEntry, EntrySlot, is_damaged, parity_of
from interlock_hdl.ports import EntryStream, MergeStream, ScanStream
from interlock_hdl.record import ProvenanceFlag
from interlock_hdl.twin import Twin

RESERVED_FLAGS = 0xFFFF & ~sum(ProvenanceFlag)


def _control(entries: int) -> data.StructLayout:
    """The registers that decide what becomes of data."""
    count = range(entries + 1)
    return data.StructLayout(
        {
            "awake": 1,  # the first cycle is over
            "size": count,
            # Merge: a request is compared in one cycle and written in the next.
            "comparing": 1,
            "writing": 1,
            "own": 1,
            "reserved": 1,
            "same_id": entries,
            "more_flops": entries,
            "same_counting": entries,
            # Scan: the sample is written, then entries are read one by one.
            "scanning": 1,
            "sampling": 1,
            "scan_size": count,
            "index": count,
            "offering": 1,
            "last": 1,
        }
    )


class RegisterLog(wiring.Component):
    """A grow-only map from source to FLOPs, small enough to compare a request with every entry at once.

    Nothing in it is ever lowered or dropped but by ``wipe``.  Entry 0 is the node's own: the first ``own``
    request makes it, later ones only add provenance flags, scans raise its FLOPs, no peer can change it.

    A merge is seen by every read made in a later cycle than its ``merged``, and by none made in that cycle or
    before.  A scan emits the entries that there were when it was accepted, in order, once, each as it is when
    it is read.

    **Faults**: entries, requests and samples carry parity from before the first register that they enter;
    control registers are held twice; all of it is checked in every cycle.  ``fault`` is up at most 2 cycles
    after any one flip-flop flipped, so at most 2 cycles after anything wrong was first offered.  A sample
    below what entry 0 has is a fault too, raised no later than the first entry of its scan is offered.

    **Latency**: 2 cycles from a merge request to ``merged``; ``scan_latency`` cycles from a scan request to
    its first entry.  **Throughput**: a merge every 2 cycles, whatever it does; an entry every cycle.

    Parameters
    ----------
    entries : int
        Sources that it holds, 2 … 64.

    Members
    -------
    wipe : In(1)
        Everything back to empty.
    merge : In(MergeStream)
        A peer's entry, or with ``own`` one from inside this node.  Before there is an entry 0, a peer's is a
        CONFLICT.
    merged, answer : Out(1), Out(Answer)
        Strobe for each request, in order, and what became of it.
    own_ahead : Out(1)
        With ``merged``: a peer claims more FLOPs for this node's id than entry 0 had one cycle before.
    scan : In(ScanStream)
        The node's own count, freshly sampled.  Taken while no scan runs and entry 0 exists.
    scan_size : Out
        Entries of the scan last accepted, from the cycle after.
    entries : Out(EntryStream)
        ``last`` is on the final entry of each scan.
    size : Out
        Entries held.
    own_ready : Out(1)
        Entry 0 exists.
    read, read_index : Out(1), Out(16)
        Strobe: this entry's value is captured in this cycle.  Meant for the schedule trace, and so the one
        output that may follow an input, ``entries.ready``, in the same cycle.
    fault : Out(1)
        Latched until ``wipe``.
    """

    scan_latency = 3

    def __init__(self, *, entries: int) -> None:
        if not 2 <= entries <= MAX_REGISTER_LOG:
            raise ValueError(f"entries must be 2 … {MAX_REGISTER_LOG}, not {entries}")
        self.capacity = entries
        self.slots = [EntrySlot() for _ in range(entries)]
        # Every register that decides something is in here; those that only carry data have parity.
        self.control = Twin(_control(entries))
        super().__init__(
            {
                "wipe": In(1),
                "merge": In(MergeStream),
                "merged": Out(1),
                "answer": Out(Answer),
                "own_ahead": Out(1),
                "scan": In(ScanStream),
                "scan_size": Out(range(entries + 1)),
                "entries": Out(EntryStream),
                "size": Out(range(entries + 1)),
                "own_ready": Out(1),
                "read": Out(1),
                "read_index": Out(16),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        for number, slot in enumerate(self.slots):
            m.submodules[f"slot_{number}"] = slot
        own_slot = self.slots[0]

        m.submodules.control = control = self.control
        now, following = control.value, control.next
        m.d.comb += [control.load.eq(1), following.eq(now), following.awake.eq(1)]
        m.d.comb += [
            self.size.eq(now.size),
            self.own_ready.eq(now.size != 0),
            self.scan_size.eq(now.scan_size),
        ]

        # A merge: accept and protect, compare with all entries, write.
        request = Signal(CheckedEntry)
        accept = self.merge.valid & self.merge.ready
        asked = self.merge.payload
        flags = request.entry.provenance.flags
        m.d.comb += [
            self.merge.ready.eq(now.awake & ~now.comparing),
            following.comparing.eq(accept),
            following.writing.eq(now.comparing),
        ]
        with m.If(accept):
            m.d.sync += [request.entry.eq(asked.entry), request.parity.eq(parity_of(asked.entry))]
            m.d.comb += following.own.eq(asked.own)
        with m.If(now.comparing):
            held = Cat(number < now.size for number in range(self.capacity))
            m.d.comb += [
                # Empty slots hold id 0, which a peer may well send.
                following.same_id.eq(Cat(slot.same_id for slot in self.slots) & held),
                following.more_flops.eq(Cat(slot.more_flops for slot in self.slots)),
                following.same_counting.eq(Cat(slot.same_counting for slot in self.slots)),
                following.reserved.eq((flags & RESERVED_FLAGS).any()),
            ]

        others = now.same_id[1:]
        conflict = now.reserved | (others & ~now.same_counting[1:]).any()
        append, update, add_own = Signal(), Signal(), Signal()
        m.d.comb += self.merged.eq(now.writing)
        with m.If(now.writing):
            with m.If(now.own):
                with m.If(now.reserved | (self.own_ready & ~now.same_counting[0])):
                    m.d.comb += self.answer.eq(Answer.CONFLICT)
                with m.Elif(self.own_ready):
                    m.d.comb += add_own.eq(1)
                with m.Else():
                    m.d.comb += append.eq(1)
            with m.Elif(now.same_id[0]):
                m.d.comb += self.own_ahead.eq(now.more_flops[0])
            with m.Elif(conflict | ~self.own_ready):
                m.d.comb += self.answer.eq(Answer.CONFLICT)
            with m.Elif(others.any()):
                m.d.comb += update.eq(1)
            with m.Elif(now.size == self.capacity):
                m.d.comb += self.answer.eq(Answer.FULL)
            with m.Else():
                m.d.comb += append.eq(1)
        with m.If(append):
            m.d.comb += following.size.eq(now.size + 1)

        for number, slot in enumerate(self.slots):
            here = append & (now.size == number)
            known = update & now.same_id[number]
            m.d.comb += [
                slot.request.eq(request),
                slot.flops.eq(request.entry.flops),
                slot.flops_parity.eq(request.parity.flops),
                slot.take_id.eq(here),
                slot.take_flops.eq(here | (known & now.more_flops[number])),
                slot.add_provenance.eq(here | known),
            ]

        # A scan: accept and protect the sample, write it, then read.  There is no append to slot 0 meanwhile.
        sample = Signal(96)
        sample_parity = Signal()
        m.d.comb += self.scan.ready.eq(self.own_ready & ~now.scanning)
        with m.If(self.scan.valid & self.scan.ready):
            m.d.sync += [sample.eq(self.scan.payload), sample_parity.eq(self.scan.payload.xor())]
            m.d.comb += [
                following.scanning.eq(1),
                following.sampling.eq(1),
                following.scan_size.eq(now.size),
                following.index.eq(0),
            ]
        with m.If(now.sampling):
            m.d.comb += [
                following.sampling.eq(0),
                own_slot.flops.eq(sample),
                own_slot.flops_parity.eq(sample_parity),
                own_slot.take_flops.eq(1),
            ]
        with m.If(add_own):
            m.d.comb += own_slot.add_provenance.eq(1)
        too_low = now.sampling & (sample < own_slot.stored.entry.flops)

        offered = Signal(CheckedEntry)
        left = now.scanning & ~now.sampling & (now.index != now.scan_size)
        m.d.comb += [
            self.entries.valid.eq(now.offering),
            self.entries.payload.entry.eq(offered.entry),
            self.entries.payload.last.eq(now.last),
            self.read.eq(left & (~now.offering | self.entries.ready)),
            self.read_index.eq(now.index),
        ]
        with m.If(self.entries.ready & now.offering):
            m.d.comb += following.offering.eq(0)
            with m.If(now.last):
                m.d.comb += following.scanning.eq(0)
        with m.If(self.read):
            m.d.sync += offered.eq(Array(slot.stored for slot in self.slots)[now.index])
            m.d.comb += [
                following.offering.eq(1),
                following.index.eq(now.index + 1),
                following.last.eq(now.index + 1 == now.scan_size),
            ]

        # Parity of some hundred bits each, so a register of its own.
        damage = Signal(self.capacity + 4)
        m.d.sync += [
            damage.eq(
                Cat(
                    (slot.damaged for slot in self.slots),
                    is_damaged(request),
                    is_damaged(offered),
                    sample.xor() ^ sample_parity,
                    too_low,
                )
            ),
            self.fault.eq(self.fault | damage.any() | control.fault),
        ]
        return ResetInserter(self.wipe)(m)
