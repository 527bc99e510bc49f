"""A component whose inputs change with a clock edge only, which halves the work of simulating it."""

from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In


class Held(wiring.Component):  # type: ignore[misc]  # Amaranth has no types
    """Holds all inputs of a component, its reset too, in registers of a clock of their own.

    Whatever depends on an input of a Verilated model is computed anew in every evaluation, before a clock
    edge, at it, and after it.  With registers behind the inputs it is computed after an edge alone: once a
    cycle, where both clocks have theirs together.

    Parameters
    ----------
    component : wiring.Component

    Members
    -------
    Those of ``component``, and:

    clk, rst : In(1)
        Its clock and reset.
    load : In(1)
        A rising edge lets the component see the inputs as they are now.
    """

    def __init__(self, component: wiring.Component) -> None:
        self.component = component
        ports = {"clk": In(1), "rst": In(1), "load": In(1)}
        super().__init__({**component.signature.members, **ports})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.component = self.component
        m.domains.sync = ClockDomain()
        m.domains.load = ClockDomain(reset_less=True)
        reset = Signal()
        m.d.comb += [
            ClockSignal().eq(self.clk),
            ClockSignal("load").eq(self.load),
            ResetSignal().eq(reset),
        ]
        m.d.load += reset.eq(self.rst)
        outer = {path: value for path, _, value in self.signature.flatten(self)}
        for path, member, inner in self.component.signature.flatten(self.component):
            here, there = Value.cast(outer[path]), Value.cast(inner)
            if member.flow is In:
                held = Signal.like(there, name="__".join(map(str, path)) + "_held")
                m.d.load += held.eq(here)
                m.d.comb += there.eq(held)
            else:
                m.d.comb += here.eq(there)
        return m
