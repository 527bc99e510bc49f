"""The digest of bulk data: a Merkle tree hash, so that any part can be shown without the rest."""

from hashlib import sha256

LEAF_BYTES = 1024


def tree_digest(data: bytes) -> bytes:
    """The tree hash of RFC 9162, section 2.1.1, with SHA-256, over leaves of 1024 bytes."""
    leaves = [data[at : at + LEAF_BYTES] for at in range(0, len(data), LEAF_BYTES)]
    return _hash(leaves) if leaves else sha256(b"").digest()


def _hash(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    left = 1 << (len(leaves) - 1).bit_length() - 1  # the largest power of two below their number
    return sha256(b"\1" + _hash(leaves[:left]) + _hash(leaves[left:])).digest()
