"""Messages: what accelerator and host ports carry (D4)."""

import enum

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
