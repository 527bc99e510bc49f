"""What the demo reads from outside: exports that add up, and bytes on links told apart."""

import pytest
from interlock.demo.exports import ExportReader
from interlock.demo.traffic import LinkMeter
from interlock.errors import Malformed
from interlock.model.log import Entry
from interlock.model.messages import Kind, Message
from interlock.model.records import Record, RecordType, encode_prefix
from interlock.model.summary import Summary
from interlock.wires import Level, Rolled, Segment

ENTRY = Entry(session_id=bytes(15) + b"\1", flops=12, mode=1, weight_table=1, flags=1)


def export_messages(*, payload=b"weights", entries=(ENTRY,), **changes):
    summary = Summary.over(
        entries, export_counter=0, payload_length=len(payload), bins=(0, 12, 0, 0, 0, 0), ticks=5
    )
    parts = {
        Kind.LOG: b"".join(entry.encode() for entry in entries),
        Kind.SUMMARY: summary.encode(),
        Kind.EXPORT: payload,
    }
    parts |= {Kind[name]: value for name, value in changes.items()}
    return [Message(kind, 0, data).encode() for kind, data in parts.items()]


def fed(messages):
    reader = ExportReader(message_bytes=8192)
    reader.feed(Segment(message, first=True, last=True) for message in messages)
    return reader.exports


def test_exports_are_put_together_from_any_pieces():
    reader = ExportReader(message_bytes=8192)
    for message in export_messages():
        reader.feed([Segment(message[:16], first=True, last=False)])
        reader.feed([Segment(message[16:], first=False, last=True)])
    (export,) = reader.exports
    assert export.payload == b"weights"
    assert export.log == (ENTRY,)
    assert export.summary.total == 12


def test_export_that_a_new_session_cut_off_is_forgotten():
    reader = ExportReader(message_bytes=8192)
    log, summary, payload = export_messages()
    reader.feed(
        [Segment(log, first=True, last=True), Segment(summary[:16], first=True, last=False), Rolled()]
    )
    reader.feed(Segment(message, first=True, last=True) for message in (log, summary, payload))
    assert len(reader.exports) == 1


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        (export_messages()[1:], "no LOG where one was due"),
        (export_messages()[:1] * 2, "no SUMMARY where one was due"),
        (export_messages(LOG=b""), "no whole number of entries"),
        (export_messages(LOG=ENTRY.encode()[:-1]), "no whole number of entries"),
        (export_messages(SUMMARY=b"\xa0"), "a summary that cannot be read"),
        (export_messages(EXPORT=b"other weights"), "does not follow from log and payload"),
        (export_messages(LOG=2 * ENTRY.encode()), "does not follow from log and payload"),
        (export_messages(entries=(Entry(bytes(16), 11, 1, 1, 1),)), "do not add up"),
        (export_messages(EXPORT=bytes(8193)), "payloads end at 8192"),
    ],
    ids=["order", "twice", "no log", "cut log", "no summary", "payload", "entries", "bins", "too long"],
)
def test_export_that_does_not_add_up_is_refused(messages, complaint):
    with pytest.raises(Malformed, match=complaint):
        fed(messages)


def test_meter_tells_prefix_payload_and_framing_apart():
    meter = LinkMeter(keep=1)
    prefix = Record(RecordType.PREFIX, True, False, 0, encode_prefix([ENTRY])).encode()
    payload = Record(RecordType.PAYLOAD, False, True, 1, bytes(21)).encode()
    empty = Record(RecordType.PREFIX, True, True, 2, encode_prefix([ENTRY])).encode()
    meter.feed([Level(up=True, heard=True), Segment(prefix[:32], True, False)], 0, 10)
    meter.feed([Segment(prefix[32:], False, True)], 10, 20)
    meter.feed([Segment(payload, True, True), Segment(empty, True, True)], 20, 30)
    assert (meter.messages, meter.prefix_bytes, meter.payload_bytes) == (2, 128, 21)
    assert meter.framing_bytes == 3 * 32 + 11  # header and tag of each, and padding
    (seen,) = meter.seen
    assert (seen.sent, seen.received, seen.prefix) == (10, 30, (ENTRY,))
