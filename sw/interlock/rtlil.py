"""RTLIL of a component, as Amaranth makes it, in half of the time.

Some steps of Amaranth go bit by bit through what can be taken at once: it lists the contents of memories,
looks for combinational cycles, and asks of each bit of a value whether it is one.  While a component is
converted, these are replaced here by ones that come to the same: ``testbench/test_rtlil.py`` compares.
"""

import gc
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any
from unittest.mock import patch

from amaranth.back import rtlil
from amaranth.hdl import _nir
from amaranth.lib import wiring


def convert(component: wiring.Component, *, name: str) -> str:
    """RTLIL of ``component`` as module ``name``, without places in its source.

    Raises ``amaranth.hdl._nir.CombinationalCycle`` where there is one.
    """
    collects = gc.isenabled()
    gc.disable()  # nothing made here is garbage before the end; looking for it doubles the time
    try:
        with (
            patch.object(_nir.Value, "__new__", _new_value),
            patch.object(rtlil.ModuleEmitter, "emit_memory", _emit_memory),
            patch.object(_nir.Netlist, "check_comb_cycles", _check_comb_cycles),
        ):
            return str(rtlil.convert(component, name=name, emit_src=False))
    finally:
        if collects:
            gc.enable()


def _new_value(cls: Any, nets: Any = ()) -> Any:
    return tuple.__new__(cls, (nets,) if isinstance(nets, _nir.Net) else nets)


def _emit_memory(self: Any, cell_idx: int, cell: Any) -> None:
    mask = (1 << cell.width) - 1
    rows = "".join(f"{row & mask:0{cell.width}b}" for row in reversed(cell.init)) if cell.width else ""
    self.builder.cell(
        "$meminit_v2",
        ports={
            "ADDR": self.sigspec(),
            "DATA": f"{len(rows)}'{rows}" if rows else self.sigspec(),
            "EN": self.sigspec(_nir.Value.ones(cell.width)),
        },
        parameters={
            "MEMID": self.memories[cell_idx].memid,
            "ABITS": 0,
            "WIDTH": cell.width,
            "WORDS": cell.depth,
            "PRIORITY": 0,
        },
        src_loc=cell.src_loc,
    )


_amaranth_check = _nir.Netlist.check_comb_cycles


def _check_comb_cycles(self: Any) -> None:
    """Bit by bit only where whole cells form cycles.  If bits do, Amaranth itself says where."""
    drivers = {number: _drivers(self, cell) for number, cell in enumerate(self.cells)}
    nets = {net for number in _on_cycles(drivers) for net in self.cells[number].output_nets(number)}
    edges = {net: [_driver(self, n) for n, _ in self.cells[net.cell].comb_edges_to(net.bit)] for net in nets}
    if _on_cycles(edges):
        _amaranth_check(self)


def _driver(netlist: Any, net: int) -> int:
    """The net of a cell, or the constant, that ``net`` is another name of."""
    while net < 0:
        net = netlist.connections[net]
    return net


def _drivers(netlist: Any, cell: Any) -> set[int]:
    """Numbers of the cells that drive inputs of ``cell`` on which its output may hang at once."""
    if isinstance(cell, _nir.SyncReadPort):
        return set()
    nets = (cell.clk, cell.arst) if isinstance(cell, _nir.FlipFlop) else cell.input_nets()
    return {driver >> 16 for driver in (_driver(netlist, net) for net in nets) if driver > 1}


def _on_cycles(graph: Mapping[int, Iterable[int]]) -> set[int]:
    """Nodes that are on a cycle, or on a way from one to another."""
    for _ in range(2):  # away with what hangs on no cycle; then, backwards, with what no cycle hangs on
        sorter = TopologicalSorter(graph)
        try:
            sorter.prepare()
        except CycleError:
            free: set[int] = set()
            while ready := sorter.get_ready():
                free.update(ready)
                sorter.done(*ready)
        else:
            return set()
        backwards: dict[int, list[int]] = {node: [] for node in graph if node not in free}
        for node in backwards:
            for other in graph[node]:
                if other in backwards:
                    backwards[other].append(node)
        graph = backwards
    return set(graph)
