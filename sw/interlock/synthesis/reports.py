"""What the tools' reports say: cells after synthesis, and the speed and longest path of a placed design."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.errors import Malformed
from interlock.synthesis.harness import PREFIX, TOP, WALL
from interlock.synthesis.parts import Family

_REGISTER = re.compile(r"_(?:TRELLIS_FF|SB_DFF[A-Z]*)_[A-Z0-9]+?(?:_DFFLC|_\d+)?(?=_|$).*")
"""What synthesis appends to a register's name to name its flip-flops."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Resources of an FPGA."""

    luts: int
    flip_flops: int
    block_rams: int
    dsps: int

    def without(self, other: "Cells") -> "Cells":
        """What is left when the cells of ``other`` are taken off."""
        return Cells(**{name: count - getattr(other, name) for name, count in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class Hop:
    """A step of a path: through a cell or along a net."""

    kind: str
    delay_ns: float
    at: str


@dataclass(frozen=True, kw_only=True)
class Path:
    """A path from register to register.

    Attributes
    ----------
    start, end : str
        The two registers, or memories.
    logic_ns, routing_ns : float
        What cells, and what nets contribute.
    levels : int
        Cells between the registers.
    hops : list of Hop
        All of it.
    """

    start: str
    end: str
    logic_ns: float
    routing_ns: float
    levels: int
    hops: list[Hop]


def synthesised_cells(stat: Mapping[str, Any], family: Family) -> tuple[Cells, Cells]:
    """Cells of the block and of its harness, from Yosys's ``stat -json``."""
    modules = {name.removeprefix("\\"): module for name, module in stat["modules"].items()}
    if missing := {TOP, WALL} - set(modules):
        raise Malformed(f"the report of yosys says nothing of module {', '.join(sorted(missing))}")
    block, harness = (_cells(modules[name]["num_cells_by_type"], family) for name in (WALL, TOP))
    return block, harness


def _cells(counts: Mapping[str, int], family: Family) -> Cells:
    def number(prefix: str) -> int:
        return sum(count for cell, count in counts.items() if cell.startswith(prefix))

    return Cells(
        luts=number(family.lut),
        flip_flops=number(family.flip_flop),
        block_rams=number(family.block_ram),
        dsps=number(family.dsp),
    )


def placed_luts(report: Mapping[str, Any], family: Family) -> int | None:
    """LUTs of the whole placed design, from nextpnr's report, where the family lets them be told."""
    if family.lut_bel is None:
        return None
    return int(report["utilization"][family.lut_bel]["used"])


def fmax_mhz(report: Mapping[str, Any]) -> float:
    """The fastest clock of a placed design that has one clock."""
    clocks = report["fmax"]
    if len(clocks) != 1:
        raise Malformed(f"nextpnr reports {len(clocks)} clocks, not one: is anything left between registers?")
    return float(next(iter(clocks.values()))["achieved"])


def critical_path(report: Mapping[str, Any]) -> Path:
    """The longest path from register to register."""
    for path in report["critical_paths"]:
        if path["from"] == path["to"] and path["from"].startswith("posedge "):
            break
    else:
        raise Malformed("nextpnr reports no path from register to register")
    hops = [
        Hop(
            kind=hop["type"],
            delay_ns=hop["delay"],
            at=_inside(hop.get("net") or hop["to"]["cell"]),
        )
        for hop in path["path"]
    ]
    return Path(
        start=register_name(path["path"][0]["from"]["cell"]),
        end=register_name(path["path"][-1]["to"]["cell"]),
        logic_ns=round(sum(hop.delay_ns for hop in hops if hop.kind != "routing"), 3),
        routing_ns=round(sum(hop.delay_ns for hop in hops if hop.kind == "routing"), 3),
        levels=sum(hop.kind == "logic" for hop in hops),
        hops=hops,
    )


def register_name(cell: str) -> str:
    """The register that a flip-flop is a bit of; of the block's, its name within the block."""
    return _REGISTER.sub("", _inside(cell))


def _inside(name: str) -> str:
    """A name as it is within the block; of the harness's, the name itself."""
    return PREFIX.sub("", name)
