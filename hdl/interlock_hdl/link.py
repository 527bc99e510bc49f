"""When a link's epoch is open (docs/specification.md, *Epochs*)."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.ports import LinkLevels


class LinkEpoch(wiring.Component):
    """Raises and lowers one link's ``up``, echoes the peer's as ``heard``, and says when an epoch is open.

    An epoch is open while both ends are up and the peer is known to have heard it.  It ends for any
    reason at once, and takes ``up`` down with it; ``up`` rises again only when the peer has heard the
    fall (so every beat of the old epoch has passed) and nothing of the old epoch is left in this node.

    **Latency**: one cycle from a level, ``close``, ``keyed`` or ``session_open`` to ``open``.

    Members
    -------
    session_open : In(1)
        The gates are open.
    keyed : In(1)
        There are keys for an epoch, or it needs none.
    close : In(1)
        Strobe: the peer broke a rule.  The channel stays closed until ``reopen`` or a new session.
    reopen : In(1)
        Strobe: the host wants a new channel.
    clean : In(1)
        Nothing of an ended epoch is buffered any more.
    peer, own : In, Out (LinkLevels)
        The levels of the two directions.
    open : Out(1)
        The epoch is open.
    down : Out(1)
        It is not, nor can it be in the next cycle, nor did it end in this one.
    raised, opened, ended : Out(1)
        Strobes: first cycle of ``own.up`` high, of ``open`` high, of ``open`` low again.
    """

    session_open: In(1)
    keyed: In(1)
    close: In(1)
    reopen: In(1)
    clean: In(1)
    peer: In(LinkLevels())
    own: Out(LinkLevels())
    open: Out(1)
    down: Out(1)
    raised: Out(1)
    opened: Out(1)
    ended: Out(1)

    def elaborate(self, platform):
        m = Module()

        closed = Signal()
        with m.If(self.close):
            m.d.sync += closed.eq(1)
        with m.Elif(self.reopen | ~self.session_open):
            m.d.sync += closed.eq(0)

        allowed = Signal()
        both_ends = Signal()
        m.d.comb += [
            allowed.eq(self.session_open & self.keyed & ~self.close),
            both_ends.eq(self.peer.up & self.peer.heard),
        ]

        with m.If(self.own.up):
            lost = self.open & ~both_ends
            m.d.sync += self.own.up.eq(allowed & ~lost)
        with m.Else():
            m.d.sync += self.own.up.eq(allowed & ~closed & self.clean & ~self.ended & ~self.peer.heard)

        m.d.sync += [
            self.own.heard.eq(self.peer.up),
            self.open.eq(allowed & self.own.up & both_ends),
        ]

        was_up = Signal()
        was_open = Signal()
        m.d.sync += [was_up.eq(self.own.up), was_open.eq(self.open)]
        m.d.comb += [
            self.raised.eq(self.own.up & ~was_up),
            self.opened.eq(self.open & ~was_open),
            self.ended.eq(~self.open & was_open),
            self.down.eq(~(self.own.up | self.open | was_open)),
        ]
        return m
