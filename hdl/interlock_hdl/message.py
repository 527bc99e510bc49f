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


MESSAGE_HEADER_BYTES = 16
MessageHeader = wire_layout(kind=8, flags=8, peer=16, bound=96)
"""Header of every message.  ``flags`` bit 0 is STREAM; ``bound`` is 0 unless STREAM."""
