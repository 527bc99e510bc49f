"""What ``interlock bench`` shows: a table for each subject."""

from typing import Any

from rich.table import Table

from interlock.bench import digest
from interlock.bench.log_report import LogReport
from interlock.bench.report import FIGURES, Report


def core_table(result: Report) -> Table:
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


def digest_table(result: dict[str, Any]) -> Table:
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
    return table


def crypto_table(result: dict[str, Any]) -> Table:
    """A row for each block and speed, and the whole path below."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    paths = "; ".join(
        f"{path['wire_beats_per_cycle']:.3g} beats a cycle on the link within a message, "
        f"{path['both_payload_beats_per_cycle']:.3g} of payload, with staging for {path['staging_messages']}"
        for path in result["paths"]
    )
    table = Table(
        title=f"Seal and Open, {result['links']} channels: bytes of bodies a cycle, records back to back",
        title_justify="left",
        caption=f"a whole Interlock at one cycle a block, both ends sending: {paths}; {versions}",
        caption_justify="left",
    )
    figures = result["figures"]
    sizes = list(dict.fromkeys(one["bytes"] for one in figures))
    names = ("block", "cycles a block", "channels", *(f"{size} bytes" for size in sizes))
    for heading in (*names, "of ideal", "latency"):
        table.add_column(heading, justify="right")
    rows: dict[tuple[str, int, bool], list[dict[str, Any]]] = {}
    for one in figures:
        rows.setdefault((one["block"], one["interval"], one["alternating"]), []).append(one)
    for (block, interval, alternating), cells in rows.items():
        rates = (f"{one['bytes_per_cycle']:.2f}" for one in cells)
        ideal = f"{min(one['of_ideal'] for one in cells):.3f}"
        latency = f"{cells[0]['latency_cycles']} … {cells[-1]['latency_cycles']}"
        table.add_row(block, str(interval), "in turn" if alternating else "one", *rates, ideal, latency)
    return table


def log_table(result: LogReport) -> Table:
    """A column for each size."""
    table = Table(
        title="The log in block RAM, by its entries",
        title_justify="left",
        caption=result.caption(),
        caption_justify="left",
    )
    table.add_column("figure", overflow="fold")
    for one in result.logs:
        table.add_column(f"{one.entries:,}", justify="right")
    for row in zip(*(one.merges for one in result.logs), strict=True):
        what = f"cycles a merge, {row[0].kind}, {row[0].fill_percent} % full"
        table.add_row(what, *(_text(one.cycles_per_entry) for one in row))
    table.add_row("cycles to a merge's answer", *(_text(one.merges[0].latency_cycles) for one in result.logs))
    table.add_row("beats a cycle, read", *(_text(one.scan_beats_per_cycle) for one in result.logs))
    beside = "the same while entries are merged without a pause"
    table.add_row(beside, *(_text(one.scan_beats_per_cycle_beside_merges) for one in result.logs))
    table.add_section()
    for name, saved in result.deltas.items():
        table.add_row(f"DELTA to FULL bytes, {name}", _text(saved["delta_bytes_ratio"]))
    return table


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
