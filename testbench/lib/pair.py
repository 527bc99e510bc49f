"""Two tops whose links are joined: what integrators build, without Verilog of their own."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from interlock_hdl.config import InterlockConfig
from interlock_hdl.top import InterlockTop

SIDES = ("a", "b")


class PairOfTops(wiring.Component):
    """Link 0 of one :class:`InterlockTop` is link 0 of the other.

    Members
    -------
    a, b : all ports of the two tops but the links'; what passes between them is shown as
    a_to_b, b_to_a : Out
        ``m_axis_link0_tx`` and ``link0_tx``, looked at.
    """

    def __init__(self, *, config: InterlockConfig, status_period_log2: int) -> None:
        self.tops = {
            side: InterlockTop(config=config, status_period_log2=status_period_log2) for side in SIDES
        }
        members = {}
        for side, top in self.tops.items():
            outer = {n: member for n, member in top.signature.members.items() if "link0" not in n}
            members[side] = Out(wiring.Signature(outer))
            shown = {"tdata": 8 * config.beat_bytes, "tkeep": config.beat_bytes}
            shown |= dict.fromkeys(("tlast", "tvalid", "tready", "up", "heard"), 1)
            members[self.wire(side)] = Out(wiring.Signature({n: Out(width) for n, width in shown.items()}))
        super().__init__(members)

    @staticmethod
    def wire(side: str) -> str:
        """The direction of the link that begins at ``side``."""
        return f"{side}_to_{SIDES[SIDES[0] == side]}"

    def elaborate(self, platform) -> Module:
        m = Module()
        for side, top in self.tops.items():
            m.submodules[side] = top
            outer = getattr(self, side)
            for name, member in outer.signature.members.items():
                inner = getattr(top, name)
                if not member.is_port:
                    is_input = isinstance(member.signature, wiring.FlippedSignature)
                    ends = (wiring.flipped(getattr(outer, name)), inner)
                    wiring.connect(m, *(ends if is_input else reversed(ends)))
                elif member.flow is wiring.In:
                    m.d.comb += inner.eq(getattr(outer, name))
                else:
                    m.d.comb += getattr(outer, name).eq(inner)
            other = self.tops[SIDES[SIDES[0] == side]]
            wiring.connect(m, top.m_axis_link0_tx, other.s_axis_link0_rx)
            wiring.connect(m, top.link0_tx, other.link0_rx)
            shown = getattr(self, self.wire(side))
            for name in shown.signature.members:
                source = top.link0_tx if name in ("up", "heard") else top.m_axis_link0_tx
                m.d.comb += getattr(shown, name).eq(getattr(source, name))
        return m
