"""The way out of a seal: blocks become beats again, each to its link."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.channel_keys import engine_slots
from interlock_hdl.crypto.gcm import BLOCK_BYTES, GcmBlock
from interlock_hdl.ones import one_at


class SealExit(wiring.Component):
    """Sends blocks to their links, beat by beat; drops those of a slot without a key, and those that fill.

    A link that is not ready holds up the links behind it.  What is here of a slot that loses its key is gone
    in the first cycle without, and for good.

    Latency: ``latency`` cycles from a block at ``i`` to its first beat at ``o``.  Throughput: one beat a
    cycle.

    Parameters
    ----------
    beat_bytes, links : int
    buffered : bool
        A block may wait behind the one that is sent.  Without, none is taken while one is: enough behind an
        engine that takes far longer.

    Members
    -------
    i : In(stream of ``GcmBlock``)
        ``opens`` marks what must not leave.  Ready depends on registers alone.
    keyed : In(links)
    o : Out(beat stream) array of ``links``
        ``keep`` all ones.
    """

    latency = 1

    def __init__(self, *, beat_bytes: int, links: int, buffered: bool = True) -> None:
        self.beat_bytes = beat_bytes
        self.links = links
        self.buffered = buffered
        super().__init__(
            {
                "i": In(stream.Signature(GcmBlock(engine_slots(links)))),
                "keyed": In(links),
                "o": Out(beat_stream(beat_bytes)).array(links),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        Held = data.StructLayout({"valid": 1, "links": len(self.o), "block": self.i.p.shape()})
        arriving, offered, skid = Signal(Held), Signal(Held), Signal(Held)
        last_position = BLOCK_BYTES // self.beat_bytes - 1
        position = Signal(range(last_position + 1))  # of the beat that is offered, in its block

        def survives(held: data.View) -> Value:
            return held.valid & (held.links & self.keyed).any()

        # A slot gets no key before all that arrived without one had the time to be dropped here.
        m.d.comb += [
            self.i.ready.eq(~(skid if self.buffered else offered).valid),
            arriving.valid.eq(self.i.valid & self.i.ready & ~self.i.p.opens),
            arriving.links.eq(one_at(self.i.p.slot, len(self.o))),
            arriving.block.eq(self.i.p),
        ]
        taken = offered.valid & (offered.links & Cat(link.ready for link in self.o)).any()
        moves = ~offered.valid | (taken & (position == last_position))
        with m.If(moves):
            m.d.sync += [
                offered.eq(Mux(skid.valid, skid, arriving)),
                offered.valid.eq(Mux(skid.valid, survives(skid), arriving.valid)),
                position.eq(0),
            ]
        with m.Else():
            m.d.sync += offered.valid.eq(survives(offered))
            with m.If(taken):
                m.d.sync += [
                    offered.block.block.eq(offered.block.block >> 8 * self.beat_bytes),
                    position.eq(position + 1),
                ]
        if self.buffered:
            # While it is empty it takes whatever arrives: whether that has to wait comes late.
            with m.If(skid.valid):
                m.d.sync += skid.valid.eq(survives(skid) & ~moves)
            with m.Else():
                m.d.sync += [skid.eq(arriving), skid.valid.eq(arriving.valid & ~moves)]
        for n, link in enumerate(self.o):
            m.d.comb += [
                link.valid.eq(offered.valid & offered.links[n] & self.keyed[n]),
                link.p.data.eq(offered.block.block),
                link.p.keep.eq(~0),
                link.p.first.eq(offered.block.first & (position == 0)),
                link.p.last.eq(offered.block.last & (position == last_position)),
            ]
        return m
