"""The log: a G-Counter of FLOPs, one entry a source, merged by maximum, and a set of external digests."""

import enum
from dataclasses import dataclass, field, replace

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


Item = tuple[bool, int]
"""Something in the log: whether it is an external entry, and its index among those of its kind."""


@dataclass(slots=True)
class Scan:
    """Some of the log, each entry as it is when it is read.

    Attributes
    ----------
    items : list of Item
        What it has, sessions by index, then externals by index; fixed when it started.
    is_delta : bool
        Whether it has only what changed.
    bound : int
        What the own entry has beyond its count.
    sessions : list of Entry
    externals : list of bytes
        What was read.
    data : bytearray
        Its bytes.
    """

    items: list[Item]
    is_delta: bool = False
    bound: int = 0
    sessions: list[Entry] = field(default_factory=list)
    externals: list[bytes] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)

    @property
    def n_sessions(self) -> int:
        return sum(not is_external for is_external, _ in self.items)

    @property
    def n_externals(self) -> int:
        return len(self.items) - self.n_sessions

    @property
    def next_item(self) -> Item | None:
        """What must be read next."""
        read = len(self.sessions) + len(self.externals)
        return self.items[read] if read < len(self.items) else None

    @property
    def is_complete(self) -> bool:
        return self.next_item is None

    def add(self, entry: Entry | bytes) -> None:
        """The next one was read."""
        if isinstance(entry, bytes):
            self.externals.append(entry)
            self.data += entry
        else:
            self.sessions.append(entry)
            self.data += entry.encode()


class Log:
    """What one session knows of every source, and which external data it has seen.  Entry 0 is its own.

    Entries are only ever added, and their counts and flags only ever grow, until the session ends.

    Parameters
    ----------
    own : Entry
    capacity : int
        Places, which sources and external digests share.
    slots : int
        Channels, each of which is told what it does not know yet.

    Attributes
    ----------
    entries : list of Entry
    externals : list of bytes
        Digests.
    announced : int
        The most that a scan ever said of the own count.
    """

    def __init__(self, *, own: Entry, capacity: int, slots: int = 0) -> None:
        self.capacity = capacity
        self.entries = [own]
        self.externals: list[bytes] = []
        self.announced = own.flops
        self._index = {own.session_id: 0}
        self._digests: set[bytes] = set()
        self._changed: list[set[Item]] = [set() for _ in range(slots)]
        self._full_due = [True] * slots

    @property
    def own(self) -> Entry:
        """The session's own entry, with the count that was last sampled for a scan."""
        return self.entries[0]

    @property
    def size(self) -> int:
        """Places that are taken."""
        return len(self.entries) + len(self.externals)

    # What is known

    def merge(self, entry: Entry) -> Answer:
        """Takes in what a peer says of a source.  Unless the answer is OK, nothing changes."""
        index = self._index.get(entry.session_id)
        if index == 0:
            # This session counts for itself, and exactly; nobody can know of more than it ever announced.
            return Answer.OWN_AHEAD if entry.flops > self.announced else Answer.OWN
        if entry.flags & ~KNOWN_FLAGS:
            return Answer.CONFLICT
        if index is None:
            if self.size == self.capacity:
                return Answer.FULL
            self._index[entry.session_id] = len(self.entries)
            self.entries.append(entry)
            self._touch((False, len(self.entries) - 1))
            return Answer.OK
        known = self.entries[index]
        if (entry.mode, entry.weight_table) != (known.mode, known.weight_table):
            return Answer.CONFLICT
        merged = replace(known, flops=max(known.flops, entry.flops), flags=known.flags | entry.flags)
        if merged != known:
            self.entries[index] = merged
            self._touch((False, index))
        return Answer.OK

    def merge_external(self, digest: bytes) -> Answer:
        """Takes in the digest of external data."""
        if digest in self._digests:
            return Answer.OK
        if self.size == self.capacity:
            return Answer.FULL
        self._digests.add(digest)
        self.externals.append(digest)
        self._touch((True, len(self.externals) - 1))
        return Answer.OK

    def mark(self, flags: ProvenanceFlag) -> None:
        """Sets flags of the session's own entry."""
        self.entries[0] = replace(self.own, flags=self.own.flags | flags)
        self._touch((False, 0))

    # What is told

    def require_full(self, slot: int) -> None:
        """The next prefix for ``slot`` must have everything."""
        self._full_due[slot] = True

    def announce(self, flops: int, bound: int = 0) -> None:
        """Before a scan: the own entry gets a freshly sampled count."""
        if flops < self.own.flops:
            raise ValueError("a count never falls")
        self.entries[0] = replace(self.own, flops=flops)
        self.announced = max(self.announced, flops + bound)

    def begin_scan(self, slot: int | None = None, *, bound: int = 0) -> Scan:
        """Starts a scan for ``slot``, of what it may not know; without a slot, of everything.

        From here on it counts as known to the slot.
        """
        everything = [(False, index) for index in range(len(self.entries))]
        everything += [(True, index) for index in range(len(self.externals))]
        if slot is None:
            return Scan(everything)
        is_delta = not self._full_due[slot]
        items = sorted({(False, 0)} | self._changed[slot]) if is_delta else everything
        self._changed[slot] = set()
        self._full_due[slot] = False
        return Scan(items, is_delta, bound)

    def read(self, scan: Scan) -> None:
        """The next entry of ``scan``, as it is now."""
        assert scan.next_item is not None
        is_external, index = scan.next_item
        if is_external:
            scan.add(self.externals[index])
        elif index:
            scan.add(self.entries[index])
        else:
            scan.add(replace(self.own, flops=self.own.flops + scan.bound))

    def _touch(self, item: Item) -> None:
        """Nobody knows of this yet."""
        for changed in self._changed:
            changed.add(item)
