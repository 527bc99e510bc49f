"""Seal and Open under the batch engine, whose streams are of beats."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.beat import beat_stream
from interlock_hdl.link_keys import WORD_BYTES, LinkKeys
from interlock_hdl.open import Open
from interlock_hdl.ports import slot_shape
from interlock_hdl.seal import Seal

SLOT_BYTE = 3
"""Of a record's header, where it is reserved: here, the slot that the record is for."""


class SealBeats(wiring.Component):  # type: ignore[misc]  # Amaranth has no types
    """A Seal whose records say themselves what slot they are for.

    Members
    -------
    i : In(beat stream)
    keys : In(beat stream)
        See ``LinkKeys``.
    o : Out(beat stream) array of ``links``
    keyed : Out(links)
    """

    def __init__(self, *, beat_bytes: int, links: int, interval: int) -> None:
        self.seal = Seal(beat_bytes=beat_bytes, links=links, interval=interval)
        self.links = links
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "keys": In(beat_stream(WORD_BYTES)),
                "o": Out(beat_stream(beat_bytes)).array(links),
                "keyed": Out(links),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.seal = seal = self.seal
        keys = _keys(m, self.keys, self.links)
        wiring.connect(m, keys.send, seal.keys)
        slot = Signal(slot_shape(self.links))
        named = self.i.p.data.word_select(SLOT_BYTE, 8)
        first = self.i.p.first
        with m.If(self.i.valid & self.i.ready & first):
            m.d.sync += slot.eq(named)
        m.d.comb += [
            *(seal.i.p[name].eq(self.i.p[name]) for name in ("keep", "first", "last")),
            seal.i.p.data.eq(self.i.p.data & Mux(first, ~(0xFF << 8 * SLOT_BYTE), -1)),
            seal.i.p.slot.eq(Mux(first, named, slot)),
            seal.i.valid.eq(self.i.valid),
            self.i.ready.eq(seal.i.ready),
            self.keyed.eq(seal.keyed),
        ]
        for inner, outer in zip(seal.o, self.o, strict=True):
            wiring.connect(m, inner, wiring.flipped(outer))
        return m


class OpenBeats(wiring.Component):  # type: ignore[misc]
    """An Open whose epochs are open as soon as it has keys, and whose headers are taken at once.

    Members
    -------
    i : In(beat stream) array of ``links``
    keys : In(beat stream)
    o : Out(beat stream) array of ``links``
        Bodies.
    keyed, fault : Out(links)
    headers : Out(32)
        How many there were.
    """

    def __init__(self, *, beat_bytes: int, links: int, interval: int) -> None:
        self.open = Open(beat_bytes=beat_bytes, links=links, interval=interval)
        self.links = links
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)).array(links),
                "keys": In(beat_stream(WORD_BYTES)),
                "o": Out(beat_stream(beat_bytes)).array(links),
                "keyed": Out(links),
                "fault": Out(links),
                "headers": Out(32),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.open = opened = self.open
        keys = _keys(m, self.keys, self.links)
        wiring.connect(m, keys.receive, opened.keys)
        m.d.comb += [
            opened.open.eq(opened.keyed),
            self.keyed.eq(opened.keyed),
            self.fault.eq(opened.fault),
            *(header.ready.eq(1) for header in opened.header),
        ]
        m.d.sync += self.headers.eq(self.headers + Cat(header.valid for header in opened.header).any())
        for outer, inner in zip(self.i, opened.i, strict=True):
            wiring.connect(m, wiring.flipped(outer), inner)
        for inner, outer in zip(opened.body, self.o, strict=True):
            wiring.connect(m, inner, wiring.flipped(outer))
        return m


def _keys(m: Module, port: Any, links: int) -> LinkKeys:
    """Takes keys from a port; both directions are always ready for the one that is not used."""
    m.submodules.keys = keys = LinkKeys(links=links)
    wiring.connect(m, wiring.flipped(port), keys.i)
    m.d.comb += [keys.session_open.eq(1), keys.down.eq(-1), keys.send.ready.eq(1), keys.receive.ready.eq(1)]
    return keys
