"""Messages: what accelerator and host ports carry (D4)."""

import enum

from amaranth.lib import data

from interlock_hdl.wire import wire_layout


class Kind(enum.IntEnum):
    """The first byte of a message."""

    PEER = 1
    EXPORT = 2
    EXTERNAL = 3
    IMPORT = 4
    LOG = 5
    CERTIFICATE = 6
    SUMMARY = 7


class MessageFlag(enum.IntFlag):
    """The second byte of a message."""

    STREAM = 1 << 0  # leaves while it is being made; a descriptor follows the header


MESSAGE_HEADER_BYTES = 16
MessageHeader = wire_layout(kind=8, flags=8, peer=16, bound=96)
"""Header of every message.  ``bound`` is 0 unless STREAM."""

MAXIMUM_BITS = 48
"""A stream's maximum is below 2 to this power."""
StreamDescriptor = wire_layout(maximum=64, reserved=64)
"""What follows the header of a STREAM: the most bytes of payload that it may have."""


class MessageInfo(data.StructLayout):
    """What is known of an accepted message.

    Members
    -------
    kind : its :class:`~interlock_hdl.message.Kind`
    slot : the slot that a PEER message goes to, else 0
    length : bytes of payload of a buffered message
    is_stream : it is a stream
    maximum, bound : most bytes of payload, and most FLOPs, of a stream
    empty : there is no payload
    """

    def __init__(self, message_bytes: int) -> None:
        super().__init__(
            {
                "kind": 8,
                "slot": 8,
                "length": range(message_bytes + 1),
                "is_stream": 1,
                "maximum": MAXIMUM_BITS,
                "bound": 96,
                "empty": 1,
            }
        )


class StreamProgress(data.StructLayout):
    """What has become of a stream's payload, each a strobe.

    Members
    -------
    beat : a further beat is in the buffer
    last : with ``beat``: it is the last one
    kept : with ``last``: bytes in it, modulo the beat's size
    broken : a beat was wrong; no further one comes
    """

    def __init__(self, beat_bytes: int) -> None:
        super().__init__({"beat": 1, "last": 1, "kept": range(beat_bytes), "broken": 1})
