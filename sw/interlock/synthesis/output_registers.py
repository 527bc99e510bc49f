"""Registers behind block RAM become the block RAM's own (ECP5: Lattice TN-02204, "Output Registers").

Yosys leaves them outside.  Then a path begins with the access to the memory, 5.8 ns at speed grade 6, and may
lead across the chip; within the block RAM the register is where the data is.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from interlock.synthesis.parts import FAMILIES, Part

BLOCK_RAM, FLIP_FLOP = FAMILIES[Part.ECP5].block_ram, FAMILIES[Part.ECP5].flip_flop
_WIDE = 36
"""Bits of a word that leaves by the outputs of both ports."""

Cell = dict[str, Any]
Sink = tuple[str, str]  # a cell's name, and its port


def absorb(module: dict[str, Any], *, prefix: str = "") -> int:
    """Changes a module, in the form of Yosys's ``write_json``; returns how many registers are gone.

    A register becomes a block RAM's own where it holds nothing but what one output says, is moved by that
    port's clock, begins with zero, is never reset, and is the only one to hear of it; and where that is so of
    all outputs of the port that anybody hears, under one enable.  Only cells whose names begin with
    ``prefix`` are touched.
    """
    cells: dict[str, Cell] = {name: cell for name, cell in module["cells"].items() if name.startswith(prefix)}
    sinks = _sinks(module)
    absorbed = 0
    for memory in [cell for cell in cells.values() if cell["type"] == BLOCK_RAM]:
        wires, parameters = memory["connections"], memory["parameters"]
        is_wide = int(parameters["DATA_WIDTH_B"], 2) == _WIDE
        for port, sides in (("B", "AB"),) if is_wide else (("A", "A"), ("B", "B")):
            registers = _registers(wires, wires[f"CLK{port}"], sides, cells, sinks)
            for output, name in registers.items():
                register = module["cells"].pop(name)["connections"]
                wires[output] = register["Q"]
                for side in sides:
                    wires[f"OCE{side}"] = register.get("CE", ["1"])
                    parameters[f"REGMODE_{side}"] = "OUTREG"
            absorbed += len(registers)
    return absorbed


def _registers(
    memory: Mapping[str, list[Any]],
    clock: list[Any],
    sides: str,
    cells: Mapping[str, Cell],
    sinks: Mapping[Any, list[Sink]],
) -> dict[str, str]:
    """Names of the registers that may become a port's own, by the output that they follow; else none."""
    found: dict[str, str] = {}
    enables = set()
    for output, (bit,) in memory.items():
        if not output.startswith(tuple(f"DO{side}" for side in sides)) or not sinks[bit]:
            continue
        name, pin = sinks[bit][0]
        cell = cells.get(name)
        if len(sinks[bit]) > 1 or cell is None or (cell["type"], pin) != (FLIP_FLOP, "DI"):
            return {}
        wires, parameters = cell["connections"], cell["parameters"]
        is_plain = parameters["CLKMUX"] == "CLK" and parameters["CEMUX"].strip() in ("1", "CE")
        begins_with_zero = parameters["REGSET"] == "RESET"
        if not (is_plain and begins_with_zero and wires["CLK"] == clock and wires["LSR"] == ["0"]):
            return {}
        enables.add(wires.get("CE", ["1"])[0])
        found[output] = name
    return found if len(enables) == 1 else {}


def _sinks(module: Mapping[str, Any]) -> defaultdict[Any, list[Sink]]:
    """Who hears each bit: ports of cells, and outputs of the module, which have no cell."""
    sinks: defaultdict[Any, list[Sink]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in bits:
                    sinks[bit].append((name, port))
    for port in module["ports"].values():
        if port["direction"] == "output":
            for bit in port["bits"]:
                sinks[bit].append(("", ""))
    return sinks
