"""Whether a record may be where it is, as far as its header tells (docs/specification.md)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.credits import whole_blocks
from interlock_hdl.message import MESSAGE_HEADER_BYTES
from interlock_hdl.record import (
    BLOCK_BYTES,
    ENTRY_BYTES,
    PREFIX_HEADER_BYTES,
    TYPE_BITS,
    RecordFlag,
    RecordHeader,
    RecordType,
)

SOM, EOM = (flag.bit_length() - 1 for flag in (RecordFlag.SOM, RecordFlag.EOM))
"""Their bit numbers."""


class RecordRules(wiring.Component):
    """Judges a record by its header, by what is open on its channel, and by the room that is left to it.

    Each thing that can be wrong has a register of its own, for to compare the room takes most of a cycle.

    **Latency**: one cycle to ``malformed``, none to ``uses``, ``aborts`` and ``amount``, which hold for any
    record that may be here.

    Parameters
    ----------
    staging_bytes : int

    Members
    -------
    header : In(RecordHeader)
        Of a record that the link found well-formed.
    message_open, middle : In(1)
        A message is open; further records of its prefix must follow.
    room : In(range(staging_bytes + 1))
        Bytes that the channel was granted and has not used: whole blocks of 16.
    malformed : Out(1)
        The record of the cycle before may not be here.
    uses, aborts, amount : Out(1), Out(1), Out(range(staging_bytes + 1))
        It uses so much of the room; it gives back all that its message used.
    """

    def __init__(self, *, staging_bytes: int) -> None:
        staging = range(staging_bytes + 1)
        super().__init__(
            {
                "header": In(RecordHeader),
                "message_open": In(1),
                "middle": In(1),
                "room": In(staging),
                "malformed": Out(1),
                "uses": Out(1),
                "aborts": Out(1),
                "amount": Out(staging),
            }
        )

    def elaborate(self, platform):
        m = Module()
        length = self.header.length
        som, eom = self.header.flags[SOM], self.header.flags[EOM]
        begins, continues = Signal(), Signal()  # a message; with a payload
        misplaced, unfit = Signal(), Signal()
        m.d.sync += [begins.eq(0), continues.eq(0), misplaced.eq(0), unfit.eq(0)]
        with m.Switch(self.header.type[:TYPE_BITS]):
            with m.Case(RecordType.PREFIX):
                begin, entry = (exact_log2(n) for n in (PREFIX_HEADER_BYTES + ENTRY_BYTES, ENTRY_BYTES))
                fits = Mux(som, length[begin:].any(), length[entry:].any()) & ~length[:entry].any()
                m.d.comb += [self.uses.eq(som), self.amount.eq(MESSAGE_HEADER_BYTES)]
                m.d.sync += [
                    begins.eq(som),
                    misplaced.eq(Mux(som, self.message_open, ~self.middle)),
                    unfit.eq(~fits),
                ]
            with m.Case(RecordType.PAYLOAD):
                # What does not fit in `amount` does not fit in the room, either.  That is whole blocks: the
                # length alone tells whether it has as many as the record takes.
                fits = eom | ~length[: exact_log2(BLOCK_BYTES)].any()
                m.d.comb += [self.uses.eq(1), self.amount.eq(whole_blocks(length))]
                m.d.sync += [
                    continues.eq(1),
                    misplaced.eq(~self.message_open | self.middle | som),
                    unfit.eq(~fits),
                ]
            with m.Case(RecordType.ABORT):
                m.d.comb += self.aborts.eq(1)
                m.d.sync += misplaced.eq(~self.message_open)

        no_header_fits, no_payload_fits = Signal(), Signal()
        m.d.sync += [
            no_header_fits.eq(self.room < MESSAGE_HEADER_BYTES),
            no_payload_fits.eq(self.room < length),
        ]
        m.d.comb += self.malformed.eq(
            misplaced | unfit | (begins & no_header_fits) | (continues & no_payload_fits)
        )
        return m
