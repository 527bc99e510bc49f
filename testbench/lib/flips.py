"""Single-event upsets: every flip-flop and memory bit of a component, and how to flip one in a simulation.

The list comes from the Verilog that is simulated, so that no register can be forgotten.  The model must be
built with ``public=True``.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cocotb
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

TOP = "top"

_MODULE = re.compile(r"^module (\\\S+ |\w+)\(.*?^endmodule", re.MULTILINE | re.DOTALL)
_INSTANCE = re.compile(r"^  (\\\S+ |\w+) +(\\\S+ |\w+) *\($", re.MULTILINE)
_CLOCKED = re.compile(r"^    (.+?) <= ", re.MULTILINE)
_MEMORY = re.compile(r"^  reg \[(\d+):0\] (\\\S+ |\w+) \[(\d+):0\];", re.MULTILINE)
_REGISTER = re.compile(r"^  (?:output )?reg (?:\[(\d+):0\] )?(\\\S+ |\w+)(?: = .*)?;", re.MULTILINE)


class Inside(wiring.Component):
    """A component with the ports of ``block``, which is inside: no register of the block is a top-level port.

    Verilator keeps such a register twice, and a flip would change only the copy that nothing reads.
    """

    def __init__(self, block: wiring.Component) -> None:
        self.block = block
        super().__init__(block.signature)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.block = self.block
        wiring.connect(m, wiring.flipped(self), self.block)
        return m


@dataclass(frozen=True)
class FlipFlop:
    """One bit of one register."""

    path: tuple[str, ...]
    bit: int

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}[{self.bit}]"


@dataclass(frozen=True)
class Memory:
    """A memory: so many words of so many bits."""

    path: tuple[str, ...]
    depth: int
    width: int


@dataclass(frozen=True)
class MemoryBit:
    """One bit of one word of a memory."""

    path: tuple[str, ...]
    word: int
    bit: int

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}[{self.word}][{self.bit}]"


def flip_flops(component: wiring.Component, *, memories: bool = False) -> list[FlipFlop]:
    """Every flip-flop of ``component``.

    Raises ``ValueError`` where there is one that it cannot name; memories are such, unless it is told to
    leave them out.
    """
    return list(_walk(_modules(component), TOP, (), memories))


def memories(component: wiring.Component) -> list[Memory]:
    """Every memory of ``component``."""
    return list(_walk_memories(_modules(component), TOP, ()))


def _modules(component: wiring.Component) -> dict[str, str]:
    text = verilog.convert(component, name=TOP, emit_src=False, strip_internal_attrs=True)
    return {match[1].strip(): match[0] for match in _MODULE.finditer(text)}


def _walk_memories(modules: dict[str, str], name: str, path: tuple[str, ...]) -> Iterator[Memory]:
    for width, memory, last in _MEMORY.findall(modules[name]):
        yield Memory((*path, memory.strip().removeprefix("\\")), int(last) + 1, int(width) + 1)
    for match in _INSTANCE.finditer(modules[name]):
        if (child := match[1].strip()) in modules:
            yield from _walk_memories(modules, child, (*path, _instance(match)))


def _instance(match: re.Match[str]) -> str:
    """Name of an instance."""
    return match[2].strip().removeprefix("\\")


def _walk(modules: dict[str, str], name: str, path: tuple[str, ...], memories: bool) -> Iterator[FlipFlop]:
    widths = {match[2].strip(): int(match[1] or 0) + 1 for match in _REGISTER.finditer(modules[name])}
    in_memory = {match[2].strip() for match in _MEMORY.finditer(modules[name])} if memories else set()
    for register in dict.fromkeys(match[1].strip() for match in _CLOCKED.finditer(modules[name])):
        if register.split("[")[0].strip() in in_memory:
            continue
        if register not in widths:
            raise ValueError(f"{name} clocks {register}, which is not a whole register")
        if "$" in register:
            raise ValueError(f"{name} has a register without a name of its own, {register}")
        for bit in range(widths[register]):
            yield FlipFlop((*path, register.removeprefix("\\")), bit)
    for match in _INSTANCE.finditer(modules[name]):
        if (child := match[1].strip()) in modules:
            yield from _walk(modules, child, (*path, _instance(match)), memories)


def flip(dut: Any, flip_flop: FlipFlop | MemoryBit) -> None:
    """Inverts the bit now; call it between clock edges.  It keeps the value until it is written."""
    handle = dut
    for name in flip_flop.path:
        handle = handle[name]
    if isinstance(flip_flop, MemoryBit):
        handle = handle[flip_flop.word]
    handle.value = int(handle.value) ^ 1 << flip_flop.bit


Cycle = dict[str, int]
"""Values of ports in one cycle."""


def difference(right: Cycle, seen: Cycle) -> str:
    """What is shown in one cycle and is not as it should be."""
    names = [name for name in right if seen.get(name) != right[name]] + [n for n in seen if n not in right]
    return ", ".join(f"{name} {seen.get(name)} instead of {right.get(name)}" for name in names)


class Replay:
    """Runs the same inputs again and again, from reset, with or without a flip.

    Parameters
    ----------
    dut : the cocotb handle; its clock is started here
    inputs, outputs : names of ports
    """

    def __init__(self, dut: Any, *, inputs: list[str], outputs: list[str]) -> None:
        self.dut = dut
        self.inputs = {name: getattr(dut, name) for name in inputs}
        self.outputs = {name: getattr(dut, name) for name in outputs}
        cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())

    async def run(
        self,
        stimulus: Iterable[Cycle] | Callable[[Cycle], Cycle | None],
        *,
        flip_flop: FlipFlop | MemoryBit | None = None,
        flip_at: int = 0,
        clean: list[Cycle] | None = None,
        until: Callable[[list[Cycle]], bool] = lambda seen: False,
    ) -> tuple[list[Cycle], list[Cycle]]:
        """Inputs and outputs of every cycle.

        ``stimulus`` is the inputs of each cycle, or a function from the outputs of the cycle before to the
        next inputs, or to ``None`` at the end.  In cycle ``flip_at`` the flip-flop is inverted, before
        anything of that cycle is read.  ``clean`` is what is seen without a flip: what comes before the flip
        is taken from there, for reading takes long.  From the flip on, ``until`` says whether what was seen
        is enough.
        """
        dut = self.dut
        following = (
            stimulus if callable(stimulus) else (lambda steps: lambda _: next(steps, None))(iter(stimulus))
        )
        applied: list[Cycle] = []
        seen: list[Cycle] = []
        for port in self.inputs.values():
            port.value = 0
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        before = dict.fromkeys(self.inputs, 0)
        while (values := following(seen[-1] if seen else {})) is not None:
            now = len(seen)
            for name, value in values.items():
                if value != before[name]:
                    self.inputs[name].value = value
            before |= values
            if flip_flop is not None and now == flip_at:
                await FallingEdge(dut.clk)
                flip(dut, flip_flop)
            await RisingEdge(dut.clk)
            applied.append(values)
            if clean is not None and now < flip_at:
                seen.append(clean[now])
                continue
            seen.append({name: int(port.value) for name, port in self.outputs.items()})
            if until(seen):
                break
        return applied, seen
