"""Measures what the gateware can do, and how fast it is simulated."""

import enum
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from interlock.bench import digest
from interlock.bench.log_report import log_report
from interlock.bench.report import report
from interlock.bench.tables import core_table, digest_table, log_table


class Subject(enum.StrEnum):
    """What is measured."""

    CORE = "core"
    DIGEST = "digest"
    LOG = "log"


def bench(
    subject: Annotated[
        Subject,
        typer.Argument(
            help="core: the Interlock block alone, and the batch engine against cocotb. "
            "digest: the tree digest, by lanes and size of messages. "
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
    result, table = _measure(subject)
    text = json.dumps(result, indent=2)
    if to_terminal:
        print(text)
        return 0
    if json_file is not None:
        json_file.write_text(text + "\n")
    Console().print(table)
    return 0


def _measure(subject: Subject) -> tuple[dict[str, Any], Table]:
    """All figures, and a table of them."""
    match subject:
        case Subject.CORE:
            core = report()
            return core.as_dict(), core_table(core)
        case Subject.DIGEST:
            digests = _digest()
            return digests, digest_table(digests)
        case Subject.LOG:
            log = log_report()
            return log.as_dict(), log_table(log)


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
