"""What seals and what opens the records of one link, together: whether both fit is measured, not added up."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.beat import beat_stream
from interlock_hdl.channel_keys import ChannelKey
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.serial_gcm import SerialGcm
from interlock_hdl.crypto.shared_gcm import SharedGcm
from interlock_hdl.open import Open
from interlock_hdl.ports import RecordBeat
from interlock_hdl.record import BLOCK_BYTES
from interlock_hdl.seal import Seal
from interlock_hdl.wire import network

DirectedKey = data.StructLayout({"receives": 1, "key": ChannelKey(1)})
"""A key, and of which direction."""


class SealedPair(wiring.Component):  # type: ignore[misc]  # Amaranth has no types
    """A Seal and an Open of one link, whose engines have one block at a time.

    Parameters
    ----------
    beat_bytes, record_bytes, s_boxes
        As of :class:`Open`.
    shared : bool
        Both have one engine; without, each has its own.

    Members
    -------
    keys : In(stream of ``DirectedKey``)
    flush : In(1)
        Ends both epochs.
    i, o : In(stream of RecordBeat), Out(beat stream)
        The seal's.
    rx, header, body : In(beat stream), Out(beat stream), Out(beat stream)
        What is opened; a header comes beat by beat, for its pins would take as many cells as an engine's key.
    open, keyed, exhausted, fault, wipe, wiped
        As of :class:`Seal` and :class:`Open`; ``keyed`` has a bit for each.
    """

    def __init__(
        self,
        *,
        beat_bytes: int = 4,
        record_bytes: int = 512,
        s_boxes: SBoxStyle = SBoxStyle.BLOCK_RAM,
        shared: bool = True,
    ) -> None:
        self.beat_bytes = beat_bytes
        self.engine = SharedGcm(s_boxes=s_boxes) if shared else None
        of_seal, of_open = self.engine.clients if self.engine else (None, None)
        choices = {"beat_bytes": beat_bytes, "links": 1, "interval": SerialGcm.interval, "s_boxes": s_boxes}
        self.seal = Seal(**choices, engine=of_seal)
        self.opener = Open(**choices, record_bytes=record_bytes, engine=of_open)
        beats = beat_stream(beat_bytes)
        super().__init__(
            {
                "keys": In(stream.Signature(DirectedKey)),
                "flush": In(1),
                "i": In(stream.Signature(RecordBeat(beat_bytes, 1))),
                "o": Out(beats),
                "rx": In(beats),
                "header": Out(beats),
                "body": Out(beats),
                "open": In(1),
                "keyed": Out(2),
                "exhausted": Out(1),
                "fault": Out(1),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.seal = seal = self.seal
        m.submodules.opener = opener = self.opener
        if self.engine:
            m.submodules.engine = self.engine
        wiring.connect(m, wiring.flipped(self.i), seal.i)
        wiring.connect(m, seal.o[0], wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.rx), opener.i[0])
        self._narrow(m, opener.header[0])
        wiring.connect(m, opener.body[0], wiring.flipped(self.body))
        for receives, block in enumerate((seal, opener)):
            m.d.comb += [
                block.keys.payload.eq(self.keys.p.key),
                block.keys.valid.eq(self.keys.valid & (self.keys.p.receives == receives)),
                block.wipe.eq(self.wipe),
                self.keyed[receives].eq(block.keyed),
            ]
            with m.If(self.keys.p.receives == receives):
                m.d.comb += self.keys.ready.eq(block.keys.ready)
        m.d.comb += [
            seal.flush.eq(self.flush),
            opener.forget.eq(self.flush),
            opener.open.eq(self.open),
            self.exhausted.eq(seal.exhausted),
            self.fault.eq(opener.fault),
            self.wiped.eq(seal.wiped & opener.wiped),
        ]
        return m

    def _narrow(self, m: Module, header: Any) -> None:
        """Headers as beats."""
        beats = BLOCK_BYTES // self.beat_bytes
        position = Signal(range(beats))
        is_last = position == beats - 1
        with m.If(self.header.valid & self.header.ready):
            m.d.sync += position.eq(position + 1)
        m.d.comb += [
            self.header.p.data.eq(network(header.payload).word_select(position, 8 * self.beat_bytes)),
            self.header.p.keep.eq(-1),
            self.header.p.first.eq(position == 0),
            self.header.p.last.eq(is_last),
            self.header.valid.eq(header.valid),
            header.ready.eq(self.header.ready & is_last),
        ]
