"""Holds whole messages while their digests are computed."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import Beat, beat_stream
from interlock_hdl.digest import TreeDigest
from interlock_hdl.message import MESSAGE_HEADER_BYTES
from interlock_hdl.packet_buffer import PacketBuffer


class DigestedBuffer(wiring.Component):
    """Stores each message, header and all, and has its payload digested as it goes by.

    **Latency**: that of :class:`PacketBuffer` from a message's last beat to ``o``, that of
    :class:`TreeDigest` to its digest.
    **Throughput**: one beat a cycle, as far as the lanes keep up.

    Parameters
    ----------
    beat_bytes, lanes : int
        See :class:`TreeDigest`.
    message_bytes : int
        The largest payload.

    Members
    -------
    i, o : In, Out (stream of Beat)
        Messages; at ``o`` only whole ones.
    digests : Out(stream of 256)
        One for each message, in order.
    wipe, wiped : In(1), Out(1)
    """

    def __init__(self, *, beat_bytes: int, lanes: int, message_bytes: int) -> None:
        self.beat_bytes = beat_bytes
        self.lanes = lanes
        self.message_bytes = message_bytes
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "o": Out(beat_stream(beat_bytes)),
                "digests": Out(stream.Signature(256)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform):
        top = Module()
        m = Module()  # everything but the memories, which wipe themselves
        top.submodules.control = ResetInserter(self.wipe)(m)
        header_beats = MESSAGE_HEADER_BYTES // self.beat_bytes
        depth = (MESSAGE_HEADER_BYTES + self.message_bytes) // self.beat_bytes
        top.submodules.buffer = buffer = PacketBuffer(shape=Beat(self.beat_bytes), depth=max(4, depth))
        top.submodules.digest = digest = TreeDigest(
            beat_bytes=self.beat_bytes, lanes=self.lanes, max_bytes=self.message_bytes
        )
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.d.comb += [
            buffer.wipe.eq(self.wipe),
            digest.wipe.eq(self.wipe),
            self.wiped.eq(buffer.wiped & digest.wiped),
            self.digests.payload.eq(digest.digest.payload.digest),
            self.digests.valid.eq(digest.digest.valid),
            digest.digest.ready.eq(self.digests.ready),
        ]

        # The header is not digested; a message of a header alone is digested as an empty one.
        header_left = Signal(range(header_beats), init=header_beats - 1)
        in_header = Signal(init=1)
        is_first = Signal(init=1)  # of the payload
        beat = self.i.payload
        taken = self.i.valid & self.i.ready
        m.d.comb += [
            self.i.ready.eq(buffer.i.ready & digest.i.ready),
            buffer.i.payload.eq(beat),
            buffer.i.valid.eq(taken),
            buffer.commit.eq(taken & beat.last),
            digest.i.payload.data.eq(beat.data),
            digest.i.payload.keep.eq(beat.keep),
            digest.i.payload.first.eq(is_first),
            digest.i.payload.last.eq(beat.last),
            digest.i.valid.eq(taken & (~in_header | beat.last)),
        ]
        with m.If(in_header):
            m.d.comb += digest.i.payload.keep.eq(0)
        with m.If(taken):
            m.d.sync += [
                in_header.eq(beat.last | (in_header & (header_left != 0))),
                is_first.eq(in_header | beat.last),
                header_left.eq(Mux(beat.last, header_beats - 1, header_left - 1)),
            ]
        return top
