"""The index of a hash log, as far as it decides who gets a place (docs/hash-log.md)."""

from dataclasses import dataclass

from interlock.model.siphash import siphash128

LEVELS = 2


@dataclass(frozen=True, kw_only=True)
class IndexSizes:
    """Sizes of an index.

    Attributes
    ----------
    bucket_bits : int
        2 ** bucket_bits buckets in each of two levels.
    slots : int
        Places in a bucket.
    fingerprint_bits : int
    stash : int
        Places in the stash.
    """

    bucket_bits: int
    slots: int
    fingerprint_bits: int
    stash: int

    @classmethod
    def of(cls, entries: int) -> "IndexSizes":
        """Of a log of 64 … 16 384 entries."""
        bits = (entries - 1).bit_length()
        return cls(bucket_bits=bits - 1, slots=4, fingerprint_bits=bits + 43, stash=8)


@dataclass(frozen=True)
class Hash:
    """What is used of a key's hash."""

    buckets: tuple[int, ...]
    fingerprint: int


def hash_of(key: bytes, source: bytes, *, external: bool, sizes: IndexSizes) -> Hash:
    """Of a session id of 16 bytes, or a digest of 32."""
    low, high = siphash128(key, source.ljust(32, b"\0") + bytes([external]))
    mask = (1 << sizes.bucket_bits) - 1
    buckets = tuple(low >> level * sizes.bucket_bits & mask for level in range(LEVELS))
    return Hash(buckets, high & (1 << sizes.fingerprint_bits) - 1)


class Index:
    """Who stands where.  Places are found in the order in which keys come in, and never change."""

    def __init__(self, sizes: IndexSizes) -> None:
        self.sizes = sizes
        self._levels: list[dict[int, list[tuple[int, int]]]] = [{} for _ in range(LEVELS)]
        self._stash: list[tuple[int, int, int]] = []

    def find(self, key: Hash) -> int | None:
        """The address that was entered with this hash, or with one that collides with it."""
        for level, bucket in zip(self._levels, key.buckets, strict=True):
            for fingerprint, address in level.get(bucket, []):
                if fingerprint == key.fingerprint:
                    return address
        for bucket, fingerprint, address in self._stash:
            if (bucket, fingerprint) == (key.buckets[0], key.fingerprint):
                return address
        return None

    def insert(self, key: Hash, address: int) -> bool:
        """Enters a key that is not found.  False: there is no place for it, and nothing has changed."""
        for level, bucket in zip(self._levels, key.buckets, strict=True):
            slots = level.setdefault(bucket, [])
            if len(slots) < self.sizes.slots:
                slots.append((key.fingerprint, address))
                return True
        if len(self._stash) == self.sizes.stash:
            return False
        self._stash.append((key.buckets[0], key.fingerprint, address))
        return True
