"""Registers behind block RAM become the block RAM's own (ECP5: Lattice TN-02204, "Output Registers").

Yosys leaves them outside.  Then a path begins with the access to the memory, 5.8 ns at speed grade 6, and may
lead across the chip; within the block RAM the register is where the data is.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

BLOCK_RAM, FLIP_FLOP = "DP16KD", "TRELLIS_FF"
_WIDE = 36
"""Bits of a word that leaves by the outputs of both ports."""

Cell = dict[str, Any]
Sink = tuple[str, str]  # a cell's name, and its port


def absorb(module: dict[str, Any], *, prefix: str = "") -> int:
    """Changes a module, in the form of Yosys's ``write_json``; returns how many registers are gone.

    A register becomes a block RAM's own where it holds nothing but what one output says, is moved by that
    port's clock, is never reset, and is the only one to hear of it; and where that is so of all outputs of
    the port that anybody hears, under one enable.  Only cells whose names begin with ``prefix`` are touched.
    """
    cells: dict[str, Cell] = module["cells"]
    sinks = _sinks(module)
    absorbed = 0
    memories = [cell for name, cell in cells.items() if cell["type"] == BLOCK_RAM and name.startswith(prefix)]
    for memory in memories:
        is_wide = int(memory["parameters"]["DATA_WIDTH_B"], 2) == _WIDE
        for port, outputs in (("B", "AB"),) if is_wide else (("A", "A"), ("B", "B")):
            registers = _registers(memory, port, outputs, cells, sinks)
            if not all(name.startswith(prefix) for name in registers.values()):
                continue
            for side in outputs if registers else "":
                memory["parameters"][f"REGMODE_{side}"] = "OUTREG"
            for output, name in registers.items():
                register = cells.pop(name)["connections"]
                for side in outputs:
                    memory["connections"][f"OCE{side}"] = register.get("CE", ["1"])
                memory["connections"][output] = register["Q"]
            absorbed += len(registers)
    return absorbed


def _registers(
    memory: Cell, port: str, outputs: str, cells: Mapping[str, Cell], sinks: Mapping[Any, list[Sink]]
) -> dict[str, str]:
    """Names of the registers that may become the port's own, by the output that they follow; else none."""
    clock = memory["connections"][f"CLK{port}"]
    found: dict[str, str] = {}
    enables = set()
    for output, (bit,) in memory["connections"].items():
        if not output.startswith(tuple(f"DO{side}" for side in outputs)) or not sinks[bit]:
            continue
        name, pin = sinks[bit][0]
        cell = cells.get(name)
        if len(sinks[bit]) > 1 or cell is None or (cell["type"], pin) != (FLIP_FLOP, "DI"):
            return {}
        wires, parameters = cell["connections"], cell["parameters"]
        if wires["CLK"] != clock or parameters["CLKMUX"] != "CLK" or wires["LSR"] != ["0"]:
            return {}
        enable = wires.get("CE", ("1",))[0]
        if parameters["CEMUX"].strip() not in ("1", "CE"):
            return {}
        enables.add(enable)
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
