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


class MessageError(WireError):
    """A message that is refused: taken to its end and dropped."""


@dataclass(frozen=True, slots=True)
class Message:
    """A legal message: without streams, kind, slot and payload say all."""

    kind: Kind
    peer: int
    payload: bytes

    def encode(self) -> bytes:
        return HEADER.pack(kind=self.kind, peer=self.peer) + self.payload

    @classmethod
    def decode(cls, data: bytes, *, kinds: frozenset[Kind], links: int, message_bytes: int) -> "Message":
        """The message in ``data``, for a port that takes ``kinds``; raises :class:`MessageError`."""
        if len(data) < HEADER.size:
            raise MessageError("cut short", len(data), "the header is 16 bytes")
        header = HEADER.unpack(data)
        if header["kind"] not in kinds:
            raise MessageError("kind", 0, f"{header['kind']} is not accepted here")
        kind = Kind(header["kind"])
        slots = links if kind == Kind.PEER else 1
        if header["flags"]:
            raise MessageError("flags", 1, "streams are not built")
        if header["peer"] >= slots:
            raise MessageError("peer", 2, f"there is no slot {header['peer']}")
        if header["bound"]:
            raise MessageError("bound", 4, "not 0")
        if len(data) - HEADER.size > message_bytes:
            raise MessageError("too long", HEADER.size + message_bytes, f"payloads end at {message_bytes}")
        return cls(kind, header["peer"], data[HEADER.size :])
