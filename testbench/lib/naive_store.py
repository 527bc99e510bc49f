"""What a store holds, kept the naive way: two lists, and the index that decides who gets a place."""

from dataclasses import dataclass, field
from typing import Any

from interlock.model.hash_index import Hash, Index, IndexSizes, hash_of
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.store import MergeRequest
from interlock_hdl.record import Entry, ProvenanceFlag

from lib.streams import pack, unpack

KNOWN_FLAGS = sum(ProvenanceFlag)
Fields = dict[str, Any]


@dataclass(frozen=True)
class Merged:
    """What became of a request."""

    answer: Answer
    changed: tuple[int, int] | None = None  # external, index
    claim: int = -1  # FLOPs that a peer says this node has spent


@dataclass
class NaiveStore:
    """Sessions and externals as bits of an ``Entry``, in the order in which they came in.

    Parameters
    ----------
    capacity : int
    sizes : IndexSizes, optional
        With the hash ``key``, of the index; without, every key has a place.
    """

    capacity: int
    sizes: IndexSizes | None = None
    key: bytes = bytes(16)
    sessions: list[int] = field(default_factory=list)
    externals: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._index = Index(self.sizes) if self.sizes else None
        self._known: dict[tuple[int, bytes], int] = {}

    def read(self, external: int, index: int) -> int:
        """Bits of an entry."""
        return (self.externals if external else self.sessions)[index]

    def announce(self, count: int) -> None:
        """The node's own count is this from now on."""
        assert count >= self._session(0)["flops"], "a count never falls"
        self._store(0, self._session(0) | {"flops": count})

    def merge(self, request: int) -> Merged:
        """Bits of a ``MergeRequest``."""
        asked = unpack(MergeRequest, request)
        bits, entry = pack(Entry, asked["entry"]), asked["entry"]
        flags = entry["provenance"]["flags"]
        reserved = bool(flags & ~KNOWN_FLAGS) and not asked["external"]
        if asked["own"] and self.sessions:
            return Merged(Answer.CONFLICT) if reserved else self._add(0, entry, marks=True)
        if not self.sessions and (reserved or not asked["own"]):
            return Merged(Answer.CONFLICT)
        found, place = self._find(bits, asked["external"])
        if found is None:
            return Merged(Answer.FULL)
        if found >= 0:
            if asked["external"]:
                return Merged(Answer.OK)
            if found == 0:
                return Merged(Answer.OK, claim=entry["flops"])
            return Merged(Answer.CONFLICT) if reserved else self._add(found, entry)
        if reserved:
            return Merged(Answer.CONFLICT)
        section = self.externals if asked["external"] else self.sessions
        if len(self.sessions) + len(self.externals) == self.capacity:
            return Merged(Answer.FULL)
        if self._index and place and not self._index.insert(place, asked["external"] << 16 | len(section)):
            return Merged(Answer.FULL)
        self._known[asked["external"], self._source(bits, asked["external"])] = len(section)
        section.append(bits)
        return Merged(Answer.OK, changed=(asked["external"], len(section) - 1))

    def _find(self, bits: int, external: int) -> tuple[int | None, Hash | None]:
        """Where it is, -1 if nowhere, ``None`` if another key stands in its way; and its hash."""
        source = self._source(bits, external)
        known = self._known.get((external, source), -1)
        if not self._index or not self.sizes:
            return known, None
        place = hash_of(self.key, source, external=bool(external), sizes=self.sizes)
        address = self._index.find(place)
        if address is None:
            assert known < 0, "an entry that is not found again"
            return -1, place
        return (known if known >= 0 and address == external << 16 | known else None), place

    def _source(self, bits: int, external: int) -> bytes:
        whole = bits.to_bytes(32)
        return whole if external else whole[:16]

    def _session(self, index: int) -> Fields:
        return unpack(Entry, self.sessions[index])  # type: ignore[no-any-return]

    def _store(self, index: int, entry: Fields) -> None:
        self.sessions[index] = pack(Entry, entry)

    def _add(self, index: int, asked: Fields, *, marks: bool = False) -> Merged:
        """Maximum of FLOPs, but for a mark; *or* of flags."""
        mine = self._session(index)
        had, has = mine["provenance"], asked["provenance"]
        if (had["mode"], had["weight_table"]) != (has["mode"], has["weight_table"]):
            return Merged(Answer.CONFLICT)
        flops = mine["flops"] if marks else max(mine["flops"], asked["flops"])
        merged = mine | {"flops": flops, "provenance": had | {"flags": had["flags"] | has["flags"]}}
        changed = (0, index) if merged != mine else None
        self._store(index, merged)
        return Merged(Answer.OK, changed=changed)
