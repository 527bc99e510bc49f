"""Puts a block of any number of pins into an FPGA that has few, so that only the block is measured."""

import re
from collections.abc import Iterator

from amaranth.hdl import Cat, ClockDomain, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock import rtlil

TOP = "top"
WALL = f"{TOP}.wall"
"""RTLIL module with the block in it: what is inside is the block's, what is outside is the harness's."""
INSIDE = "wall."
"""What names of cells of the block begin with, once all is flat."""
PREFIX = re.compile(rf"^{re.escape(INSIDE)}(block\.)?")
"""Of the names of everything in the block."""


def _pins(component: wiring.Component, flow: object) -> Iterator[tuple[str, Value]]:
    """Names and signals of a component's inputs, or outputs; a build may leave some without any bit."""
    for path, member, port in component.signature.flatten(component):
        if member.flow is flow and len(pin := Value.cast(port)):
            yield "__".join(map(str, path)), pin


class Wall(wiring.Component):  # type: ignore[misc]  # Amaranth has no types
    """A block without the outputs that hardware leaves unconnected, and so without what they cost.

    Parameters
    ----------
    block : wiring.Component
    open_ports : tuple of str
        Names of those outputs: members of the signature.
    """

    def __init__(self, block: wiring.Component, *, open_ports: tuple[str, ...]) -> None:
        members = dict(block.signature.members)
        if unknown := set(open_ports) - set(members):
            raise ValueError(f"{type(block).__name__} has no port {', '.join(sorted(unknown))}")
        self.block = block
        super().__init__({name: member for name, member in members.items() if name not in open_ports})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.block = self.block
        inner = dict((*_pins(self.block, In), *_pins(self.block, Out)))
        m.d.comb += [inner[name].eq(pin) for name, pin in _pins(self, In)]
        m.d.comb += [pin.eq(inner[name]) for name, pin in _pins(self, Out)]
        return m


class Harness(wiring.Component):  # type: ignore[misc]  # Amaranth has no types
    """Shift registers on every pin of a block: its inputs come from registers, its outputs go into registers.

    What is shifted in reaches every input bit; what every output bit was, one cycle ago, is folded into what
    is shifted out.

    The block gets no reset but the part's own at power-on, which sets every register's initial value: as on
    Amaranth's board platforms for ECP5.

    Parameters
    ----------
    wall : Wall

    Members
    -------
    clk, serial_in, serial_out : In(1), In(1), Out(1)
        The pins.
    """

    def __init__(self, wall: Wall) -> None:
        self.wall = wall
        super().__init__({"clk": In(1), "serial_in": In(1), "serial_out": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = sync = ClockDomain(reset_less=True)
        m.d.comb += sync.clk.eq(self.clk)
        m.submodules.wall = self.wall

        # One chain from pin to pin, through the registers of all inputs and then those of all outputs.
        link: Value = self.serial_in
        for name, pin in _pins(self.wall, In):
            driver = Signal(len(pin), name=f"to_{name}")
            m.d.sync += driver.eq(Cat(link, driver))
            m.d.comb += pin.eq(driver)
            link = driver[-1]
        for name, pin in _pins(self.wall, Out):
            captured = Signal(len(pin), name=f"from_{name}")
            folded = Signal(len(pin), name=f"folded_{name}")
            m.d.sync += [captured.eq(pin), folded.eq(captured ^ Cat(link, folded))]
            link = folded[-1]
        m.d.comb += self.serial_out.eq(link)
        return m


def harnessed(block: wiring.Component, *, open_ports: tuple[str, ...] = ()) -> str:
    """RTLIL of a block in its harness: module :data:`TOP`, with the block in module :data:`WALL`."""
    harness = Harness(Wall(block, open_ports=open_ports))
    return rtlil.convert(harness, name=TOP)
