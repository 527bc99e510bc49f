"""Records and prefixes: what links carry, in the CLEAR profile."""

import enum
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from interlock.model.fields import Layout, WireError
from interlock.model.log import ENTRY_BYTES, Entry


class RecordType(enum.IntEnum):
    """Byte 1 of a record; other types are not built."""

    PREFIX = 2
    PAYLOAD = 3


class RecordFlag(enum.IntFlag):
    """Byte 2 of a record."""

    SOM = 1 << 0
    EOM = 1 << 1
    CLEAR = 1 << 7


VERSION = 1
FULL = 1 << 0
MAX_LENGTH = 4096
TAG_BYTES = 16
HEADER = Layout(version=1, type=1, flags=1, reserved=1, channel=2, length=2, seq=8)
PREFIX_HEADER = Layout(n_sessions=4, n_externals=4, flags=4, reserved=8, max_bound=12)


class RecordError(WireError):
    """A record that the link refuses."""


class PrefixError(WireError):
    """A well-formed record whose prefix is refused; offsets count from the start of the record."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record, without what follows from the rest: length, padding and tag."""

    type: RecordType
    som: bool
    eom: bool
    seq: int
    body: bytes

    def encode(self) -> bytes:
        """The bytes on the link."""
        head = encode_header(self.type, som=self.som, eom=self.eom, length=len(self.body), seq=self.seq)
        return head + self.body + encode_tail(zlib.crc32(self.body, zlib.crc32(head)), len(self.body))


def padding(length: int) -> int:
    """Zero bytes between a body of ``length`` bytes and the tag."""
    return -length % 16


def record_bytes(length: int) -> int:
    """Bytes on the link of a record with a body of ``length`` bytes."""
    return HEADER.size + length + padding(length) + TAG_BYTES


def encode_header(type: RecordType, *, som: bool, eom: bool, length: int, seq: int) -> bytes:
    """The 16 bytes that begin a record."""
    flags = RecordFlag.CLEAR | (RecordFlag.SOM if som else 0) | (RecordFlag.EOM if eom else 0)
    return HEADER.pack(version=VERSION, type=type, flags=flags, length=length, seq=seq)


def encode_tail(crc: int, length: int) -> bytes:
    """Padding and tag of a record, from the CRC-32 over its header and body."""
    return bytes(padding(length)) + crc.to_bytes(4) + bytes(TAG_BYTES - 4)


def check_record(data: bytes, *, seq: int, complete: bool) -> int | None:
    """Checks as much as there is of a record.

    Parameters
    ----------
    data : bytes
        The record from its start; all of it if ``complete``.
    seq : int
        The number that it must have.

    Returns
    -------
    Length of its body, if the header is all there.

    Raises
    ------
    RecordError
        With the first rule that is broken.
    """
    expected = {"version": VERSION, "reserved": 0, "channel": 0, "seq": seq}
    for field in HEADER.fields.values():
        part = data[field.offset : field.offset + field.size]
        value = int.from_bytes(part)
        match field.name:
            case name if name in expected:  # as far as there is any of it: a beat may end within ``seq``
                legal = part == expected[name].to_bytes(field.size)[: len(part)]
            case _ if len(part) < field.size:
                legal = True
            case "type":
                legal = value in (RecordType.PREFIX, RecordType.PAYLOAD)
            case "flags":
                legal = value & ~int(RecordFlag.SOM | RecordFlag.EOM) == RecordFlag.CLEAR
            case _:  # length
                legal = 1 <= value <= MAX_LENGTH
        if not legal:
            raise RecordError(field.name, field.offset, f"{value} is not legal here")
    if len(data) < HEADER.size:
        if complete:
            raise RecordError("cut short", len(data), "the header is 16 bytes")
        return None

    length = int.from_bytes(data[6:8])
    end = HEADER.size + length
    tag = end + padding(length)
    if len(data) > tag + TAG_BYTES:
        raise RecordError("too long", tag + TAG_BYTES, f"a body of {length} bytes ends before")
    if any(data[end:tag]):
        raise RecordError("padding", end, "not zero")
    if len(data) > tag and data[tag:] != encode_tail(zlib.crc32(data[:end]), 0)[: len(data) - tag]:
        raise RecordError("tag", tag, "wrong CRC-32")
    if complete and len(data) < tag + TAG_BYTES:
        raise RecordError("cut short", len(data), f"a body of {length} bytes goes on")
    if not complete and len(data) == tag + TAG_BYTES:
        raise RecordError("last", len(data) - 1, "the tag ends the record")
    return length


def decode_record(data: bytes, *, seq: int) -> Record:
    """The record in ``data``; raises :class:`RecordError` unless all of it is as it must be."""
    length = check_record(data, seq=seq, complete=True)
    assert length is not None
    flags = RecordFlag(data[2])
    body = data[HEADER.size : HEADER.size + length]
    return Record(RecordType(data[1]), RecordFlag.SOM in flags, RecordFlag.EOM in flags, seq, body)


def encode_prefix_header(n_sessions: int) -> bytes:
    """The 32 bytes that begin a FULL prefix of ``n_sessions`` entries."""
    return PREFIX_HEADER.pack(n_sessions=n_sessions, flags=FULL)


def encode_prefix(entries: Sequence[Entry]) -> bytes:
    """Body of a PREFIX record."""
    return encode_prefix_header(len(entries)) + b"".join(entry.encode() for entry in entries)


def decode_prefix(body: bytes) -> list[Entry]:
    """The entries of a PREFIX record's body; raises :class:`PrefixError`."""
    rest = len(body) - PREFIX_HEADER.size
    if rest < ENTRY_BYTES or rest % ENTRY_BYTES:
        raise PrefixError("length", HEADER.fields["length"].offset, f"{len(body)} bytes are no prefix")
    expected = {"n_sessions": rest // ENTRY_BYTES, "flags": FULL}
    for name, value in PREFIX_HEADER.unpack(body).items():
        if value != expected.get(name, 0):
            offset = HEADER.size + PREFIX_HEADER.fields[name].offset
            raise PrefixError(name, offset, f"{value}, not {expected.get(name, 0)}")
    return [
        Entry.decode(body[i : i + ENTRY_BYTES]) for i in range(PREFIX_HEADER.size, len(body), ENTRY_BYTES)
    ]
