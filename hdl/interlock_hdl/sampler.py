"""Takes the count for each message before its prefix is made."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.intake import MessageInfo


class Sampler(wiring.Component):
    """Holds the oldest message, and has the counter sampled for it.

    For a buffered message that happens as soon as the intake offers it, while the message before is still
    being sent: its last beat, and every event before that, is in the past.  For a stream it happens when the
    stream may start, for its bound is counted from there.

    **Latency**: ``latency`` cycles more than the counter's, from a buffered message to ``sampled``.

    Parameters
    ----------
    message_bytes : int

    Members
    -------
    messages : In(stream of MessageInfo)
    head, waiting, sampled : Out
        The oldest message; there is one; the counter shows its count.
    start : In(1)
        The stream that is the oldest message may start.
    take : In(1)
        Strobe: the oldest message is dealt with.
    hold : In(1)
        The counter's outputs are still needed: no new sample.
    sample, done : Out(1), In(1)
        ``sample`` and ``sampled`` of :class:`FlopCounter`.
    sampling : Out(1)
        Between the two.
    """

    latency = 2

    def __init__(self, *, message_bytes: int) -> None:
        info = MessageInfo(message_bytes)
        super().__init__(
            {
                "messages": In(stream.Signature(info)),
                "head": Out(info),
                "waiting": Out(1),
                "sampled": Out(1),
                "start": In(1),
                "take": In(1),
                "hold": In(1),
                "sample": Out(1),
                "done": In(1),
                "sampling": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        sampling = self.sampling
        m.d.comb += [
            self.messages.ready.eq(~self.waiting),
            self.sample.eq(
                self.waiting & ~self.sampled & ~sampling & ~self.hold & (self.start | ~self.head.is_stream)
            ),
        ]
        with m.If(self.messages.valid & self.messages.ready):
            m.d.sync += [self.head.eq(self.messages.payload), self.waiting.eq(1)]
        with m.If(self.sample):
            m.d.sync += sampling.eq(1)
        with m.If(sampling & self.done):
            m.d.sync += [sampling.eq(0), self.sampled.eq(1)]
        with m.If(self.take):  # never while it is being sampled
            m.d.sync += [self.waiting.eq(0), self.sampled.eq(0)]
        return m
