"""Measures what the gateware can do, and how fast it is simulated."""

import enum
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from interlock.bench.log_report import LogReport, log_report
from interlock.bench.report import FIGURES, Report, report


class Subject(enum.StrEnum):
    """What is measured."""

    CORE = "core"
    LOG = "log"


def bench(
    subject: Annotated[
        Subject,
        typer.Argument(
            help="core: the Interlock block alone, and the batch engine against cocotb.  "
            "log: the log in block RAM, of three sizes."
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
    result = report() if subject is Subject.CORE else log_report()
    text = json.dumps(result.as_dict(), indent=2)
    if to_terminal:
        print(text)
        return 0
    if json_file is not None:
        json_file.write_text(text + "\n")
    Console().print(_table(result) if isinstance(result, Report) else _log_table(result))
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
    return table


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
