"""What ends a record of a CLEAR link."""

from interlock.model.records import TAG_BYTES, padding


def encode_tail(crc: int, length: int) -> bytes:
    """Padding and tag of a record, from the CRC-32 over its header and body."""
    return bytes(padding(length)) + crc.to_bytes(4) + bytes(TAG_BYTES - 4)
