"""Records that are no part of a message: CREDIT and FULL_REQUEST (docs/specification.md, *Records*)."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.config import InterlockConfig
from interlock_hdl.credits import GRANT_BITS
from interlock_hdl.ports import RecordBeat
from interlock_hdl.record import RECORD_HEADER_BYTES, RECORD_VERSION, RecordHeader, RecordType
from interlock_hdl.record_parser import CREDIT_BYTES
from interlock_hdl.turns import Turns
from interlock_hdl.writer import Writer


class State(enum.Enum):
    """What is being done."""

    IDLE = 0
    ADD = 1  # what is granted, to what was
    HEADER = 2
    CREDIT = 3


class Notices(wiring.Component):
    """Grants staging to peers as it gets free, and passes on the host's wish for a FULL prefix.

    All of a channel's staging is granted when its epoch opens, and the cost of each message when it was
    released.  What gets free while a CREDIT is under way is in the next one.

    **Latency**: ``latency`` cycles from ``freed`` to the first beat of its CREDIT.
    **Throughput**: one record at a time, slots in turn.

    Parameters
    ----------
    config : InterlockConfig

    Members
    -------
    open, opened, ended : In(links)
        The epochs, and strobes of their first cycles and their ends.
    freed, freed_slot, freed_bytes : In(1), In(8), In(range(staging_bytes + 1))
        Strobe: so much of a slot's staging is free again.
    request_full : In(links)
        Strobes of the host: a FULL_REQUEST is wanted; one that leaves in the same cycle is enough.
    records, leaves : Out(stream of RecordBeat), In(1)
        ``leaves`` in the cycle in which the first beat of one is on its way for good.
    granted, slot, granted_bytes, granted_total : Out(1), Out(8), Out, Out(64)
        Strobe: a CREDIT leaves; what it grants more than the one before, and in all.
    full_requested : Out(1)
        Strobe: a FULL_REQUEST leaves for ``slot``.
    """

    latency = 5

    def __init__(self, *, config: InterlockConfig) -> None:
        self.config = config
        links = config.links
        staging = range(config.staging_bytes + 1)
        super().__init__(
            {
                "open": In(links),
                "opened": In(links),
                "ended": In(links),
                "freed": In(1),
                "freed_slot": In(8),
                "freed_bytes": In(staging),
                "request_full": In(links),
                "records": Out(stream.Signature(RecordBeat(config.beat_bytes, links))),
                "leaves": In(1),
                "granted": Out(1),
                "slot": Out(8),
                "granted_bytes": Out(staging),
                "granted_total": Out(GRANT_BITS),
                "full_requested": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        links = self.config.links
        longest = max(RECORD_HEADER_BYTES, CREDIT_BYTES)
        writer = Writer(m, self.records, beat_bytes=self.config.beat_bytes, longest=longest)
        slot = self.slot

        totals = Array(Signal(GRANT_BITS, name=f"total_{i}") for i in range(links))
        free = Array(Signal.like(self.granted_bytes, name=f"free_{i}") for i in range(links))
        wanted = Signal(links)  # a FULL_REQUEST
        owed = Signal(links)  # a CREDIT
        is_credit = Signal()
        cut = Signal()  # the epoch of the record at hand ends
        m.d.comb += cut.eq(self.ended.bit_select(slot, 1))

        m.submodules.turns = turns = Turns(count=links)
        m.d.comb += [turns.last.eq(slot), turns.asking.eq(self.open & (owed | wanted))]

        header = Signal(RecordHeader)
        m.d.comb += [
            header.version.eq(RECORD_VERSION),
            header.type.eq(Mux(is_credit, RecordType.CREDIT, RecordType.FULL_REQUEST)),
            header.length.eq(Mux(is_credit, CREDIT_BYTES, 0)),
            writer.beat.slot.eq(slot),
        ]
        m.d.comb += [
            self.granted.eq(self.leaves & is_credit),
            self.full_requested.eq(self.leaves & ~is_credit),
        ]

        state = Signal(State)
        with m.Switch(state):
            with m.Case(State.IDLE):
                with m.If(turns.any & ~writer.valid & ~writer.held):
                    m.d.sync += [slot.eq(turns.next), state.eq(State.ADD)]
            with m.Case(State.ADD):
                m.d.sync += [
                    is_credit.eq(owed.bit_select(slot, 1)),
                    self.granted_bytes.eq(free[slot]),
                    self.granted_total.eq(totals[slot] + free[slot]),
                    state.eq(State.HEADER),
                ]
            with m.Case(State.HEADER):
                writer.word(header, RECORD_HEADER_BYTES)
                m.d.comb += [
                    writer.beat.first.eq(writer.begins),
                    writer.beat.last.eq(~is_credit & writer.ends),
                ]
                with m.If(writer.word_ends):
                    m.d.sync += state.eq(Mux(is_credit, State.CREDIT, State.IDLE))
            with m.Case(State.CREDIT):
                writer.word(self.granted_total, CREDIT_BYTES)
                m.d.comb += writer.beat.last.eq(writer.ends)
                with m.If(writer.word_ends):
                    m.d.sync += state.eq(State.IDLE)
        with m.If(cut):
            m.d.sync += state.eq(State.IDLE)
        writer.withdraw(slot, self.ended)

        is_freed, freed_bytes = Signal(links), Signal.like(self.freed_bytes)
        m.d.sync += freed_bytes.eq(self.freed_bytes)
        was_granted = Signal(links)  # to add up what is late, that a CREDIT left: the next one takes longer
        for i in range(links):
            m.d.sync += [
                was_granted[i].eq(self.granted & (slot == i) & ~self.ended[i]),
                is_freed[i].eq(self.freed & (self.freed_slot == i) & ~(self.opened | self.ended)[i]),
                free[i].eq(
                    free[i] + Mux(is_freed[i], freed_bytes, 0) - Mux(was_granted[i], self.granted_bytes, 0)
                ),
            ]
            with m.If(was_granted[i]):
                m.d.sync += totals[i].eq(self.granted_total)
            with m.If((state == State.ADD) & (slot == i)):
                m.d.sync += owed[i].eq(0)  # what is freed from now on is for the next one
            with m.If(is_freed[i]):
                m.d.sync += owed[i].eq(1)
            with m.If(self.request_full[i]):
                m.d.sync += wanted[i].eq(1)
            with m.If(self.full_requested & (slot == i)):
                m.d.sync += wanted[i].eq(0)  # what is wanted in this very cycle is answered, too
            with m.If(self.opened[i]):
                m.d.sync += [free[i].eq(self.config.staging_bytes), totals[i].eq(0), owed[i].eq(1)]
            with m.If(self.ended[i]):
                m.d.sync += [owed[i].eq(0), wanted[i].eq(0)]
        return m
