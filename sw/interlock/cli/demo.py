"""Trains a network on a cluster of simulated nodes, and shows what their logs say about it."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from interlock import toolchain
from interlock.demo.collect import report
from interlock.demo.engines import Engine
from interlock.demo.page import render
from interlock.demo.report import Report
from interlock.demo.run import run
from interlock.demo.svg import quantity
from interlock.demo.task import Task
from interlock.files import write_atomically

_USUAL = Task()


def demo(
    nodes: Annotated[int, typer.Option(help="Nodes in the ring, 2 to 8.")] = _USUAL.nodes,
    epochs: Annotated[int, typer.Option(help="Times that each node goes through its data.")] = _USUAL.epochs,
    batches: Annotated[
        int | None, typer.Option(help="Steps an epoch; by default as many as the data fill.")
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="Gateware, the golden model, or one against the other.")
    ] = Engine.LOCKSTEP,
    seed: Annotated[int, typer.Option(help="Fixes everything that is random.")] = _USUAL.seed,
    waves: Annotated[
        bool, typer.Option("--waves", help="Write all signals: 1 GB (FST) for each node and 20 steps.")
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="Links that are not sealed: faster, and every log entry says so.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report instead of a summary.")] = False,
) -> int:
    """Writes report.json and report.html to build/demo.

    Exits with 1 where the FLOPs counted are not those that the shapes of the layers predict.
    """
    if waves and engine is Engine.GOLDEN:
        raise typer.BadParameter("the golden model has no waves: take --engine rtl or lockstep")
    task = Task(nodes=nodes, epochs=epochs, batches=batches, seed=seed)
    task.validate()
    folder = toolchain.build_folder() / "demo"
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        row = bar.add_task("making the nodes", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(row, description="training", completed=done, total=total)

        outcome = run(
            task,
            engine=engine,
            is_clear=clear,
            waves=folder / "waves" if waves else None,
            progress=progress,
        )

    result = report(outcome, engine=engine)
    command = f"interlock demo --nodes {nodes} --epochs {epochs} --engine {engine.value} --seed {seed}"
    command += f" --batches {batches}" if batches else ""
    command += " --clear" if clear else ""
    write_atomically(folder / "report.json", result.to_json())
    write_atomically(folder / "report.html", render(result, command=command))
    if as_json:
        print(result.to_json(), end="")
    else:
        print(_summary(result))
        print(f"report     {folder / 'report.html'}, and report.json beside it")
    return int(result.flops_counted != result.flops_analytic)


def _summary(result: Report) -> str:
    """The report in a few lines."""
    is_exact = result.flops_counted == result.flops_analytic
    lines = [
        f"accuracy   {result.accuracy:.1%} on {result.held_out} held-out digits",
        f"FLOPs      {result.flops_counted:,} counted, {'as' if is_exact else 'BUT'} predicted"
        + ("" if is_exact else f": {result.flops_analytic:,}"),
        f"prefixes   {result.prefix_share:.1%} of the bytes on the links",
    ]
    if result.bytes_compared:
        lines.append(f"lockstep   {result.bytes_compared:,} bytes compared, {result.mismatches} mismatches")
    if result.sim_cycles:
        speed = quantity(result.sim_cycles_per_s)
        lines.append(f"simulated  {result.sim_cycles:,} cycles in {result.wall_s:.0f} s, {speed} a second")
    lines += [f"waves      {path}" for path in result.waves]
    return "\n".join(lines)
