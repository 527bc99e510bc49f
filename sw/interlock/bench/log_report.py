"""What ``interlock bench log`` says."""

import os
import platform
from dataclasses import asdict, dataclass
from typing import Any

from interlock.bench import delta, log
from interlock.bench.log import LogFigures
from interlock.bench.report import versions


@dataclass(frozen=True, kw_only=True)
class LogReport:
    """Everything that was measured, and with which tools.

    Attributes
    ----------
    logs : list of LogFigures
        Of each size.
    deltas : dict
        What DELTA prefixes save, of golden nodes: see :func:`delta.delta_bytes_ratios`.
    versions, machine : dict
    """

    logs: list[LogFigures]
    deltas: dict[str, dict[str, float | int]]
    versions: dict[str, str]
    machine: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the slowest of all sizes at the top."""
        worst = {
            "merge_cycles_per_entry": max(one.merge_cycles_per_entry for one in self.logs),
            "scan_beats_per_cycle": min(one.scan_beats_per_cycle for one in self.logs),
            "delta_bytes_ratio": {name: one["delta_bytes_ratio"] for name, one in self.deltas.items()},
        }
        return {"bench": "log", **worst, **asdict(self)}

    def caption(self) -> str:
        """Of what this is true."""
        tools = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"beats of 16 bytes; {tools}"


def log_report() -> LogReport:
    """Measures everything.  Raises as :func:`log.measure`."""
    return LogReport(
        logs=[log.measure(entries) for entries in log.SIZES],
        deltas=delta.delta_bytes_ratios(),
        versions=versions(),
        machine={"processors": os.cpu_count(), "platform": platform.platform()},
    )
