"""Whether a record may be where it is, as far as its header tells (docs/specification.md)."""

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.credits import whole_blocks
from interlock_hdl.message import MESSAGE_HEADER_BYTES
from interlock_hdl.record import (
    BLOCK_BYTES,
    ENTRY_BYTES,
    PREFIX_HEADER_BYTES,
    RecordFlag,
    RecordHeader,
    RecordType,
)

SOM, EOM = (flag.bit_length() - 1 for flag in (RecordFlag.SOM, RecordFlag.EOM))
"""Their bit numbers."""


class RecordRules(wiring.Component):
    """Judges a record by its header, by what is open on its channel, and by the room that is left to it.

    Combinational.

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
        The record may not be here.
    uses, amount : Out(1), Out(range(staging_bytes + 1))
        It uses so much of the room.
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
                "amount": Out(staging),
            }
        )

    def elaborate(self, platform):
        m = Module()
        length = self.header.length
        som, eom = self.header.flags[SOM], self.header.flags[EOM]
        with m.Switch(self.header.type):
            with m.Case(RecordType.PREFIX):
                least = Mux(som, PREFIX_HEADER_BYTES + ENTRY_BYTES, ENTRY_BYTES)
                fits = (length >= least) & ~length[: exact_log2(ENTRY_BYTES)].any()
                m.d.comb += [
                    self.malformed.eq(
                        Mux(som, self.message_open | (self.room < MESSAGE_HEADER_BYTES), ~self.middle) | ~fits
                    ),
                    self.uses.eq(som),
                    self.amount.eq(MESSAGE_HEADER_BYTES),
                ]
            with m.Case(RecordType.PAYLOAD):
                # What does not fit in `amount` does not fit in the room, either.  That is whole blocks: the
                # length alone tells whether it has as many as the record takes.
                fits = eom | ~length[: exact_log2(BLOCK_BYTES)].any()
                m.d.comb += [
                    self.malformed.eq(~self.message_open | self.middle | som | ~fits | (self.room < length)),
                    self.uses.eq(1),
                    self.amount.eq(whole_blocks(length)),
                ]
            with m.Case(RecordType.ABORT):
                m.d.comb += self.malformed.eq(~self.message_open)
        return m
