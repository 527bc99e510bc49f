"""Records and prefixes: what links carry (D4)."""

import enum

from interlock_hdl.wire import wire_layout


class RecordType(enum.IntEnum):
    """Byte 1 of a record."""

    HANDSHAKE = 1
    PREFIX = 2
    PAYLOAD = 3
    CREDIT = 4
    ABORT = 5
    FULL_REQUEST = 6


TYPE_BITS = 3
"""Low bits that tell all types apart, where nothing else can be."""


class RecordFlag(enum.IntFlag):
    """Byte 2 of a record."""

    SOM = 1 << 0  # first record of a message
    EOM = 1 << 1  # last record of a message
    CLEAR = 1 << 7  # not encrypted: tag is a CRC-32


class PrefixFlag(enum.IntFlag):
    FULL = 1 << 0
    DELTA = 1 << 1


class Mode(enum.IntFlag):
    """Counting mode: which kinds of issue port a session has (D5)."""

    EVENTS = 1 << 0
    OPAQUE = 1 << 1


class ProvenanceFlag(enum.IntFlag):
    """What is known against a source.  Merged by *or*."""

    CLEAR = 1 << 0  # counted by a build whose links are not encrypted
    UNADMITTED = 1 << 2  # took in external data without an admission
    UNLOGGED = 1 << 3  # took in external data without a digest


RECORD_VERSION = 1
RECORD_HEADER_BYTES = 16
RECORD_TAG_BYTES = 16
RECORD_MAX_LENGTH = 4096
BLOCK_BYTES = 16
"""Header, padded body and tag are whole blocks, and credit counts in them."""
PREFIX_HEADER_BYTES = 32
ENTRY_BYTES = 32

RecordHeader = wire_layout(version=8, type=8, flags=8, reserved=8, channel=16, length=16, seq=64)
PrefixHeader = wire_layout(
    n_sessions=32, n_externals=32, flags=32, reserved_0=32, reserved_1=32, max_bound=96
)
Provenance = wire_layout(mode=8, weight_table=8, flags=16)
Entry = wire_layout(session_id=128, flops=96, provenance=Provenance)
"""A session entry: one source, what it had spent, and how that was counted."""
