"""The log as registers: every entry is compared at once (D6)."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, ResetInserter, Signal, Value
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
            # Merge: a request is compared with every slot in one cycle, and written in the next.
            "comparing": 1,
            "writing": 1,
            "own": 1,
            "reserved": 1,  # has a reserved flag
            "same_id": entries,
            "clash": entries,  # counted in another way
            "more_high": entries,
            "same_high": entries,
            "more_low": entries,
            "vacant": entries,  # here, if its id is new
            # Scan: the sample is written, then entries are read one by one.
            "scanning": 1,
            "sampling": 1,
            "reading": 1,
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
        m.submodules.control = control = self.control
        for number, slot in enumerate(self.slots):
            m.submodules[f"slot_{number}"] = slot
        now, following = control.value, control.next
        m.d.comb += [control.load.eq(1), following.eq(now), following.awake.eq(1)]
        m.d.comb += [self.size.eq(now.size), self.own_ready.eq(now.size != 0)]

        damage = Cat(self._merge(m), self._scan(m), *(slot.damaged for slot in self.slots))
        # Parity of some hundred bits each, so a register of its own.
        damaged = Signal(len(damage))
        m.d.sync += [
            damaged.eq(damage),
            self.fault.eq(self.fault | damaged.any() | control.fault),
        ]
        return ResetInserter(self.wipe)(m)

    def _merge(self, m: Module) -> Value:
        """Accept and protect, compare, write.  Returns what damages it."""
        now, following = self.control.value, self.control.next
        asked = self.merge.payload
        accept = self.merge.valid & self.merge.ready
        request = Signal(CheckedEntry)
        m.d.comb += [
            self.merge.ready.eq(now.awake & ~now.comparing),
            following.comparing.eq(accept),
            following.writing.eq(now.comparing),
        ]
        with m.If(accept):
            m.d.sync += [request.entry.eq(asked.entry), request.parity.eq(parity_of(asked.entry))]
            m.d.comb += [
                following.own.eq(asked.own),
                following.reserved.eq((asked.entry.provenance.flags & RESERVED_FLAGS).any()),
            ]

        # What is found here counts in the next cycle only, if that writes.
        for number, slot in enumerate(self.slots):
            m.d.comb += [
                slot.request.eq(request),
                # Vacant slots hold id 0, which a peer may well send.
                following.same_id[number].eq(slot.same_id & (now.size > number)),
                following.clash[number].eq(~slot.same_counting),
                following.more_high[number].eq(slot.more_high),
                following.same_high[number].eq(slot.same_high),
                following.more_low[number].eq(slot.more_low),
                # Slot 0 is for the node's own entry and for no other.
                following.vacant[number].eq(
                    (now.size == number) & (now.own == (number == 0)) & ~now.reserved
                ),
            ]

        more_flops = now.more_high | (now.same_high & now.more_low)
        known = now.same_id.any()
        for number, slot in enumerate(self.slots):
            append = now.writing & now.vacant[number] & ~known
            if number == 0:
                add = now.writing & now.own & self.own_ready & ~now.clash[0] & ~now.reserved
                update = Const(0)
            else:
                add = now.writing & ~now.own & now.same_id[number] & ~now.clash[number] & ~now.reserved
                update = add & more_flops[number]
            m.d.comb += [
                slot.flops.eq(request.entry.flops),
                slot.flops_parity.eq(request.parity.flops),
                slot.take_id.eq(append),
                slot.take_flops.eq(append | update),
                slot.add_provenance.eq(append | add),
            ]
            with m.If(append):
                m.d.comb += following.size.eq(number + 1)

        m.d.comb += self.merged.eq(now.writing)
        clash = Mux(now.own, now.clash[0], (now.same_id & now.clash).any())
        with m.If(now.writing):
            with m.If(~now.own & now.same_id[0]):
                m.d.comb += self.own_ahead.eq(more_flops[0])
            with m.Elif(now.reserved | Mux(self.own_ready, clash, ~now.own)):
                m.d.comb += self.answer.eq(Answer.CONFLICT)
            with m.Elif(~now.own & ~known & (now.size == self.capacity)):
                m.d.comb += self.answer.eq(Answer.FULL)
        return is_damaged(request)

    def _scan(self, m: Module) -> Value:
        """Accept and protect the sample, write it, read.  Returns what damages it."""
        now, following = self.control.value, self.control.next
        own_slot = self.slots[0]
        sample = Signal(96)
        sample_parity = Signal()
        m.d.comb += [
            self.scan.ready.eq(self.own_ready & ~now.scanning),
            self.scan_size.eq(now.scan_size),
            following.sampling.eq(0),
        ]
        with m.If(self.scan.valid & self.scan.ready):
            m.d.sync += [sample.eq(self.scan.payload), sample_parity.eq(self.scan.payload.xor())]
            m.d.comb += [
                following.scanning.eq(1),
                following.sampling.eq(1),
                following.scan_size.eq(now.size),
                following.index.eq(0),
            ]
        with m.If(now.sampling):  # while there is an entry 0, so nothing is appended in its place
            m.d.comb += [
                own_slot.flops.eq(sample),
                own_slot.flops_parity.eq(sample_parity),
                own_slot.take_flops.eq(1),
                following.reading.eq(1),
            ]
        too_low = now.sampling & (sample < own_slot.stored.entry.flops)

        offered = Signal(CheckedEntry)
        m.d.comb += [
            self.entries.valid.eq(now.offering),
            self.entries.payload.entry.eq(offered.entry),
            self.entries.payload.last.eq(now.last),
            self.read.eq(now.reading & (~now.offering | self.entries.ready)),
            self.read_index.eq(now.index),
        ]
        with m.If(self.entries.ready & now.offering):
            m.d.comb += following.offering.eq(0)
            with m.If(now.last):
                m.d.comb += following.scanning.eq(0)
        with m.If(self.read):
            is_last = now.index + 1 == now.scan_size
            m.d.sync += offered.eq(Array(slot.stored for slot in self.slots)[now.index])
            m.d.comb += [
                following.offering.eq(1),
                following.index.eq(now.index + 1),
                following.last.eq(is_last),
                following.reading.eq(~is_last),
            ]
        return Cat(sample.xor() ^ sample_parity, too_low, is_damaged(offered))
