"""The log: a G-Counter of FLOPs, one entry a source, merged by maximum."""

import enum
from dataclasses import dataclass, replace

from interlock.model.fields import Layout

ENTRY = Layout(session_id=16, flops=12, mode=1, weight_table=1, flags=2)
ENTRY_BYTES = ENTRY.size
MAX_FLOPS = 2**96 - 1


class ProvenanceFlag(enum.IntFlag):
    """What is known against a source.  Merged by *or*."""

    CLEAR = 1 << 0
    UNADMITTED = 1 << 2
    UNLOGGED = 1 << 3


KNOWN_FLAGS = sum(ProvenanceFlag)  # a plain integer: `~` of an IntFlag inverts only the bits it knows


class Answer(enum.Enum):
    """What the log answers to a merge."""

    OK = enum.auto()
    FULL = enum.auto()
    CONFLICT = enum.auto()
    OWN = enum.auto()
    OWN_AHEAD = enum.auto()

    @property
    def closes(self) -> bool:
        """Whether the channel that it came from must close."""
        return self in (Answer.FULL, Answer.CONFLICT)


@dataclass(frozen=True, slots=True)
class Entry:
    """One source: what it had spent, and how that was counted."""

    session_id: bytes
    flops: int
    mode: int
    weight_table: int
    flags: int

    def encode(self) -> bytes:
        return (
            self.session_id
            + self.flops.to_bytes(12)
            + bytes((self.mode, self.weight_table))
            + self.flags.to_bytes(2)
        )

    @classmethod
    def decode(cls, data: bytes) -> "Entry":
        """The entry in exactly ``ENTRY_BYTES`` bytes; every value is legal here, the merge judges it."""
        if len(data) != ENTRY_BYTES:
            raise ValueError(f"an entry is {ENTRY_BYTES} bytes, not {len(data)}")
        return cls(data[:16], int.from_bytes(data[16:28]), data[28], data[29], int.from_bytes(data[30:32]))


class Log:
    """What one session knows of every source.  Entry 0 is the session's own.

    Entries are only ever added, and their counts and flags only ever grow, until the session ends.
    """

    def __init__(self, *, own: Entry, capacity: int) -> None:
        self.capacity = capacity
        self.entries = [own]
        self._index = {own.session_id: 0}

    @property
    def own(self) -> Entry:
        """The session's own entry, with the count that it last announced."""
        return self.entries[0]

    def merge(self, entry: Entry) -> Answer:
        """Takes in what a peer says of a source.  Unless the answer is OK, nothing changes."""
        index = self._index.get(entry.session_id)
        if index == 0:
            # This session counts for itself, and exactly; nobody can know of more than it ever announced.
            return Answer.OWN_AHEAD if entry.flops > self.own.flops else Answer.OWN
        if entry.flags & ~KNOWN_FLAGS:
            return Answer.CONFLICT
        if index is None:
            if len(self.entries) == self.capacity:
                return Answer.FULL
            self._index[entry.session_id] = len(self.entries)
            self.entries.append(entry)
            return Answer.OK
        known = self.entries[index]
        if (entry.mode, entry.weight_table) != (known.mode, known.weight_table):
            return Answer.CONFLICT
        self.entries[index] = replace(
            known, flops=max(known.flops, entry.flops), flags=known.flags | entry.flags
        )
        return Answer.OK

    def mark(self, flags: ProvenanceFlag) -> None:
        """Sets flags of the session's own entry."""
        self.entries[0] = replace(self.own, flags=self.own.flags | flags)

    def announce(self, flops: int) -> None:
        """Starts a scan: the own entry gets a freshly sampled count."""
        if flops < self.own.flops:
            raise ValueError("a count never falls")
        self.entries[0] = replace(self.own, flops=flops)
