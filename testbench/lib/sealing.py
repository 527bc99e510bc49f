"""Records of a sealed link, as ``cryptography`` makes them: what seals and opens is compared with these."""

from interlock.model.channel import nonce
from interlock.model.gcm import TAG_BYTES, seal
from interlock.model.records import padding


def sealed_record(key: bytes, seq: int, header: bytes, body: bytes) -> bytes:
    """The bytes on the wire: header, ciphertext, padding, and the tag of header and body."""
    sealed = seal(key, nonce(seq), body, header)
    return header + sealed[:-TAG_BYTES] + bytes(padding(len(body))) + sealed[-TAG_BYTES:]
