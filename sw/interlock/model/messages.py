"""Messages: what accelerator and host ports carry."""

import enum
from dataclasses import dataclass

from interlock.model.fields import Layout, WireError


class Kind(enum.IntEnum):
    """The first byte of a message."""

    PEER = 1
    EXPORT = 2
    EXTERNAL = 3
    IMPORT = 4
    LOG = 5
    CERTIFICATE = 6
    SUMMARY = 7


TX_KINDS = frozenset({Kind.PEER, Kind.EXPORT})
"""What the accelerator may send."""
HOST_KINDS = frozenset({Kind.EXTERNAL})
"""What the host may send."""

HEADER = Layout(kind=1, flags=1, peer=2, bound=12)
STREAM_HEADER = Layout(maximum=8, reserved=8)
"""What follows the header of a STREAM."""
STREAM = 1 << 0
"""The one flag."""
MAXIMUM_BITS = 48


class MessageError(WireError):
    """A message that is refused: taken to its end and dropped."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was accepted, or may be.

    Attributes
    ----------
    kind : Kind
    peer : int
        Slot of a PEER message, else 0.
    payload : bytes
        Of a STREAM all that the accelerator sends, be it more than ``maximum``.
    bound : int
        Of a STREAM: most FLOPs that are spent while it is made.
    maximum : int, optional
        Of a STREAM: most bytes of payload.  ``None`` if the message is buffered.
    fault_at : int, optional
        Of a STREAM: where in its payload the beats break a rule of framing.
    """

    kind: Kind
    peer: int
    payload: bytes
    bound: int = 0
    maximum: int | None = None
    fault_at: int | None = None

    @property
    def is_stream(self) -> bool:
        return self.maximum is not None

    @property
    def is_broken(self) -> bool:
        """A STREAM with more payload than it may have, or with a fault in it."""
        return self.fault_at is not None or (self.maximum is not None and len(self.payload) > self.maximum)

    @property
    def sendable(self) -> bytes:
        """The payload that can be cut into records: of a broken STREAM, its good words of 16 bytes."""
        if self.maximum is None or not self.is_broken:
            return self.payload
        good = self.maximum if self.fault_at is None else min(self.fault_at, self.maximum)
        return self.payload[: good // 16 * 16]

    @property
    def size(self) -> int:
        """Bytes of payload for which there must be credit before the message starts."""
        return len(self.payload) if self.maximum is None else self.maximum

    @property
    def header_size(self) -> int:
        """Bytes before the payload."""
        return HEADER.size + (STREAM_HEADER.size if self.is_stream else 0)

    def encode(self) -> bytes:
        header = HEADER.pack(
            kind=self.kind, flags=STREAM if self.is_stream else 0, peer=self.peer, bound=self.bound
        )
        if self.maximum is not None:
            header += STREAM_HEADER.pack(maximum=self.maximum)
        return header + self.payload

    @classmethod
    def decode(cls, data: bytes, *, kinds: frozenset[Kind], links: int, message_bytes: int) -> "Message":
        """The message in ``data``, for a port that takes ``kinds``; raises :class:`MessageError`.

        A STREAM is judged by its first 32 bytes: whether it is broken shows later.
        """
        if len(data) < HEADER.size:
            raise MessageError("cut short", len(data), "the header is 16 bytes")
        header = HEADER.unpack(data)
        if header["kind"] not in kinds:
            raise MessageError("kind", 0, f"{header['kind']} is not accepted here")
        kind = Kind(header["kind"])
        slots = links if kind == Kind.PEER else 1
        if header["flags"] & ~STREAM or (header["flags"] and kind is not Kind.PEER):
            raise MessageError("flags", 1, "only PEER messages may be streams")
        if header["peer"] >= slots:
            raise MessageError("peer", 2, f"there is no slot {header['peer']}")
        if header["flags"]:
            return cls._decode_stream(data, header["peer"], header["bound"])
        if header["bound"]:
            raise MessageError("bound", 4, "not 0")
        if len(data) - HEADER.size > message_bytes:
            raise MessageError("too long", HEADER.size + message_bytes, f"payloads end at {message_bytes}")
        return cls(kind, header["peer"], data[HEADER.size :])

    @classmethod
    def _decode_stream(cls, data: bytes, peer: int, bound: int) -> "Message":
        end = HEADER.size + STREAM_HEADER.size
        if len(data) < end:
            raise MessageError("cut short", len(data), f"the header of a STREAM is {end} bytes")
        header = STREAM_HEADER.unpack(data, HEADER.size)
        if header["maximum"] >> MAXIMUM_BITS:
            raise MessageError("maximum", HEADER.size, f"{header['maximum']} needs more than 48 bits")
        if header["reserved"]:
            raise MessageError("reserved", HEADER.size + STREAM_HEADER.fields["reserved"].offset, "not 0")
        return cls(Kind.PEER, peer, data[end:], bound, header["maximum"])
