"""Measures what the gateware can do, and how fast it is simulated."""

import enum
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

<<<<<<< HEAD
from interlock.bench import digest
=======
from interlock.bench.log_report import LogReport, log_report
>>>>>>> c22bb71e8c14a7994745d318b2bcbaafb1a232c7
from interlock.bench.report import FIGURES, Report, report


class Subject(enum.StrEnum):
    """What is measured."""

    CORE = "core"
<<<<<<< HEAD
    DIGEST = "digest"
=======
    LOG = "log"
>>>>>>> c22bb71e8c14a7994745d318b2bcbaafb1a232c7


def bench(
    subject: Annotated[
        Subject,
        typer.Argument(
<<<<<<< HEAD
            help="core: the Interlock block alone, and the batch engine against cocotb. "
            "digest: the tree digest, by lanes and size of messages."
=======
            help="core: the Interlock block alone, and the batch engine against cocotb.  "
            "log: the log in block RAM, of three sizes."
>>>>>>> c22bb71e8c14a7994745d318b2bcbaafb1a232c7
        ),
    ] = Subject.CORE,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write JSON, too; to the terminal alone if FILE is -."),
    ] = None,
) -> int:
    """Beats and cycles of the gateware are the same on every machine; speeds of simulation are not."""
    to_terminal = json_file == Path("-")
    if json_file is not None and not to_terminal and (json_file.is_dir() or not json_file.parent.is_dir()):
        raise typer.BadParameter(f"{json_file}: cannot be written, for there is no such folder, or it is one")
<<<<<<< HEAD
    match subject:
        case Subject.CORE:
            core = report()
            result, table = core.as_dict(), _table(core)
        case Subject.DIGEST:
            result = _digest()
            table = _digest_table(result)
    text = json.dumps(result, indent=2)
=======
    result = report() if subject is Subject.CORE else log_report()
    text = json.dumps(result.as_dict(), indent=2)
>>>>>>> c22bb71e8c14a7994745d318b2bcbaafb1a232c7
    if to_terminal:
        print(text)
        return 0
    if json_file is not None:
        json_file.write_text(text + "\n")
<<<<<<< HEAD
    Console().print(table)
=======
    Console().print(_table(result) if isinstance(result, Report) else _log_table(result))
>>>>>>> c22bb71e8c14a7994745d318b2bcbaafb1a232c7
    return 0


def _table(result: Report) -> Table:
    """Every figure, and what it says."""
    table = Table(
        title=f"The Interlock block, with messages of {result.traffic['payload_bytes']} bytes",
        title_justify="left",
        caption=result.caption(),
        caption_justify="left",
    )
    table.add_column("figure", overflow="fold")
    columns = [result.main, *result.other_builds]
    for core in columns:
        table.add_column(f"{core.beat_bytes}-byte beats", justify="right")
    for name, meaning in FIGURES.items():
        table.add_row(meaning, *(_text(getattr(core, name)) for core in columns))
    speed = result.speed
    table.add_section()
    table.add_row("simulated cycles a second, batch engine", _text(round(speed.batch_cycles_per_second)))
    table.add_row("simulated cycles a second, cocotb", _text(round(speed.cocotb_cycles_per_second)))
    table.add_row("batch engine against cocotb", f"{speed.batch_vs_cocotb:.1f} x")
    return table


<<<<<<< HEAD
def _digest() -> dict[str, Any]:
    """Measures, with a progress bar: it takes a minute."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        row = bar.add_task("measuring", total=len(digest.LANES) * len(digest.SIZES))
        return digest.report(progress=lambda: bar.advance(row))


def _digest_table(result: dict[str, Any]) -> Table:
    """A row for each build and size."""
    table = Table(
        title=f"The tree digest, with beats of {result['beat_bytes']} bytes",
        title_justify="left",
        caption=", ".join(f"{name} {number}" for name, number in result["versions"].items()),
        caption_justify="left",
    )
    headings = ("lanes", "message", "bytes a cycle, back to back", "cycles, alone", "bytes a cycle, alone")
    for heading in headings:
        table.add_column(heading, justify="right")
    names = {size: name for name, size in digest.SIZES.items()}
    lanes = None
    for one in result["figures"]:
        if lanes not in (None, one["lanes"]):
            table.add_section()
        lanes = one["lanes"]
        rates = (one["bytes_per_cycle"], one["cycles_alone"], one["bytes_per_cycle_alone"])
        table.add_row(str(lanes), names[one["bytes"]], *map(_text, rates))
=======
def _log_table(result: LogReport) -> Table:
    """A column for each size."""
    table = Table(
        title="The log in block RAM", title_justify="left", caption=result.caption(), caption_justify="left"
    )
    table.add_column("figure", overflow="fold")
    for one in result.logs:
        table.add_column(f"{one.entries:,} entries", justify="right")
    for row in zip(*(one.merges for one in result.logs), strict=True):
        what = f"cycles a merge, {row[0].kind}, {row[0].fill_percent} % full"
        table.add_row(what, *(_text(one.cycles_per_entry) for one in row))
    table.add_row("cycles to a merge's answer", *(_text(one.merges[0].latency_cycles) for one in result.logs))
    table.add_row("beats a cycle, read", *(_text(one.scan_beats_per_cycle) for one in result.logs))
    beside = "the same while entries are merged without a pause"
    table.add_row(beside, *(_text(one.scan_beats_per_cycle_beside_merges) for one in result.logs))
>>>>>>> c22bb71e8c14a7994745d318b2bcbaafb1a232c7
    return table


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
