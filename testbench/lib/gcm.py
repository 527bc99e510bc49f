"""GCM taken apart, which ``cryptography`` is not: GHASH, and the blocks that a tag is made of.

From the text of NIST SP 800-38D, bit by bit; ``test_ghash.py`` holds it against whole tags.
"""

from collections.abc import Sequence

BLOCK_BYTES = 16
_R = 0xE1 << 120


def times(x: int, y: int) -> int:
    """The product of two blocks as big-endian numbers (6.3, algorithm 1)."""
    z, v = 0, y
    for n in range(128):
        if x >> 127 - n & 1:
            z ^= v
        v = v >> 1 ^ _R * (v & 1)
    return z


def ghash(key: bytes, blocks: Sequence[bytes]) -> bytes:
    """The hash of a string (6.4, algorithm 2)."""
    h, y = int.from_bytes(key), 0
    for block in blocks:
        y = times(y ^ int.from_bytes(block), h)
    return y.to_bytes(BLOCK_BYTES)


def blocks_of(data: bytes) -> list[bytes]:
    """Its blocks, the last one padded with zeros."""
    padded = data + bytes(-len(data) % BLOCK_BYTES)
    return [padded[at : at + BLOCK_BYTES] for at in range(0, len(padded), BLOCK_BYTES)]


def hashed_blocks(associated: bytes, ciphertext: bytes) -> list[bytes]:
    """What a tag hashes (7.1, steps 4 and 5)."""
    sizes = (8 * len(associated)).to_bytes(8) + (8 * len(ciphertext)).to_bytes(8)
    return [*blocks_of(associated), *blocks_of(ciphertext), sizes]


def counter_blocks(nonce: bytes, plaintext: bytes) -> list[bytes]:
    """What is encrypted for a record: the block behind the tag, then one for each block of the text (7.1)."""
    return [nonce + n.to_bytes(4) for n in range(1, len(blocks_of(plaintext)) + 2)]


def xored(text: bytes, stream: bytes) -> bytes:
    """Text under a key stream that is at least as long."""
    return bytes(a ^ b for a, b in zip(text, stream, strict=False))
