"""Records of a sealed link, as ``cryptography`` makes them: what seals and opens is compared with these."""

from interlock.model.gcm import KEY_BYTES, NONCE_BYTES, TAG_BYTES, seal
from interlock.model.records import padding

REKEY_SEQ = (1 << 64) - 1
"""The number whose nonce makes the key that follows, and no record."""


def nonce(seq: int) -> bytes:
    """The nonce of a number: four zero bytes, and the number."""
    return seq.to_bytes(NONCE_BYTES)


def following(key: bytes) -> bytes:
    """The key that follows (Noise, revision 34, 4.2)."""
    return seal(key, nonce(REKEY_SEQ), bytes(KEY_BYTES), b"")[:KEY_BYTES]


def sealed_record(key: bytes, seq: int, header: bytes, body: bytes) -> bytes:
    """The bytes on the wire: header, ciphertext, padding, and the tag of header and body."""
    sealed = seal(key, nonce(seq), body, header)
    return header + sealed[:-TAG_BYTES] + bytes(padding(len(body))) + sealed[-TAG_BYTES:]
