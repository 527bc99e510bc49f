"""Sizes of a hash index."""

from dataclasses import dataclass

from amaranth.lib import data

LEVELS = 2


@dataclass(frozen=True, kw_only=True)
class IndexShape:
    """Sizes of an index; which ones suffice is computed in ``interlock.model.hash_capacity``.

    Parameters
    ----------
    address_bits : int
        Of the addresses that it holds.
    bucket_bits : int
        2 ** bucket_bits buckets in each level.
    slots : int
        Places in a bucket.
    fingerprint_bits : int
        Of the hash, beside the number of the bucket.  Two keys that agree in both are a collision.
    stash : int
        Places in the stash.
    """

    address_bits: int
    bucket_bits: int
    slots: int
    fingerprint_bits: int
    stash: int

    @classmethod
    def of(cls, entries: int) -> "IndexShape":
        """Of a log of 64 … 16 384 entries: half as many buckets in each level, four slots in each."""
        bits = (entries - 1).bit_length()
        return cls(address_bits=bits, bucket_bits=bits - 1, slots=4, fingerprint_bits=bits + 43, stash=8)

    def validate(self) -> None:
        """Raises ``ValueError`` with what is wrong."""
        if self.slots < 1 or self.stash < 1:
            raise ValueError("a bucket and the stash need a slot each, at least")
        if not 0 < self.bucket_bits <= 64 // LEVELS:
            raise ValueError(f"bucket_bits must be 1 … {64 // LEVELS}, not {self.bucket_bits}")
        if not 1 <= self.fingerprint_bits <= 64:
            raise ValueError(f"fingerprint_bits must be 1 … 64, not {self.fingerprint_bits}")

    @property
    def hash_layout(self) -> data.StructLayout:
        """What is used of a digest: a bucket of each level, and the fingerprint."""
        return data.StructLayout(
            {"buckets": data.ArrayLayout(self.bucket_bits, LEVELS), "fingerprint": self.fingerprint_bits}
        )
