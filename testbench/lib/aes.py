"""AES-256 taken apart, which ``cryptography`` is not: round keys, and a cipher that takes any of them.

From the text of FIPS 197, byte by byte; ``test_aes.py`` holds it against published vectors.
"""

from collections.abc import Sequence
from functools import reduce
from operator import xor
from random import Random
from typing import Any

ROUNDS = 14


def _times(a: int, b: int) -> int:
    """The product in GF(2^8) (4.2)."""
    return reduce(xor, (_reduced(a << n) for n in range(8) if b >> n & 1), 0)


def _reduced(value: int) -> int:
    for n in range(14, 7, -1):
        value ^= (0x11B << n - 8) * (value >> n & 1)
    return value


def _substitute(byte: int) -> int:
    """The S-box, from its definition (5.1.1)."""
    inverse = next((b for b in range(256) if _times(byte, b) == 1), 0)
    bits = [
        inverse >> n ^ inverse >> (n + 4) % 8 ^ inverse >> (n + 5) % 8 ^ inverse >> (n + 6) % 8
        ^ inverse >> (n + 7) % 8 ^ 0x63 >> n
        for n in range(8)
    ]  # fmt: skip
    return sum((bit & 1) << n for n, bit in enumerate(bits))


SBOX = bytes(_substitute(byte) for byte in range(256))
_DOUBLE = bytes(_times(2, byte) for byte in range(256))


def expand(key: bytes) -> list[bytes]:
    """The fifteen round keys (5.2)."""
    words = [key[at : at + 4] for at in range(0, 32, 4)]
    constant = 1
    for n in range(8, 4 * (ROUNDS + 1)):
        word = words[-1]
        if n % 8 == 0:
            word = (word[1:] + word[:1]).translate(SBOX)
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _times(constant, 2)
        elif n % 8 == 4:
            word = word.translate(SBOX)
        words.append(_xor(word, words[-8]))
    return [b"".join(words[at : at + 4]) for at in range(0, len(words), 4)]


def encrypt(round_keys: Sequence[bytes], block: bytes) -> bytes:
    """A block under any fifteen round keys (5.1)."""
    state = _xor(block, round_keys[0])
    for number, key in enumerate(round_keys[1:], 1):
        state = state.translate(SBOX)
        state = bytes(state[(n + 4 * (n % 4)) % 16] for n in range(16))
        if number < ROUNDS:
            state = b"".join(_mixed(state[at : at + 4]) for at in range(0, 16, 4))
        state = _xor(state, key)
    return state


def _mixed(column: bytes) -> bytes:
    whole = reduce(xor, column)
    return bytes(a ^ whole ^ _DOUBLE[a ^ b] for a, b in zip(column, column[1:] + column[:1], strict=True))


def _xor(first: bytes, second: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(first, second, strict=True))


def number_of(data: bytes) -> int:
    """Bytes as gateware sees them: byte 0 is bits 7:0."""
    return int.from_bytes(data, "little")


def round_key_fields(slot: int, key: bytes) -> list[dict[str, Any]]:
    """The payloads that fill a slot."""
    return [{"slot": slot, "number": n, "key": number_of(part)} for n, part in enumerate(expand(key))]


def odd_blocks(random: Random) -> list[bytes]:
    """Blocks, or halves of keys, that a circuit could get wrong before any other."""
    return [
        bytes(16),
        b"\xff" * 16,
        bytes(range(16)),
        *(bytes([1 << n] * 16) for n in range(8)),
        random.randbytes(16),
    ]
