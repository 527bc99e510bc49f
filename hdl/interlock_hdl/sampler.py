"""Takes the count for each message, after its last beat and before its prefix."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.intake import MessageInfo


class Sampler(wiring.Component):
    """Has the counter sampled for each whole message, one message ahead of what is being sent.

    The sample is asked for when the intake offers the message, so its last beat, and every event before
    that, is in the past.

    **Latency**: one cycle more than the counter's.

    Parameters
    ----------
    message_bytes : int

    Members
    -------
    messages : In(stream of MessageInfo)
    hold : In(1)
        The counter's outputs are still needed: no new sample.
    sample, sampled : Out(1), In(1)
        See :class:`FlopCounter`.
    ready : Out(stream of MessageInfo)
        The message whose count the counter shows.
    """

    def __init__(self, *, message_bytes: int) -> None:
        messages = stream.Signature(MessageInfo(message_bytes))
        super().__init__(
            {
                "messages": In(messages),
                "hold": In(1),
                "sample": Out(1),
                "sampled": In(1),
                "ready": Out(messages),
            }
        )

    def elaborate(self, platform):
        m = Module()
        sampling = Signal()
        m.d.comb += [
            self.sample.eq(self.messages.valid & ~sampling & ~self.ready.valid & ~self.hold),
            self.messages.ready.eq(self.sample),
        ]
        with m.If(self.ready.ready):
            m.d.sync += self.ready.valid.eq(0)
        with m.If(self.sample):
            m.d.sync += [sampling.eq(1), self.ready.payload.eq(self.messages.payload)]
        with m.If(sampling & self.sampled):
            m.d.sync += [sampling.eq(0), self.ready.valid.eq(1)]
        return m
