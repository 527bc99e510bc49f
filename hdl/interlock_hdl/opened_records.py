"""What leaves the engine: plaintext for the slots, and of every record whether its tag was right."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.crypto.aes_round import BLOCK_BITS
from interlock_hdl.crypto.gcm import BLOCK_BYTES, GcmBlock
from interlock_hdl.record import RECORD_MAX_LENGTH, RecordHeader
from interlock_hdl.wire import network

TAG_PARTS = 8  # in which its difference is looked at

OpenedHeader = data.StructLayout({"type": 3, "flags": 2, "length": range(RECORD_MAX_LENGTH + 1)})
"""What a header says that is not known before; ``flags``: SOM and EOM."""


class OpenedRow(data.StructLayout):
    """A beat of a body.

    Members
    -------
    data : the beat's
    last : of the body
    count : its bytes there, modulo the beat's size
    """

    def __init__(self, beat_bytes: int) -> None:
        super().__init__({"data": 8 * beat_bytes, "last": 1, "count": range(beat_bytes)})


class OpenedRecords(wiring.Component):
    """Takes opened records from a ``Gcm``, and never makes it wait longer than their bodies take in beats.

    A row is written in the cycle in which it is there; a record is judged before a row of the next one is
    written.  The difference of its tag is looked at as a whole, in the same time whatever differs.

    Latency: from a block that is taken, a cycle to its row, two to ``judged``.  Throughput: one row a cycle,
    or a block where that is no body.

    Parameters
    ----------
    beat_bytes, links : int
    slots : int
        Of the ``Gcm``.

    Members
    -------
    i : In(stream of GcmBlock)
    write, row : Out(links), Out(OpenedRow)
        Strobe: a row for the slot, in order.
    left : Out(links)
        Strobe: a block of a body of the slot was written to the end.
    judged, right : Out(links), Out(1)
        Strobe: a record is there to the end; its tag was right.
    header : Out(OpenedHeader)
        Of a record that is ``judged``.
    occupied : Out(links)
        Something of the slot is here that was not judged.
    wipe : In(1)
        Holds the block in reset.
    """

    def __init__(self, *, beat_bytes: int, links: int, slots: int) -> None:
        self.beat_bytes = beat_bytes
        self.links = links
        super().__init__(
            {
                "i": In(stream.Signature(GcmBlock(slots))),
                "write": Out(links),
                "row": Out(OpenedRow(beat_bytes)),
                "left": Out(links),
                "judged": Out(links),
                "right": Out(1),
                "header": Out(OpenedHeader),
                "occupied": Out(links),
                "wipe": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        beat_bytes = self.beat_bytes
        block = Signal(self.i.p.shape())
        valid = Signal()
        position = Signal(range(BLOCK_BYTES // beat_bytes))  # of the row in its block
        is_body = ~block.first & ~block.last
        done = ~is_body | (position == block.bytes >> exact_log2(beat_bytes))
        m.d.comb += self.i.ready.eq(~valid | done)
        with m.If(self.i.ready):
            m.d.sync += [valid.eq(self.i.valid), block.eq(self.i.p), position.eq(0)]
        with m.Else():
            m.d.sync += position.eq(position + 1)

        header = RecordHeader(network(block.block))
        bytes_left = Signal(range(RECORD_MAX_LENGTH + 1))  # of the body, from this block on
        with m.If(valid & block.first):
            m.d.sync += [
                self.header.type.eq(header.type),
                self.header.flags.eq(header.flags),
                self.header.length.eq(header.length),
                bytes_left.eq(header.length),
            ]
        with m.Elif(valid & is_body & done):
            m.d.sync += bytes_left.eq(bytes_left - BLOCK_BYTES)
        m.d.comb += [
            self.row.data.eq(block.block.word_select(position, 8 * beat_bytes)),
            self.row.last.eq((bytes_left <= BLOCK_BYTES) & done),
            self.row.count.eq(bytes_left),
        ]

        # Where a tag stands, there is none of its difference.
        width = BLOCK_BITS // TAG_PARTS
        parts = Signal(TAG_PARTS)
        m.d.sync += parts.eq(Cat(block.block.word_select(n, width).any() for n in range(TAG_PARTS)))
        m.d.comb += self.right.eq(~parts.any())
        for n in range(self.links):
            here = valid & (block.slot == n)
            m.d.comb += [
                self.write[n].eq(here & is_body),
                self.left[n].eq(here & is_body & done),
                self.occupied[n].eq(here | self.judged[n]),
            ]
            m.d.sync += self.judged[n].eq(here & block.last)
        return ResetInserter(self.wipe)(m)
