"""What each byte of a record or message is, by name and place."""

from collections.abc import Iterable

import cbor2

from interlock.model import messages, records
from interlock.model.fields import Field
from interlock.model.log import ENTRY, ENTRY_BYTES
from interlock.model.messages import Kind
from interlock.model.records import RecordFlag, RecordType
from interlock.model.summary import KEYS, LABEL

_LENGTH = records.HEADER.fields["length"]


def explain_record(data: bytes) -> list[Field]:
    """The fields of a record, of which ``data`` is all or the beginning."""
    header = list(records.HEADER.fields.values())
    if len(data) < _LENGTH.offset + _LENGTH.size:
        return header
    length = int.from_bytes(data[_LENGTH.offset : _LENGTH.offset + _LENGTH.size])
    body = records.HEADER.size
    end = body + length
    tag = end + records.padding(length)
    if not data[2] & RecordFlag.CLEAR:
        return [
            *header,
            *([Field(body, length, "ciphertext")] if length else []),
            *([Field(end, tag - end, "padding")] if tag > end else []),
            Field(tag, records.TAG_BYTES, "tag"),
        ]
    match data[1]:
        case RecordType.PREFIX if data[2] & RecordFlag.SOM:
            fields = list(_prefix(data, body, end))
        case RecordType.PREFIX:
            # Where sessions end and digests begin is in another record.
            fields = [
                Field(offset, ENTRY_BYTES, f"further entry {number}")
                for number, offset in enumerate(range(body, end, ENTRY_BYTES))
            ]
        case RecordType.CREDIT:
            fields = list(_shifted(records.CREDIT.fields.values(), body, "credit."))
        case _:
            fields = [Field(body, length, "payload")] if length else []
    if tag > end:
        fields.append(Field(end, tag - end, "padding"))
    return [*header, *fields, Field(tag, 4, "tag.crc"), Field(tag + 4, records.TAG_BYTES - 4, "tag.zero")]


def explain_message(data: bytes) -> list[Field]:
    """The fields of a message, of which ``data`` is all or the beginning."""
    fields = list(messages.HEADER.fields.values())
    start = messages.HEADER.size
    kind = data[0] if data else None
    if kind == Kind.LOG:
        fields += _entries(start, max(len(data), start + 1))
    elif kind == Kind.SUMMARY:
        fields += _summary(start)
    else:
        if kind == Kind.PEER and data[1:2] == bytes([messages.STREAM]):
            fields += _shifted(messages.STREAM_HEADER.fields.values(), start, "stream.")
            start += messages.STREAM_HEADER.size
        fields.append(Field(start, max(len(data) - start, 1), "payload"))
    return fields


def field_at(fields: list[Field], offset: int) -> Field:
    """The field in which the byte at ``offset`` lies."""
    for field in fields:
        if field.offset <= offset < field.offset + field.size:
            return field
    end = max(field.offset + field.size for field in fields)
    return Field(end, offset + 1 - end, "beyond the end")


def _prefix(data: bytes, start: int, end: int) -> Iterable[Field]:
    """The descriptor, and as many entries as its first record holds."""
    yield from _shifted(records.PREFIX_HEADER.fields.values(), start, "prefix.")
    start += records.PREFIX_HEADER.size
    n_sessions = records.PREFIX_HEADER.unpack(data.ljust(start, b"\0"), records.HEADER.size)["n_sessions"]
    if len(data) < start:
        n_sessions = (end - start) // ENTRY_BYTES
    middle = min(start + n_sessions * ENTRY_BYTES, end)
    yield from _entries(start, middle)
    for number, offset in enumerate(range(middle, end, records.DIGEST_BYTES)):
        yield Field(offset, records.DIGEST_BYTES, f"external {number}")


def _entries(start: int, end: int) -> Iterable[Field]:
    for number, offset in enumerate(range(start, end, ENTRY_BYTES)):
        yield from _shifted(ENTRY.fields.values(), offset, f"entry {number}.")


def _summary(start: int) -> Iterable[Field]:
    """A map's head, then for each key itself and its value."""
    yield Field(start, 1, "map")
    offset = start + 1
    for key, (name, size) in enumerate([("label", 0), *KEYS.values()]):
        width = 1 + len(cbor2.dumps(bytes(size) if size else LABEL))
        yield Field(offset, width, f"summary.{name} (key {key})")
        offset += width


def _shifted(fields: Iterable[Field], offset: int, prefix: str) -> Iterable[Field]:
    return [Field(offset + field.offset, field.size, prefix + field.name) for field in fields]
