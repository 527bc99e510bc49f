"""The log in the plainest Python there is: what the gateware's store, change bits and scan are compared with.

Entries are dictionaries with the fields of the gateware's ``Entry``, digests too.  Addresses are pairs of
``external`` and ``index``, so that they sort as a scan gives them.
"""

from dataclasses import dataclass, field
from typing import Any

Address = tuple[int, int]
Entry = dict[str, Any]

KNOWN_FLAGS = 0b1101
OWN: Address = (0, 0)


@dataclass
class NaiveStore:
    """Sessions and externals in lists, searched from the front."""

    capacity: int
    sessions: list[Entry] = field(default_factory=list)
    externals: list[Entry] = field(default_factory=list)

    def read(self, address: Address) -> Entry:
        """A copy of the entry, as it is now."""
        external, index = address
        entry = (self.externals if external else self.sessions)[index]
        return {**entry, "provenance": dict(entry["provenance"])}

    def addresses(self) -> list[Address]:
        """Of all entries, in order."""
        return [(0, n) for n in range(len(self.sessions))] + [(1, n) for n in range(len(self.externals))]

    def announce(self, count: int) -> None:
        self.sessions[0]["flops"] = count

    def merge(self, request: dict[str, Any]) -> tuple[str, Address | None]:
        """The answer, and the entry that was added or changed."""
        asked, provenance = request["entry"], request["entry"]["provenance"]
        if not request["own"] and not self.sessions:
            return "CONFLICT", None
        if request["external"]:
            return ("OK", None) if asked in self.externals else self._append(self.externals, 1, asked)
        if not request["own"] and asked["session_id"] == self.sessions[0]["session_id"]:
            return "OK", None
        if provenance["flags"] & ~KNOWN_FLAGS:
            return "CONFLICT", None
        if request["own"]:
            known = self.sessions[:1]
        else:
            known = [entry for entry in self.sessions if entry["session_id"] == asked["session_id"]]
        if not known:
            return self._append(self.sessions, 0, asked)
        mine = known[0]
        if any(mine["provenance"][name] != provenance[name] for name in ("mode", "weight_table")):
            return "CONFLICT", None
        before = mine["flops"], mine["provenance"]["flags"]
        mine["provenance"]["flags"] |= provenance["flags"]
        if not request["own"]:
            mine["flops"] = max(mine["flops"], asked["flops"])
        changed = before != (mine["flops"], mine["provenance"]["flags"])
        return "OK", (0, self.sessions.index(mine)) if changed else None

    def _append(self, section: list[Entry], external: int, asked: Entry) -> tuple[str, Address | None]:
        if len(self.sessions) + len(self.externals) == self.capacity:
            return "FULL", None
        section.append({**asked, "provenance": dict(asked["provenance"])})
        return "OK", (external, len(section) - 1)


@dataclass
class NaiveChanges:
    """For each slot a set of addresses."""

    slots: int

    def __post_init__(self) -> None:
        self.sets: list[set[Address]] = [set() for _ in range(self.slots)]

    def change(self, address: Address) -> None:
        for changed in self.sets:
            changed.add(address)

    def flip(self, slot: int) -> list[Address]:
        """What had changed, in order, without entry 0; and forgets it."""
        fixed = sorted(self.sets[slot] - {OWN})
        self.sets[slot] = set()
        return fixed


def entry(session_id: int, flops: int = 0, *, mode: int = 1, weight_table: int = 1, flags: int = 1) -> Entry:
    return {
        "session_id": session_id,
        "flops": flops,
        "provenance": {"mode": mode, "weight_table": weight_table, "flags": flags},
    }


def address_fields(address: Address) -> dict[str, int]:
    """As the gateware's ``EntryAddress``."""
    return {"external": address[0], "index": address[1]}
