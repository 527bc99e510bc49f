"""The message with the keys of a link's next epoch (docs/specification.md, *Keys*)."""

from dataclasses import dataclass
from typing import Self

from interlock.model.fields import Layout
from interlock.model.gcm import KEY_BYTES

KEYS = Layout(slot=2, channel=2, peer=16, send=KEY_BYTES, receive=KEY_BYTES)
WORD_BYTES = 4
"""Of the port that it comes by."""


@dataclass(frozen=True, slots=True)
class LinkKeys:
    """Keys of both directions of a link, for one epoch.

    Parameters
    ----------
    slot : int
    channel : int
        Its number in headers.
    peer : bytes
        Session id of the node at the other end.
    send, receive : bytes
        Keys; what one end sends with the other one receives with.
    """

    slot: int
    channel: int
    peer: bytes
    send: bytes
    receive: bytes

    def encode(self) -> bytes:
        return KEYS.pack(
            slot=self.slot,
            channel=self.channel,
            peer=int.from_bytes(self.peer),
            send=int.from_bytes(self.send),
            receive=int.from_bytes(self.receive),
        )

    @classmethod
    def decode(cls, data: bytes) -> Self | None:
        """The keys in ``data``; None if it has another size."""
        if len(data) != KEYS.size:
            return None
        fields = KEYS.unpack(data)
        return cls(
            fields["slot"],
            fields["channel"],
            fields["peer"].to_bytes(16),
            fields["send"].to_bytes(KEY_BYTES),
            fields["receive"].to_bytes(KEY_BYTES),
        )
