"""How fast a hash log merges and is read, in cycles of its clock: the same on every machine."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from interlock.bench.loaded_log import LoadedLog, Request
from interlock.bench.pair import BenchFailed
from interlock.device.rtl import Rtl

SIZES = (64, 1024, 16384)
ENTRY_BEATS = 2
"""Beats of 16 bytes in an entry."""
_SHARE = 4
"""A quarter of the log's entries is inserted, or updated, in each measurement."""
_SLACK = 100
_OWN = 0


@dataclass(frozen=True, kw_only=True)
class MergeFigures:
    """Merges that follow one another without a pause.

    Attributes
    ----------
    fill_percent : int
        How full the log was; insertions at 100 are the last ones that fill it.
    kind : str
        ``insert`` or ``update``.
    merges : int
        How many of them were measured.
    cycles_per_entry : float
        From the first answer to the last one, an answer.
    latency_cycles : int
        From the first request to its answer.
    """

    fill_percent: int
    kind: str
    merges: int
    cycles_per_entry: float
    latency_cycles: int


@dataclass(frozen=True, kw_only=True)
class LogFigures:
    """What was measured of a log.

    Attributes
    ----------
    entries : int
        Its capacity.
    merge_cycles_per_entry : float
        Of the slowest measurement of ``merges``.
    merges : list of MergeFigures
    scan_entries_per_cycle, scan_beats_per_cycle : float
        All entries read, one after the other, from the first one out to the last one; in beats of 16 bytes.
    scan_beats_per_cycle_beside_merges : float
        The same while entries are merged without a pause.
    """

    entries: int
    merge_cycles_per_entry: float
    merges: list[MergeFigures]
    scan_entries_per_cycle: float
    scan_beats_per_cycle: float
    scan_beats_per_cycle_beside_merges: float


class _Log:
    """A log that is filled step by step, and checked at each."""

    def __init__(self, entries: int) -> None:
        self.capacity = entries
        self.rtl = Rtl(LoadedLog(entries=entries), name=f"LoadedLog{entries}")
        self.held = 0

    def merge(self, numbers: Iterable[int], *, flops: int, reads: int = 0) -> tuple[int, float]:
        """Merges sources, and reads so many entries beside: latency, and cycles an entry."""
        words = [
            _word(Request, number=number, flops=flops, external=0, own=number == _OWN and self.held == 0)
            for number in numbers
        ]
        rtl = self.rtl
        rtl.pulse("start")
        rtl.run(1)
        rtl.push("requests", words)
        rtl.push("reads", range(reads))
        rtl.run(2 * len(words) + reads + _SLACK)
        self.held = rtl.get("n_sessions")
        merged, asked = self._timed("merged"), self._timed("asked")
        if merged["count"] != len(words) or rtl.get("refused") or rtl.get("fault"):
            raise BenchFailed(
                f"{merged['count']} of {len(words)} merges were answered, {rtl.get('refused')} refused"
            )
        cycles = merged["last"] - merged["first"]
        return merged["first"] - asked["first"], cycles / max(len(words) - 1, 1)

    def fill(self, count: int) -> None:
        """Until so many entries are held."""
        self.insert(count - self.held)
        if self.held != count:
            raise BenchFailed(f"the log holds {self.held} entries instead of {count}")

    def insert(self, count: int) -> tuple[int, float]:
        """New sources."""
        return self.merge(range(self.held, self.held + count), flops=1)

    def scan(self) -> float:
        """Reads everything that was asked for since the last start: entries a cycle."""
        scanned = self._timed("scanned")
        if scanned["count"] != self.held:
            raise BenchFailed(f"{scanned['count']} of {self.held} entries were read")
        return (scanned["count"] - 1) / (scanned["last"] - scanned["first"])

    def _timed(self, name: str) -> dict[str, int]:
        bits = self.rtl.get(name)
        return {field: bits >> 32 * n & 0xFFFFFFFF for n, field in enumerate(("count", "first", "last"))}


def measure(entries: int) -> LogFigures:
    """Everything about a log of one size.

    Raises
    ------
    BenchFailed
        If a merge is refused, or an entry missing.
    """
    log = _Log(entries)
    many = entries // _SHARE
    merges = []
    flops = 1

    def record(fill: int, kind: str, figures: tuple[int, float]) -> None:
        latency, cycles = figures
        merges.append(
            MergeFigures(
                fill_percent=fill, kind=kind, merges=many, cycles_per_entry=cycles, latency_cycles=latency
            )
        )

    log.fill(2)
    for fill, before in ((0, 2), (50, entries // 2), (100, entries - many)):
        log.fill(before)
        if fill < 100:
            flops += 1
            known = [1 + number % (before - 1) for number in range(many)]
            record(fill, "update", log.merge(known, flops=flops))
        record(fill, "insert", log.insert(many))
    if log.held != entries:
        raise BenchFailed(f"the log holds {log.held} entries instead of {entries}")
    flops += 1
    record(100, "update", log.merge(range(1, 1 + many), flops=flops))

    log.merge([], flops=0, reads=entries)
    alone = log.scan()
    log.merge([1 + number % (entries - 1) for number in range(entries)], flops=flops + 1, reads=entries)
    beside = log.scan()
    return LogFigures(
        entries=entries,
        merge_cycles_per_entry=max(one.cycles_per_entry for one in merges),
        merges=merges,
        scan_entries_per_cycle=alone,
        scan_beats_per_cycle=ENTRY_BEATS * alone,
        scan_beats_per_cycle_beside_merges=ENTRY_BEATS * beside,
    )


def _word(layout: Any, **values: int) -> int:
    """Bits of a layout."""
    return sum(int(values[name]) << field.offset for name, field in layout)
