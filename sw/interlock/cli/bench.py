"""Measures what the gateware can do, how fast it is simulated, and what it takes on an FPGA."""

import enum
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from interlock.bench import crypto, digest
from interlock.bench.log_report import log_report
from interlock.bench.report import report
from interlock.bench.synth import SEEDS
from interlock.bench.tables import core_table, crypto_table, digest_table, log_table
from interlock.synthesis.parts import Part


class Subject(enum.StrEnum):
    """What is measured."""

    CORE = "core"
    CRYPTO = "crypto"
    DIGEST = "digest"
    LOG = "log"
    SYNTH = "synth"


def bench(
    subject: Annotated[
        Subject,
        typer.Argument(
            help="core: the Interlock block alone, and the batch engine against cocotb. "
            "crypto: what seals and opens records, by speed of its cipher and size of records. "
            "digest: the tree digest, by lanes and size of messages. "
            "log: the log in block RAM, of three sizes, and what DELTA prefixes save. "
            "synth: blocks on FPGAs, by the open flow; what was computed before is not computed again."
        ),
    ] = Subject.CORE,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write JSON, too; to the terminal alone if FILE is -."),
    ] = None,
    blocks: Annotated[
        list[str] | None,
        typer.Option("--block", metavar="NAME", help="synth: this block; may be given more than once."),
    ] = None,
    part: Annotated[Part | None, typer.Option(help="synth: the blocks for this part.")] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help=f"synth: runs of place and route, usually {SEEDS}; Fmax is their median."),
    ] = None,
    critical: Annotated[
        bool, typer.Option("--critical", help="synth: every step of each block's longest path.")
    ] = False,
    names: Annotated[bool, typer.Option("--list", help="synth: which blocks there are.")] = False,
) -> int:
    """Beats and cycles of the gateware are the same on every machine; speeds of simulation are not."""
    to_terminal = json_file == Path("-")
    if json_file is not None and not to_terminal and (json_file.is_dir() or not json_file.parent.is_dir()):
        raise typer.BadParameter(f"{json_file}: cannot be written, for there is no such folder, or it is one")
    if subject is Subject.SYNTH:
        from interlock.bench import synth_view  # here, so that `core` need not wait for it

        if names:
            synth_view.show_names()
            return 0
        synthesis = synth_view.run(synth_view.chosen(blocks or [], part), seeds or SEEDS)
        _put(synthesis.as_dict(), json_file)
        if not to_terminal:
            synth_view.show(synthesis, critical=critical)
        return int(any(block.failure for block in synthesis.blocks))
    if blocks or part or seeds or critical or names:
        raise typer.BadParameter("--block, --part, --seeds, --critical and --list go with: bench synth")
    result, table = _measure(subject)
    _put(result, json_file)
    if not to_terminal:
        Console().print(table)
    return 0


def _put(result: dict[str, Any], json_file: Path | None) -> None:
    """Writes JSON where it is wanted."""
    if json_file is None:
        return
    text = json.dumps(result, indent=2)
    if json_file == Path("-"):
        print(text)
    else:
        json_file.write_text(text + "\n")


def _measure(subject: Subject) -> tuple[dict[str, Any], Table]:
    """All figures, and a table of them, of anything but SYNTH, which has options of its own."""
    match subject:
        case Subject.CORE:
            core = report()
            return core.as_dict(), core_table(core)
        case Subject.CRYPTO:
            ciphers = _with_progress(crypto.report, crypto.STEPS)
            return ciphers, crypto_table(ciphers)
        case Subject.DIGEST:
            digests = _with_progress(digest.report, len(digest.LANES) * len(digest.SIZES))
            return digests, digest_table(digests)
        case _:
            log = log_report()
            return log.as_dict(), log_table(log)


def _with_progress(measure: Callable[..., dict[str, Any]], steps: int) -> dict[str, Any]:
    """Measures, with a progress bar: it takes minutes."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        row = bar.add_task("measuring", total=steps)
        return measure(progress=lambda: bar.advance(row))
