"""Lists every tool that is needed: its version, where it is, and what to do where it is missing."""

import json
import platform
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from interlock import toolchain


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> int:
    """Exits with 1 where something is missing."""
    rows = [_row(name) for name in toolchain.TOOLS]
    if as_json:
        report = {"python": platform.python_version(), "build": str(toolchain.build_folder()), "tools": rows}
        print(json.dumps(report, indent=2))
    else:
        Console().print(_table(rows))
    return int(any(row["path"] is None for row in rows))


def _row(name: str) -> dict[str, str | None]:
    tool, found = toolchain.TOOLS[name], toolchain.locate(name)
    return {
        "name": name,
        "purpose": tool.purpose,
        "version": found.version if found else None,
        "path": str(found.path) if found else None,
        "remedy": None if found else tool.remedy,
    }


def _table(rows: list[dict[str, str | None]]) -> Table:
    table = Table(title=f"Interlock, on Python {platform.python_version()}", title_justify="left")
    for heading in ("tool", "needed for", "version", "where, or what to do"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        remedy = f"[red]missing[/]: {row['remedy']}"
        table.add_row(row["name"], row["purpose"], row["version"] or "", row["path"] or remedy)
    return table
