"""What protects the records of one direction of a link, in one epoch: a CRC, or AES-256-GCM."""

from typing import Protocol
from zlib import crc32

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from interlock.model.gcm import KEY_BYTES, NONCE_BYTES, TAG_BYTES, seal

CRC_BYTES = 4
REKEY_SEQ = (1 << 64) - 1
"""The number whose nonce makes the key that follows, and no record."""


class Protecting(Protocol):
    """A record that is being sent."""

    def add(self, body: bytes) -> bytes:
        """Further bytes of its body, as they leave."""

    def tag(self) -> bytes:
        """The 16 bytes that end it."""


class Channel(Protocol):
    """Protects records, and checks them.

    Attributes
    ----------
    is_clear : bool
        Records have the flag CLEAR.
    number : int
        ``channel`` in their headers.
    stop : int
        Their numbers are below this.
    """

    is_clear: bool
    number: int
    stop: int

    def protect(self, seq: int, header: bytes) -> Protecting:
        """Record ``seq`` begins, with ``header``."""

    def uncover(self, seq: int, header: bytes, body: bytes) -> tuple[bytes, bytes]:
        """What a body as it is on the wire says, and the tag that it must have."""


class ClearChannel:
    """CLEAR links: a CRC-32 (IEEE 802.3) over header and body, and twelve zero bytes."""

    is_clear = True
    number = 0
    stop = 1 << 64

    def protect(self, seq: int, header: bytes) -> "_Crc":
        return _Crc(header)

    def uncover(self, seq: int, header: bytes, body: bytes) -> tuple[bytes, bytes]:
        running = _Crc(header)
        return running.add(body), running.tag()


CLEAR = ClearChannel()


class _Crc:
    def __init__(self, header: bytes) -> None:
        self._crc = crc32(header)

    def add(self, body: bytes) -> bytes:
        self._crc = crc32(body, self._crc)
        return body

    def tag(self) -> bytes:
        return self._crc.to_bytes(CRC_BYTES).ljust(TAG_BYTES, b"\0")


class SealedChannel:
    """Sealed links: AES-256-GCM with the header as associated data (``docs/specification.md``, *Records*).

    Parameters
    ----------
    key : bytes
        32 bytes.
    number : int
    rekey_bits, stop_bits : int
        There are 2 to the power of ``rekey_bits`` records under a key, then it is replaced by the one that
        follows; and to the power of ``stop_bits`` in an epoch.
    """

    is_clear = False

    def __init__(self, key: bytes, number: int, *, rekey_bits: int = 24, stop_bits: int = 48) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self.number = number
        self.stop = 1 << stop_bits
        self._rekey_bits = rekey_bits
        self._keys = [key]

    def protect(self, seq: int, header: bytes) -> "_Gcm":
        return _Gcm(self._key(seq), seq, header)

    def uncover(self, seq: int, header: bytes, body: bytes) -> tuple[bytes, bytes]:
        # What GCM adds to the key stream is the same both ways.
        plain = _Gcm(self._key(seq), seq, header).add(body)
        running = _Gcm(self._key(seq), seq, header)
        running.add(plain)
        return plain, running.tag()

    def _key(self, seq: int) -> bytes:
        while len(self._keys) <= seq >> self._rekey_bits:
            self._keys.append(following(self._keys[-1]))
        return self._keys[seq >> self._rekey_bits]


class _Gcm:
    def __init__(self, key: bytes, seq: int, header: bytes) -> None:
        self._encryptor = Cipher(algorithms.AES256(key), modes.GCM(nonce(seq))).encryptor()
        self._encryptor.authenticate_additional_data(header)

    def add(self, body: bytes) -> bytes:
        return self._encryptor.update(body)

    def tag(self) -> bytes:
        self._encryptor.finalize()
        return self._encryptor.tag


def nonce(seq: int) -> bytes:
    """The nonce of a number: four zero bytes, and the number."""
    return seq.to_bytes(NONCE_BYTES)


def following(key: bytes) -> bytes:
    """The key that follows (Noise, revision 34, 4.2)."""
    return seal(key, nonce(REKEY_SEQ), bytes(KEY_BYTES), b"")[:KEY_BYTES]
