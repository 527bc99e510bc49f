"""Records and prefixes: what links carry."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from interlock.model.channel import CLEAR, Channel
from interlock.model.fields import Layout, WireError
from interlock.model.log import ENTRY_BYTES, Entry


class RecordType(enum.IntEnum):
    """Byte 1 of a record; other types are not built."""

    PREFIX = 2
    PAYLOAD = 3
    CREDIT = 4
    ABORT = 5
    FULL_REQUEST = 6

    @property
    def is_of_a_message(self) -> bool:
        """Whether it is part of a message; the others stand between any two records."""
        return self in (RecordType.PREFIX, RecordType.PAYLOAD)

    @property
    def lengths(self) -> tuple[int, int]:
        """Least and most bytes of its body."""
        if self.is_of_a_message:
            return 1, MAX_LENGTH
        return (CREDIT.size, CREDIT.size) if self is RecordType.CREDIT else (0, 0)


class RecordFlag(enum.IntFlag):
    """Byte 2 of a record."""

    SOM = 1 << 0
    EOM = 1 << 1
    CLEAR = 1 << 7


VERSION = 1
FULL = 1 << 0
DELTA = 1 << 1
MAX_LENGTH = 4096
TAG_BYTES = 16
HEADER = Layout(version=1, type=1, flags=1, reserved=1, channel=2, length=2, seq=8)
PREFIX_HEADER = Layout(n_sessions=4, n_externals=4, flags=4, reserved=8, max_bound=12)
CREDIT = Layout(granted=8)
DIGEST_BYTES = 32
assert PREFIX_HEADER.size == ENTRY_BYTES == DIGEST_BYTES  # so records never cut an entry in two


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

    def encode(self, channel: Channel = CLEAR) -> bytes:
        """The bytes on the link."""
        header = encode_header(
            self.type, som=self.som, eom=self.eom, length=len(self.body), seq=self.seq, channel=channel
        )
        protecting = channel.protect(self.seq, header)
        body = protecting.add(self.body)
        return header + body + bytes(padding(len(body))) + protecting.tag()


def padding(length: int) -> int:
    """Zero bytes between a body of ``length`` bytes and the tag."""
    return -length % 16


def record_bytes(length: int) -> int:
    """Bytes on the link of a record with a body of ``length`` bytes."""
    return HEADER.size + length + padding(length) + TAG_BYTES


def encode_header(
    type: RecordType, *, som: bool, eom: bool, length: int, seq: int, channel: Channel = CLEAR
) -> bytes:
    """The 16 bytes that begin a record."""
    flags = _mark(channel) | (RecordFlag.SOM if som else 0) | (RecordFlag.EOM if eom else 0)
    return HEADER.pack(
        version=VERSION, type=type, flags=flags, channel=channel.number, length=length, seq=seq
    )


def _mark(channel: Channel) -> RecordFlag:
    """The flag that every record of the channel has."""
    return RecordFlag.CLEAR if channel.is_clear else RecordFlag(0)


def check_record(data: bytes, *, seq: int, complete: bool, channel: Channel = CLEAR) -> int | None:
    """Checks as much as there is of a record.

    Parameters
    ----------
    data : bytes
        The record from its start; all of it if ``complete``.
    seq : int
        The number that it must have.
    channel : Channel
        What protects it.

    Returns
    -------
    Length of its body, if the header is all there.

    Raises
    ------
    RecordError
        With the first rule that is broken.
    """
    if seq >= channel.stop:
        raise RecordError("seq", HEADER.fields["seq"].offset, "no such number is legal")
    expected = {"version": VERSION, "reserved": 0, "channel": channel.number, "seq": seq}
    for field in HEADER.fields.values():
        part = data[field.offset : field.offset + field.size]
        value = int.from_bytes(part)
        match field.name:
            case name if name in expected:  # as far as there is any of it: a beat may end within ``seq``
                legal = part == expected[name].to_bytes(field.size)[: len(part)]
            case _ if len(part) < field.size:
                legal = True
            case "type":
                legal = value in set(RecordType)
            case "flags":
                ends = RecordFlag.SOM | RecordFlag.EOM if RecordType(data[1]).is_of_a_message else 0
                legal = value & ~int(ends) == _mark(channel)
            case _:  # length
                least, most = RecordType(data[1]).lengths
                legal = least <= value <= most
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
    # A CRC is looked at as it comes; the tag of a cipher only as a whole.
    if len(data) > tag and (channel.is_clear or len(data) == tag + TAG_BYTES):
        _, right = channel.uncover(seq, data[: HEADER.size], data[HEADER.size : end])
        if data[tag:] != right[: len(data) - tag]:
            raise RecordError("tag", tag, "wrong CRC-32" if channel.is_clear else "wrong")
    if complete and len(data) < tag + TAG_BYTES:
        raise RecordError("cut short", len(data), f"a body of {length} bytes goes on")
    if not complete and len(data) == tag + TAG_BYTES:
        raise RecordError("last", len(data) - 1, "the tag ends the record")
    return length


def decode_record(data: bytes, *, seq: int, channel: Channel = CLEAR) -> Record:
    """The record in ``data``; raises :class:`RecordError` unless all of it is as it must be."""
    length = check_record(data, seq=seq, complete=True, channel=channel)
    assert length is not None
    flags = RecordFlag(data[2])
    body, _ = channel.uncover(seq, data[: HEADER.size], data[HEADER.size : HEADER.size + length])
    return Record(RecordType(data[1]), RecordFlag.SOM in flags, RecordFlag.EOM in flags, seq, body)


def control_record(type: RecordType, seq: int, body: bytes = b"") -> Record:
    """A record that is not of a message."""
    return Record(type, som=False, eom=False, seq=seq, body=body)


def encode_credit(granted: int) -> bytes:
    """Body of a CREDIT record."""
    return CREDIT.pack(granted=granted)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """The 32 bytes that begin a prefix."""

    n_sessions: int
    n_externals: int = 0
    is_delta: bool = False
    max_bound: int = 0

    @property
    def size(self) -> int:
        """Bytes of the whole prefix."""
        return PREFIX_HEADER.size + ENTRY_BYTES * self.n_sessions + DIGEST_BYTES * self.n_externals

    def encode(self) -> bytes:
        return PREFIX_HEADER.pack(
            n_sessions=self.n_sessions,
            n_externals=self.n_externals,
            flags=DELTA if self.is_delta else FULL,
            max_bound=self.max_bound,
        )

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """The descriptor at the start of a prefix's first record; raises :class:`PrefixError`."""
        if len(body) < PREFIX_HEADER.size + ENTRY_BYTES:
            raise PrefixError("length", HEADER.fields["length"].offset, f"{len(body)} bytes are no prefix")
        fields = PREFIX_HEADER.unpack(body)
        legal = {
            "n_sessions": fields["n_sessions"] > 0,
            "flags": fields["flags"] in (FULL, DELTA),
            "reserved": not fields["reserved"],
        }
        for name, is_legal in legal.items():
            if not is_legal:
                offset = HEADER.size + PREFIX_HEADER.fields[name].offset
                raise PrefixError(name, offset, f"{fields[name]} is not legal here")
        return cls(fields["n_sessions"], fields["n_externals"], fields["flags"] == DELTA, fields["max_bound"])


