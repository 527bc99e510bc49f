"""Beats to AXI4-Stream and back: where messages begin, and what becomes of one that is cut."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.axi.signatures import AxiStream
from interlock_hdl.beat import beat_stream


class AxisInput(wiring.Component):
    """Gives the beats of an AXI4-Stream their ``first``, which AXI does not have.

    A beat is ``first`` if the one before it had ``tlast``, or if there was none since reset or since
    ``restart``.  A sender that is cut within a message and comes back without ``tlast`` therefore needs
    ``restart``; without it, what follows counts as the rest of the cut message, and is refused with it.

    Latency: none; ``tready`` is the ready of ``o``.  Throughput: one beat a cycle.

    Parameters
    ----------
    beat_bytes : int

    Members
    -------
    i : In(AxiStream)
    restart : In(1)
        The next beat, and one that is taken in this cycle, is the first of a message.
    o : Out(beat stream)
    """

    def __init__(self, *, beat_bytes: int) -> None:
        super().__init__(
            {"i": In(AxiStream(beat_bytes)), "restart": In(1), "o": Out(beat_stream(beat_bytes))}
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        starting = Signal(init=1)
        m.d.comb += [
            self.o.p.data.eq(self.i.tdata),
            self.o.p.keep.eq(self.i.tkeep),
            self.o.p.first.eq(starting | self.restart),
            self.o.p.last.eq(self.i.tlast),
            self.o.valid.eq(self.i.tvalid),
            self.i.tready.eq(self.o.ready),
        ]
        with m.If(self.restart):
            m.d.sync += starting.eq(1)
        with m.Elif(self.i.tvalid & self.i.tready):
            m.d.sync += starting.eq(self.i.tlast)
        return m


class AxisOutput(wiring.Component):
    """Offers beats as an AXI4-Stream, keeps every rule of it, and ends a message that is cut.

    AXI4-Stream forbids to withdraw a transfer that is offered, which is just what the Interlock does when
    gates close or an epoch ends.  This register stands between: what it offers stays until it is taken, and
    nothing but that one beat, which had left the gates before they closed, is left of the cut message.
    Where the message has begun and not ended, an *end mark* follows: one transfer of zeros with ``tlast``
    and no bit of ``tkeep``.  It carries no byte, no message has one otherwise, and it keeps what comes next
    from being taken for the rest of the cut message.

    Where an offered beat must not outlive the session (``rx``, whose accelerator is cleared) the block is
    reset, together with what it feeds.

    Latency: 1 cycle.  Throughput: one beat a cycle.

    Parameters
    ----------
    beat_bytes : int

    Members
    -------
    i : In(beat stream)
    enable : In(1)
        Beats are taken.  Its fall cuts the message in progress.
    may_end : In(1)
        An end mark may be put into the register in this cycle.
    o : Out(AxiStream)
    empty : Out(1)
        Nothing is offered, and no end mark is due.
    """

    def __init__(self, *, beat_bytes: int) -> None:
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "enable": In(1),
                "may_end": In(1),
                "o": Out(AxiStream(beat_bytes)),
                "empty": Out(1),
            }
        )
        # Attributes, for the proofs look at them.
        self.inside = Signal()  # a message has begun, and its end is not in the register yet
        self.was_cut = Signal()  # the message was cut in an earlier cycle, and its end mark is due

    def elaborate(self, platform) -> Module:
        m = Module()
        inside, was_cut = self.inside, self.was_cut
        cut = Signal()
        free = Signal()
        m.d.comb += [
            cut.eq(was_cut | (inside & ~self.enable)),
            free.eq(~self.o.tvalid | self.o.tready),
            self.i.ready.eq(free & self.enable & ~was_cut),
            self.empty.eq(~self.o.tvalid & ~cut),
        ]
        m.d.sync += was_cut.eq(cut)
        with m.If(free):
            m.d.sync += self.o.tvalid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.o.tdata.eq(self.i.p.data),
                self.o.tkeep.eq(self.i.p.keep),
                self.o.tlast.eq(self.i.p.last),
                self.o.tvalid.eq(1),
                inside.eq(~self.i.p.last),
            ]
        with m.Elif(cut & free & self.may_end):
            m.d.sync += [
                self.o.tdata.eq(0),
                self.o.tkeep.eq(0),
                self.o.tlast.eq(1),
                self.o.tvalid.eq(1),
                inside.eq(0),
                was_cut.eq(0),
            ]
        return m
