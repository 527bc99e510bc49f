"""The table of docs/synthesis.md, from the JSON that ``interlock bench synth`` writes.

``python -m interlock.synthesis.page docs/synthesis.json docs/synthesis.md`` writes it again.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlock.bench.synth import COLUMNS, rows

BEGIN = "<!-- begin: python -m interlock.synthesis.page docs/synthesis.json docs/synthesis.md -->\n"
END = "<!-- end -->\n"


def table(report: Mapping[str, Any]) -> str:
    """Markdown: a line for each block, the options of place and route, and the tools' versions."""
    numbers = range(2, 7)
    rules = ["---:" if column in numbers else "---" for column in range(len(COLUMNS))]
    lines = [_line(COLUMNS), _line(rules)]
    for row in rows(report["blocks"]):
        name, *middle, path = row
        lines.append(_line((f"`{name}`", *middle, path.replace("_", r"\_"))))
    lines.append("")
    lines += [f"- {part}: {options}" for part, options in report["parts"].items()]
    lines.append("- " + ", ".join(f"{name} {number}" for name, number in report["versions"].items()))
    return "\n".join(lines) + "\n"


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def renewed(page: str, report: Mapping[str, Any]) -> str:
    """``page`` with the table in its marked region as it must be."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"there is no region between {BEGIN.strip()} and {END.strip()}")
    return before + begin + table(report) + end + after


def main() -> None:
    report, page = Path(sys.argv[1]), Path(sys.argv[2])
    page.write_text(renewed(page.read_text(), json.loads(report.read_text())))


if __name__ == "__main__":
    main()
