"""Resets of many registers go onto global networks (ECP5: Lattice TN-02200, "Primary Clock Routing").

These networks reach the clock and the set/reset input of every slice.  Place and route uses them for clocks
alone; a reset of some thousand registers then is by far the largest net that is left, and the router does
not come to an end with it.
"""

from collections import Counter
from itertools import count
from typing import Any

from interlock.synthesis.parts import FAMILIES, Part

FLIP_FLOP = FAMILIES[Part.ECP5].flip_flop
BUFFER = "DCCA"  # where a signal enters a global network
MANY = 1000
"""Registers whose reset is worth a network."""
NETWORKS = 8
"""Half of a part's; the others are left to clocks."""


def promote(module: dict[str, Any]) -> int:
    """Changes a module, in the form of Yosys's ``write_json``; returns how many resets got a network.

    Only the registers' own reset inputs move to it; what logic hears of the same signal comes as before.
    """
    cells = module["cells"]
    registers = [cell["connections"] for cell in cells.values() if cell["type"] == FLIP_FLOP]
    counts = Counter(wires["LSR"][0] for wires in registers if isinstance(wires["LSR"][0], int))
    largest = [bit for bit, registers_of_it in counts.most_common(NETWORKS) if registers_of_it >= MANY]
    used = (bit for net in module["netnames"].values() for bit in net["bits"] if isinstance(bit, int))
    fresh = count(1 + max(used, default=0))
    moved = {bit: next(fresh) for bit in largest}
    for wires in registers:
        wires["LSR"] = [moved.get(wires["LSR"][0], wires["LSR"][0])]
    for bit, network in moved.items():
        name = f"global_reset_{bit}"
        cells[name] = {
            "hide_name": 0,
            "type": BUFFER,
            "parameters": {},
            "attributes": {},
            "port_directions": {"CLKI": "input", "CE": "input", "CLKO": "output"},
            "connections": {"CLKI": [bit], "CE": ["1"], "CLKO": [network]},
        }
        module["netnames"][name] = {"hide_name": 0, "bits": [network], "attributes": {}}
    return len(moved)
