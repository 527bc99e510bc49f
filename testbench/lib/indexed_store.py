"""A naive store with the index of a hash log in front of it, which decides who gets a place."""

from typing import Any

from interlock.model.hash_index import Index, IndexSizes, hash_of
from interlock_hdl.record import Entry

from lib.naive_log import Address, NaiveStore
from lib.streams import pack

SECTION = 1 << 16
"""Externals have addresses from here on."""


class IndexedStore(NaiveStore):
    """Refuses what finds no place in the index, and what another key stands in the way of.

    Parameters
    ----------
    capacity : int
    sizes : IndexSizes
    key : bytes
        Of the hash.
    """

    def __init__(self, capacity: int, sizes: IndexSizes, key: bytes) -> None:
        super().__init__(capacity)
        self._sizes, self._key, self._index = sizes, key, Index(sizes)

    def merge(self, request: dict[str, Any]) -> tuple[str, Address | None]:
        if request["own"] and self.sessions:  # entry 0 is found without a look-up
            return super().merge(request)
        external = request["external"]
        source = _source(external, request["entry"])
        place = hash_of(self._key, source, external=bool(external), sizes=self._sizes)
        found = self._index.find(place)
        if found is not None:
            address = divmod(found, SECTION)
            if (address[0], _source(address[0], self.read(address))) != (external, source):
                return "FULL", None
        held = len(self.addresses())
        answer, changed = super().merge(request)
        if len(self.addresses()) > held:
            assert found is None, "an entry that is not found again"
            assert changed is not None
            if not self._index.insert(place, changed[0] * SECTION + changed[1]):
                (self.externals if external else self.sessions).pop()
                return "FULL", None
        return answer, changed


def _source(external: int, entry: dict[str, Any]) -> bytes:
    return pack(Entry, entry).to_bytes(32) if external else entry["session_id"].to_bytes(16)
