"""The log's store as registers: every entry is compared at once (D6)."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, wiring

from interlock_hdl.config import MAX_REGISTER_LOG
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.slot import CheckedEntry, EntrySlot, is_damaged, parity_of
from interlock_hdl.log.store import EntryAddress, StoreSignature
from interlock_hdl.record import ProvenanceFlag
from interlock_hdl.twin import Twin

CheckedCount = data.StructLayout({"flops": 96, "parity": 1})

RESERVED_FLAGS = 0xFFFF & ~sum(ProvenanceFlag)


def _control(entries: int) -> data.StructLayout:
    """The registers that decide what becomes of data."""
    count = range(entries + 1)
    return data.StructLayout(
        {
            "awake": 1,  # the first cycle is over
            "n_sessions": count,
            "n_externals": count,
            "full": 1,
            # Merge: a request is compared with every slot in one cycle, and written in the next.
            "comparing": 1,
            "writing": 1,
            "own": 1,
            "external": 1,
            "reserved": 1,  # has a reserved flag
            "same": entries,  # is already here
            "clash": entries,  # counted in another way
            "same_flags": entries,
            "more_high": entries,  # than the entry has; of the first one, than was announced
            "same_high": entries,
            "more_low": entries,
            "vacant": entries,  # here, if it is new
            # Announcement: the count is written as it comes, the rest is compared, then kept.
            "comparing_said": 1,
            "keeping_said": 1,
            "more_said_high": 1,
            "same_said": 1,
            "more_said_low": 1,
            # Read: what was read is offered.
            "offering": 1,
            "address": EntryAddress,
        }
    )


class RegisterLog(wiring.Component):
    """A store that is small enough to compare a request with every entry at once.

    See :class:`StoreSignature`.  Sessions stand in the slots from the first one up, externals from the last
    one down.  Entry 0 of the sessions is the node's own: the first ``own`` request makes it, later ones only
    add provenance flags, announcements raise its FLOPs, no peer can change it.

    **Faults**: entries, requests and announcements carry parity from before the first register that they
    enter; control registers are held twice; all of it is checked in every cycle.  ``fault`` is up at most 2
    cycles after any one flip-flop flipped, so at most 2 cycles after anything wrong was first offered.  An
    announced count below what entry 0 has is a fault too, raised no later than the first entry that is read
    after it is offered.

    **Latency**: ``merge_latency`` cycles from a merge request to ``merged``; ``read_latency`` cycles from a
    read to its entry.  **Throughput**: a merge every 2 cycles, whatever it does; an entry every cycle; an
    announcement every 2 cycles.

    Parameters
    ----------
    entries : int
        Entries that it holds, 2 … 64.

    Members
    -------
    As of :class:`StoreSignature`.  ``read.ready`` follows ``entries.ready`` in the same cycle, which saves a
    second output register of 256 bits.
    """

    merge_latency = 2
    read_latency = 1

    def __init__(self, *, entries: int) -> None:
        if not 2 <= entries <= MAX_REGISTER_LOG:
            raise ValueError(f"entries must be 2 … {MAX_REGISTER_LOG}, not {entries}")
        self.capacity = entries
        self.slots = [EntrySlot() for _ in range(entries)]
        # Every register that decides something is in here; those that only carry data have parity.
        self.control = Twin(_control(entries))
        self.announced = Signal(CheckedCount)
        super().__init__(StoreSignature(entries))

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.control = control = self.control
        for number, slot in enumerate(self.slots):
            m.submodules[f"slot_{number}"] = slot
        now, following = control.value, control.next
        m.d.comb += [control.load.eq(1), following.eq(now), following.awake.eq(1)]
        m.d.comb += [
            self.n_sessions.eq(now.n_sessions),
            self.n_externals.eq(now.n_externals),
            self.own_ready.eq(now.n_sessions != 0),
        ]

        damage = Cat(self._merge(m), self._announce(m), self._read(m), *(slot.damaged for slot in self.slots))
        # Parity of some hundred bits each, so a register of its own.
        damaged = Signal(len(damage))
        m.d.sync += [
            damaged.eq(damage),
            self.fault.eq(self.fault | damaged.any() | control.fault),
        ]
        outer = Module()
        outer.submodules.log = ResetInserter(self.wipe)(m)
        outer.d.sync += self.wiped.eq(self.wipe)
        return outer

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
            flags = asked.entry.provenance.flags
            m.d.sync += [request.entry.eq(asked.entry), request.parity.eq(parity_of(asked.entry))]
            m.d.comb += [
                following.own.eq(asked.own),
                following.external.eq(asked.external),
                following.reserved.eq(~asked.external & (flags & RESERVED_FLAGS).any()),
            ]

        # What is found here counts in the next cycle only, if that writes.
        last = self.capacity - 1
        flops, announced = request.entry.flops, self.announced.flops
        m.d.comb += [
            following.more_high[0].eq(flops[48:] > announced[48:]),
            following.same_high[0].eq(flops[48:] == announced[48:]),
            following.more_low[0].eq(flops[:48] > announced[:48]),
        ]
        for number, slot in enumerate(self.slots):
            # Vacant slots hold zeros, which a peer may well send.
            is_session = ~now.external & (now.n_sessions > number)
            is_external = now.external & (now.n_externals > last - number) & slot.same_rest
            is_next = Mux(now.external, now.n_externals == last - number, now.n_sessions == number)
            m.d.comb += [
                slot.request.eq(request),
                following.same[number].eq(slot.same_id & (is_session | is_external)),
                following.clash[number].eq(~slot.same_counting),
                following.same_flags[number].eq(slot.same_flags),
                # Slot 0 is for the node's own entry and for no other, which comes first.
                following.vacant[number].eq(
                    is_next
                    & ~now.full
                    & ~now.reserved
                    & (~now.own if number else now.own)
                    & (self.own_ready if number else 1)
                ),
            ]
            if number:
                m.d.comb += [
                    following.more_high[number].eq(slot.more_high),
                    following.same_high[number].eq(slot.same_high),
                    following.more_low[number].eq(slot.more_low),
                ]

        known = now.same.any()
        more_flops = now.more_high | (now.same_high & now.more_low)
        appends, changes = Signal(self.capacity), Signal(self.capacity)
        for number, slot in enumerate(self.slots):
            append = now.writing & now.vacant[number] & ~known
            add = now.writing & ~now.external & ~now.clash[number] & ~now.reserved
            if number == 0:
                add &= now.own & self.own_ready
                update = Const(0)
            else:
                add &= ~now.own & now.same[number]
                update = add & more_flops[number]
            m.d.comb += [
                slot.flops.eq(request.entry.flops),
                slot.flops_parity.eq(request.parity.flops),
                slot.take_id.eq(append),
                slot.take_flops.eq(append | update),
                slot.add_provenance.eq(append | add),
                appends[number].eq(append),
                changes[number].eq(update | (add & ~now.same_flags[number])),
            ]
        held = now.n_sessions + now.n_externals
        with m.If(appends.any()):
            m.d.comb += following.full.eq(held == last)
            with m.If(now.external):
                m.d.comb += following.n_externals.eq(now.n_externals + 1)
            with m.Else():
                m.d.comb += following.n_sessions.eq(now.n_sessions + 1)

        at = Cat(
            Cat(changes[n] for n in range(self.capacity) if n >> bit & 1).any()
            for bit in range(last.bit_length())
        )
        m.d.comb += [
            self.merged.eq(now.writing),
            self.changed.eq(appends.any() | changes.any()),
            self.changed_at.external.eq(now.external),
            self.changed_at.index.eq(
                Mux(changes.any(), at, Mux(now.external, now.n_externals, now.n_sessions))
            ),
        ]
        clash = Mux(now.own, now.clash[0], (now.same & now.clash).any())
        with m.If(now.writing):
            with m.If(~now.own & ~now.external & now.same[0]):
                m.d.comb += self.own_ahead.eq(more_flops[0])
            with m.Elif(now.reserved | Mux(self.own_ready, clash, ~now.own)):
                m.d.comb += self.answer.eq(Answer.CONFLICT)
            with m.Elif(~now.own & ~known & now.full):
                m.d.comb += self.answer.eq(Answer.FULL)
        return is_damaged(request)

    def _announce(self, m: Module) -> Value:
        """Write the count, protect the rest, keep the maximum.  Returns what damages it."""
        now, following = self.control.value, self.control.next
        own_slot, asked, announced = self.slots[0], self.announce.payload, self.announced
        said = Signal(CheckedCount)
        accept = self.announce.valid & self.announce.ready
        m.d.comb += [
            self.announce.ready.eq(self.own_ready & ~now.comparing_said),
            following.comparing_said.eq(accept),
            following.keeping_said.eq(now.comparing_said),
            following.more_said_high.eq(said.flops[48:] > announced.flops[48:]),
            following.same_said.eq(said.flops[48:] == announced.flops[48:]),
            following.more_said_low.eq(said.flops[:48] > announced.flops[:48]),
        ]
        with m.If(accept):  # there is an entry 0, so nothing is appended in its place
            m.d.sync += [said.flops.eq(asked.announced), said.parity.eq(asked.announced.xor())]
            m.d.comb += [
                own_slot.flops.eq(asked.count),
                own_slot.flops_parity.eq(asked.count.xor()),
                own_slot.take_flops.eq(1),
            ]
        with m.If(now.keeping_said & (now.more_said_high | (now.same_said & now.more_said_low))):
            m.d.sync += announced.eq(said)
        too_low = accept & (asked.count < own_slot.stored.entry.flops)
        return Cat(too_low, said.as_value().xor(), announced.as_value().xor())

    def _read(self, m: Module) -> Value:
        """Capture an entry, and offer it.  Returns what damages it."""
        now, following = self.control.value, self.control.next
        last, asked = self.capacity - 1, self.read.payload
        offered = Signal(CheckedEntry)
        m.d.comb += [
            self.read.ready.eq(~now.offering | self.entries.ready),
            self.entries.valid.eq(now.offering),
            self.entries.payload.entry.eq(offered.entry),
            self.entries.payload.address.eq(now.address),
        ]
        number = asked.index[: last.bit_length()]
        if self.capacity & last:
            number = Mux(asked.external, last - number, number)
        else:  # the same, without a subtraction before the multiplexer
            number = number ^ asked.external.replicate(len(number))
        with m.If(self.entries.ready):
            m.d.comb += following.offering.eq(0)
        with m.If(self.read.valid & self.read.ready):
            m.d.sync += offered.eq(Array(slot.stored for slot in self.slots)[number])
            m.d.comb += [following.offering.eq(1), following.address.eq(asked)]
        return is_damaged(offered)
