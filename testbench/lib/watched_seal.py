"""A seal, and what a bench wants to know of it: when anything happens, and what its engine is given."""

import enum

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.crypto.gcm_keys import key_request_layout
from interlock_hdl.record import RecordHeader
from interlock_hdl.seal import Seal
from interlock_hdl.wire import network


class Event(enum.IntFlag):
    """What may happen in a cycle."""

    BEAT = 1 << 0  # one is taken at ``i``
    KEY = 1 << 1  # one is taken at ``keys``
    FLUSH = 1 << 2
    SENT = 1 << 3  # a link takes a beat
    HEADER = 1 << 4  # the engine takes one
    REQUEST = 1 << 5  # it takes one for a key
    WIPE = 1 << 6


def header_layout(slots: int) -> data.StructLayout:
    """A header that the engine takes: the slot whose key it is under, and its number."""
    return data.StructLayout({"slot": range(slots), "seq": 64})


class WatchedSeal(wiring.Component):
    """A ``Seal``, and beside its ports:

    Members
    -------
    events : Out(Event)
    header_is, request_is : Out(header_layout), Out(key_request_layout)
    inside : Out(slots)
        Of which slots there is a record in the engine.
    fault : Out(1)
        Latched: a link was offered something that then was withdrawn or changed, without cause.
    """

    def __init__(self, seal: Seal) -> None:
        self.seal = seal
        slots = seal.channel_keys.slots
        super().__init__(
            {
                **seal.signature.members,
                "events": Out(len(Event)),
                "header_is": Out(header_layout(slots)),
                "request_is": Out(key_request_layout(slots)),
                "inside": Out(slots),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.seal = seal = self.seal
        for name, member in seal.signature.members.items():
            mine, inner = getattr(self, name), getattr(seal, name)
            if member.is_port:
                m.d.comb += inner.eq(mine) if member.flow is In else mine.eq(inner)
            elif member.dimensions:
                for one, other in zip(inner, mine, strict=True):
                    wiring.connect(m, one, wiring.flipped(other))
            else:
                wiring.connect(m, wiring.flipped(mine), inner)
        blocks, requests = seal.gcm.i, seal.gcm.keys
        key = self.keys.valid & self.keys.ready
        events = {
            Event.BEAT: self.i.valid & self.i.ready,
            Event.KEY: key,
            Event.FLUSH: self.flush.any(),
            Event.SENT: Cat(link.valid & link.ready for link in self.o).any(),
            Event.HEADER: blocks.valid & blocks.ready & blocks.p.first,
            Event.REQUEST: requests.valid & requests.ready,
            Event.WIPE: self.wipe,
        }
        m.d.comb += [
            self.events.eq(Cat(events[event] for event in Event)),
            self.header_is.slot.eq(blocks.p.slot),
            self.header_is.seq.eq(RecordHeader(network(blocks.p.block)).seq),
            self.request_is.eq(requests.p),
            self.inside.eq(seal.gcm.inside),
        ]
        for n, link in enumerate(self.o):
            held, waits = Signal.like(link.payload), Signal()
            ends = self.flush[n] | self.wipe | (key & (self.keys.p.slot == n))
            m.d.sync += [held.eq(link.payload), waits.eq(link.valid & ~link.ready & ~ends)]
            with m.If(waits & ~self.wipe & (~link.valid | (held != link.payload))):
                m.d.sync += self.fault.eq(1)
        return m
