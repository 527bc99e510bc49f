"""SipHash-c-d with 64 or 128 bits of output (Aumasson, Bernstein 2012; their reference implementation)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
_INITIAL = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def siphash(key: bytes, message: bytes, *, c: int = 1, d: int = 3) -> int:
    """The hash of 64 bits, as the little-endian integer that its bytes are."""
    (word,) = _siphash(*_one(key, message), c, d, wide=False)
    return int(word[0])


def siphash128(key: bytes, message: bytes, *, c: int = 1, d: int = 3) -> tuple[int, int]:
    """The two words of the hash of 128 bits, in their order."""
    low, high = _siphash(*_one(key, message), c, d, wide=True)
    return int(low[0]), int(high[0])


def siphash128_many(key: Words, message: Words, *, length: int) -> tuple[Words, Words]:
    """SipHash-1-3-128 of many messages at once.

    Parameters
    ----------
    key : array (..., 2)
        Little-endian words; broadcast against the messages.
    message : array (..., words)
        Little-endian words, the rest of the last one being zero, which is a word of its own where ``length``
        is a multiple of 8.
    length : int
        Bytes of each message.
    """
    words = [message[..., i] for i in range(message.shape[-1])]
    words[-1] = words[-1] | np.uint64((length & 0xFF) << 56)
    halves = np.atleast_1d(key[..., 0]), np.atleast_1d(key[..., 1])  # scalars would warn of overflows
    low, high = _siphash(halves, words, 1, 3, wide=True)
    return low, high


def _one(key: bytes, message: bytes) -> tuple[tuple[Words, Words], list[Words]]:
    whole = len(message) // 8 * 8
    ends = [message[i : i + 8] for i in range(0, whole, 8)]
    ends.append(message[whole:].ljust(7, b"\0") + bytes([len(message) & 0xFF]))
    words = [np.array([int.from_bytes(part, "little")], np.uint64) for part in (key[:8], key[8:], *ends)]
    return (words[0], words[1]), words[2:]


def _siphash(key: Sequence[Any], words: Sequence[Words], c: int, d: int, *, wide: bool) -> list[Words]:
    state = [key[i % 2] ^ np.uint64(constant) for i, constant in enumerate(_INITIAL)]
    if wide:
        state[1] = state[1] ^ np.uint64(0xEE)
    for word in words:
        state[3] = state[3] ^ word
        _rounds(state, c)
        state[0] = state[0] ^ word
    state[2] = state[2] ^ np.uint64(0xEE if wide else 0xFF)
    _rounds(state, d)
    digest = [state[0] ^ state[1] ^ state[2] ^ state[3]]
    if wide:
        state[1] = state[1] ^ np.uint64(0xDD)
        _rounds(state, d)
        digest.append(state[0] ^ state[1] ^ state[2] ^ state[3])
    return digest


def _rounds(state: list[Words], count: int) -> None:
    v0, v1, v2, v3 = state
    for _ in range(count):
        v0 = v0 + v1
        v2 = v2 + v3
        v1 = _rotate(v1, 13) ^ v0
        v3 = _rotate(v3, 16) ^ v2
        v0 = _rotate(v0, 32) + v3
        v2 = v2 + v1
        v3 = _rotate(v3, 21) ^ v0
        v1 = _rotate(v1, 17) ^ v2
        v2 = _rotate(v2, 32)
    state[:] = v0, v1, v2, v3


def _rotate(word: Words, left: int) -> Words:
    return word << np.uint64(left) | word >> np.uint64(64 - left)
