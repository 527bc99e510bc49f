"""Digests of bulk bytes: a Merkle tree (RFC 9162, 2.1) with SHA-256 over leaves of 1024 bytes.

Whoever knows a digest and a length can be shown any part of the bytes without the rest: :func:`prove` makes
the proof of a leaf, :func:`is_part` checks it.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

LEAF_BYTES = 1024
DIGEST_BYTES = 32

_LEAF = b"\x00"
_NODE = b"\x01"
NOTHING = sha256().digest()
"""Digest of no bytes at all."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of one leaf."""
    return sha256(_LEAF + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node, from those of its children."""
    return sha256(_NODE + left + right).digest()


class TreeDigest:
    """The digest of bytes that come piece by piece, in constant memory.

    Attributes
    ----------
    length : int
        Bytes so far.
    """

    def __init__(self) -> None:
        self.length = 0
        self._rest = b""
        self._leaves = _Pending()

    def update(self, data: bytes) -> None:
        """Appends ``data``."""
        self.length += len(data)
        data = self._rest + data
        whole = len(data) - len(data) % LEAF_BYTES
        for start in range(0, whole, LEAF_BYTES):
            self._leaves.push(leaf_hash(data[start : start + LEAF_BYTES]))
        self._rest = data[whole:]

    def digest(self) -> bytes:
        """Digest of everything so far; more may follow."""
        leaves = self._leaves.copy()
        if self._rest:
            leaves.push(leaf_hash(self._rest))
        return leaves.root()


def tree_digest(data: bytes) -> bytes:
    """Digest of ``data``."""
    tree = TreeDigest()
    tree.update(data)
    return tree.digest()


def tree_root(hashes: Iterable[bytes]) -> bytes:
    """Root of the tree over leaves of these hashes (RFC 9162, 2.1.1)."""
    leaves = _Pending()
    for one in hashes:
        leaves.push(one)
    return leaves.root()


class _Pending:
    """Roots of the full subtrees that the leaves so far make: one for each one in their number."""

    def __init__(self) -> None:
        self.count = 0
        self.roots: list[bytes] = []

    def copy(self) -> "_Pending":
        other = _Pending()
        other.count, other.roots = self.count, self.roots[:]
        return other

    def push(self, one: bytes) -> None:
        self.roots.append(one)
        self.count += 1
        carry = self.count
        while carry % 2 == 0:  # the last two are of equal size
            self._join()
            carry //= 2

    def root(self) -> bytes:
        if not self.roots:
            return NOTHING
        last = _Pending()
        last.roots = self.roots[:]
        while len(last.roots) > 1:
            last._join()
        return last.roots[0]

    def _join(self) -> None:
        right, left = self.roots.pop(), self.roots.pop()
        self.roots.append(node_hash(left, right))


def leaves_of(data: bytes) -> list[bytes]:
    """The leaves that ``data`` is cut into; there is no empty one."""
    return [data[start : start + LEAF_BYTES] for start in range(0, len(data), LEAF_BYTES)]


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Inclusion proof of leaf ``index`` of the tree over leaves of these hashes (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < len(hashes):
        raise IndexError(f"there are {len(hashes)} leaves, none of number {index}")
    if len(hashes) == 1:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = hashes[:split], hashes[split:]
    if index < split:
        return [*inclusion_proof(left, index), tree_root(right)]
    return [*inclusion_proof(right, index - split), tree_root(left)]


def is_included(root: bytes, size: int, index: int, one: bytes, proof: Sequence[bytes]) -> bool:
    """Whether ``proof`` shows that leaf ``index`` of ``size`` has hash ``one`` (RFC 9162, 2.1.3.2).

    Nothing is in a tree without leaves, and what is not 32 bytes long is no hash.
    """
    if not 0 <= index < size or any(len(value) != DIGEST_BYTES for value in (root, one, *proof)):
        return False
    first, last, current = index, size - 1, one
    for sibling in proof:
        if last == 0:
            return False
        if first % 2 == 1 or first == last:
            current = node_hash(sibling, current)
            while first % 2 == 0 and first != 0:
                first, last = first // 2, last // 2
        else:
            current = node_hash(current, sibling)
        first, last = first // 2, last // 2
    return last == 0 and current == root


def prove(data: bytes, index: int) -> list[bytes]:
    """What shows leaf ``index`` of ``data`` to whoever knows digest and length."""
    return inclusion_proof([leaf_hash(leaf) for leaf in leaves_of(data)], index)


def is_part(digest: bytes, length: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether ``leaf`` is what bytes with this digest and length have at ``LEAF_BYTES * index``."""
    size = min(LEAF_BYTES, length - LEAF_BYTES * index)
    leaves = -(-length // LEAF_BYTES)
    return len(leaf) == size and is_included(digest, leaves, index, leaf_hash(leaf), proof)