@dataclass(frozen=True, slots=True)
class Prefix:
    """A whole prefix, as one piece."""

    sessions: tuple[Entry, ...]
    externals: tuple[bytes, ...] = ()
    is_delta: bool = False
    max_bound: int = 0

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(len(self.sessions), len(self.externals), self.is_delta, self.max_bound)

    def encode(self) -> bytes:
        entries = b"".join(entry.encode() for entry in self.sessions)
        return self.descriptor.encode() + entries + b"".join(self.externals)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The prefix in ``data``; raises :class:`PrefixError` unless it is as long as its counts say."""
        descriptor = Descriptor.decode(data)
        if len(data) != descriptor.size:
            raise PrefixError(
                "length", HEADER.fields["length"].offset, f"{len(data)} bytes, not {descriptor.size}"
            )
        middle = PREFIX_HEADER.size + ENTRY_BYTES * descriptor.n_sessions
        return cls(
            tuple(split_entries(data[PREFIX_HEADER.size : middle])),
            tuple(data[at : at + DIGEST_BYTES] for at in range(middle, len(data), DIGEST_BYTES)),
            descriptor.is_delta,
            descriptor.max_bound,
        )


def split_entries(data: bytes) -> list[Entry]:
    """The session entries that ``data`` consists of."""
    return [Entry.decode(data[at : at + ENTRY_BYTES]) for at in range(0, len(data), ENTRY_BYTES)]


def encode_prefix(entries: Sequence[Entry], externals: Sequence[bytes] = ()) -> bytes:
    """The bytes of a FULL prefix."""
    return Prefix(tuple(entries), tuple(externals)).encode()


def decode_prefix(data: bytes) -> list[Entry]:
    """The session entries of a whole prefix; raises :class:`PrefixError`."""
    return list(Prefix.decode(data).sessions)


def cut_prefix(data: bytes) -> list[bytes]:
    """Bodies of the PREFIX records of a whole prefix."""
    return [data[at : at + MAX_LENGTH] for at in range(0, len(data), MAX_LENGTH)]
