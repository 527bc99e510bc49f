"""Golden records: bytes worked out by hand from the specification, round trips, and strictness."""

from binascii import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlock.model.log import Entry
from interlock.model.records import (
    Prefix,
    PrefixError,
    Record,
    RecordError,
    RecordType,
    check_record,
    control_record,
    cut_prefix,
    decode_prefix,
    decode_record,
    encode_credit,
    encode_prefix,
    record_bytes,
)
from lib.golden_bench import of


def crc_bit_by_bit(data: bytes) -> int:
    """CRC-32 of IEEE 802.3 as its clause 3.2.9 has it: no table, no library."""
    remainder = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            feedback = (remainder ^ byte >> bit) & 1
            remainder = remainder >> 1 ^ (0xEDB88320 if feedback else 0)
    return remainder ^ 0xFFFFFFFF


PREFIX_HEADER = of("""
    01            # version
    02            # type PREFIX
    81            # flags SOM, CLEAR
    00            # reserved
    00 00         # channel
    00 60         # length: 32 + 2 * 32
    00 00 00 00 00 00 00 03   # seq
""")
PREFIX_BODY = of("""
    00 00 00 02   # n_sessions
    00 00 00 00   # n_externals
    00 00 00 01   # flags FULL
    00 00 00 00 00 00 00 00   # reserved
    00 00 00 00 00 00 00 00 00 00 00 00   # max_bound
    00 00 00 01 00 00 00 02 11 22 33 44 55 66 77 88   # session_id
    00 00 00 00 00 00 00 01 02 03 04 05   # flops
    01            # mode EVENTS
    01            # weight table 1
    00 01         # flags CLEAR
    00 00 00 01 00 00 00 03 aa bb cc dd ee ff 00 99   # session_id
    ff ff ff ff ff ff ff ff ff ff ff ff   # flops
    03            # mode EVENTS, OPAQUE
    02            # weight table 2
    00 0d         # flags CLEAR, UNADMITTED, UNLOGGED
""")
ENTRIES = [
    Entry(of("00000001 00000002 1122334455667788"), 0x0102030405, mode=1, weight_table=1, flags=1),
    Entry(of("00000001 00000003 aabbccddeeff0099"), 2**96 - 1, mode=3, weight_table=2, flags=0xD),
]
PAYLOAD_HEADER = of("01 03 82 00 0000 0005 0000000000000004")
PAYLOAD_BODY = of("68 65 6c 6c 6f")


def closed(header: bytes, body: bytes) -> bytes:
    """A record from header and body: padding, CRC-32 and zeros."""
    return (
        header + body + bytes(-len(body) % 16) + crc_bit_by_bit(header + body).to_bytes(4, "big") + bytes(12)
    )


def test_the_crc_is_the_published_one():
    assert crc_bit_by_bit(b"123456789") == 0xCBF43926 == crc32(b"123456789")


def test_a_prefix_is_what_the_specification_says():
    assert encode_prefix(ENTRIES) == PREFIX_BODY
    record = Record(RecordType.PREFIX, som=True, eom=False, seq=3, body=PREFIX_BODY)
    assert record.encode() == closed(PREFIX_HEADER, PREFIX_BODY)
    assert decode_record(closed(PREFIX_HEADER, PREFIX_BODY), seq=3) == record
    assert decode_prefix(PREFIX_BODY) == ENTRIES


def test_a_payload_is_what_the_specification_says():
    record = Record(RecordType.PAYLOAD, som=False, eom=True, seq=4, body=b"hello")
    assert len(record.encode()) == 48 == record_bytes(5)
    assert record.encode() == closed(PAYLOAD_HEADER, PAYLOAD_BODY)
    assert decode_record(closed(PAYLOAD_HEADER, PAYLOAD_BODY), seq=4) == record


CREDIT_HEADER = of("01 04 80 00 0000 0008 0000000000000000")
ABORT_HEADER = of("01 05 80 00 0000 0000 0000000000000009")

numbers = st.integers(0, 2**64 - 1)
parts = st.builds(
    Record,
    st.sampled_from([RecordType.PREFIX, RecordType.PAYLOAD]),
    st.booleans(),
    st.booleans(),
    numbers,
    st.one_of(st.binary(min_size=1, max_size=70), st.binary(min_size=4080, max_size=4096)),
)
controls = st.one_of(
    st.builds(control_record, st.just(RecordType.CREDIT), numbers, st.binary(min_size=8, max_size=8)),
    st.builds(control_record, st.sampled_from([RecordType.ABORT, RecordType.FULL_REQUEST]), numbers),
)
records = st.one_of(parts, controls)


@given(records)
def test_a_record_comes_back_as_it_was(record):
    data = record.encode()
    assert len(data) == record_bytes(len(record.body))
    assert decode_record(data, seq=record.seq) == record


@given(records, st.data())
def test_one_flipped_bit_anywhere_is_refused(record, draw):
    data = bytearray(record.encode())
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RecordError):
        decode_record(bytes(data), seq=record.seq)


@given(records, st.data())
def test_a_record_cut_short_is_refused_and_its_beginning_alone_is_not(record, draw):
    data = record.encode()
    part = data[: draw.draw(st.integers(0, len(data) - 1))]
    with pytest.raises(RecordError, match="cut short"):
        decode_record(part, seq=record.seq)
    assert check_record(part, seq=record.seq, complete=False) in (None, len(record.body))


@given(records, st.data())
def test_what_is_wrong_with_a_flipped_byte_shows_with_that_byte(record, draw):
    """Gateware looks at every beat as it comes, and closes a channel without waiting for the rest."""
    data = bytearray(record.encode())
    tag = len(data) - 16
    fixed = [0, 3, 4, 5, *range(8, 16), *range(16 + len(record.body), len(data))]  # all but what may vary
    at = draw.draw(st.sampled_from(fixed))
    data[at] ^= draw.draw(st.integers(1, 255))
    check_record(bytes(data[:at]), seq=record.seq, complete=False)
    with pytest.raises(RecordError) as caught:
        check_record(bytes(data[: at + 1]), seq=record.seq, complete=False)
    assert caught.value.reason != "last"
    assert (caught.value.reason == "tag") == (at >= tag)


@given(records)
def test_a_record_without_its_last_is_refused_when_its_last_byte_has_come(record):
    data = record.encode()
    check_record(data[:-1], seq=record.seq, complete=False)
    with pytest.raises(RecordError, match="last"):
        check_record(data, seq=record.seq, complete=False)


@given(records, st.binary(min_size=1, max_size=20))
def test_a_record_that_goes_on_is_refused(record, more):
    with pytest.raises(RecordError, match="too long"):
        decode_record(record.encode() + more, seq=record.seq)


def test_a_credit_is_what_the_specification_says():
    record = control_record(RecordType.CREDIT, 0, encode_credit(0x4020))
    assert record.encode() == closed(CREDIT_HEADER, of("0000000000004020"))


def test_a_record_without_a_body_is_its_header_and_its_tag():
    record = control_record(RecordType.ABORT, 9)
    assert record.encode() == closed(ABORT_HEADER, b"")
    assert len(record.encode()) == 32 == record_bytes(0)


@pytest.mark.parametrize("flag", [1, 2], ids=["som", "eom"])
@pytest.mark.parametrize("type", [4, 5, 6])
def test_only_records_of_messages_have_ends(type, flag):
    body = bytes(8) if type == 4 else b""
    header = bytes([1, type, 0x80 | flag, 0, 0, 0, 0, len(body)]) + bytes(8)
    with pytest.raises(RecordError) as error:
        decode_record(closed(header, body), seq=0)
    assert (error.value.reason, error.value.offset) == ("flags", 2)


@pytest.mark.parametrize(("type", "length"), [(4, 0), (4, 7), (4, 9), (4, 16), (5, 1), (5, 8), (6, 1)])
def test_other_records_have_one_length(type, length):
    with pytest.raises(RecordError) as error:
        decode_record(closed(bytes([1, type, 0x80, 0, 0, 0, 0, length]) + bytes(8), bytes(length)), seq=0)
    assert (error.value.reason, error.value.offset) == ("length", 6)


def with_header(**fields: int) -> bytes:
    """A payload record of 5 bytes whose CRC is right, and of whose header fields some are not."""
    values = {
        "version": 1,
        "type": 3,
        "flags": 0x82,
        "reserved": 0,
        "channel": 0,
        "length": 5,
        "seq": 4,
        **fields,
    }
    sizes = {"version": 1, "type": 1, "flags": 1, "reserved": 1, "channel": 2, "length": 2, "seq": 8}
    return closed(b"".join(values[name].to_bytes(size, "big") for name, size in sizes.items()), PAYLOAD_BODY)


@pytest.mark.parametrize(
    ("fields", "reason", "offset"),
    [
        ({"version": 0}, "version", 0),
        ({"version": 2}, "version", 0),
        *(({"type": type}, "type", 1) for type in (0, 1, 7, 255)),
        *(({"flags": 0x82 | 1 << bit}, "flags", 2) for bit in range(2, 7)),
        ({"flags": 0x02}, "flags", 2),
        ({"reserved": 1}, "reserved", 3),
        ({"channel": 1}, "channel", 4),
        ({"channel": 0x100}, "channel", 4),
        ({"length": 0}, "length", 6),
        ({"length": 4097}, "length", 6),
        ({"seq": 3}, "seq", 8),
        ({"seq": 5}, "seq", 8),
        ({"seq": 4 | 1 << 63}, "seq", 8),
    ],
    ids=lambda value: "_".join(f"{k}_{v:#x}" for k, v in value.items()) if isinstance(value, dict) else None,
)
def test_a_wrong_header_is_refused_by_name(fields, reason, offset):
    with pytest.raises(RecordError) as error:
        decode_record(with_header(**fields), seq=4)
    assert (error.value.reason, error.value.offset) == (reason, offset)
    # As soon as the field has arrived, and not before.
    size = {"channel": 2, "length": 2, "seq": 8}.get(reason, 1)
    with pytest.raises(RecordError, match=reason):
        check_record(with_header(**fields)[: offset + size], seq=4, complete=False)
    check_record(with_header(**fields)[:offset], seq=4, complete=False)


@pytest.mark.parametrize("offset", range(21, 32))
def test_padding_must_be_zero_although_the_tag_does_not_cover_it(offset):
    data = bytearray(closed(PAYLOAD_HEADER, PAYLOAD_BODY))
    data[offset] = 0x80
    with pytest.raises(RecordError, match="padding"):
        decode_record(bytes(data), seq=4)


@pytest.mark.parametrize("offset", range(32, 48))
def test_a_wrong_tag_is_refused(offset):
    data = bytearray(closed(PAYLOAD_HEADER, PAYLOAD_BODY))
    data[offset] ^= 0x80
    with pytest.raises(RecordError, match="tag"):
        decode_record(bytes(data), seq=4)


def test_the_tag_is_in_network_order():
    tag = crc_bit_by_bit(PAYLOAD_HEADER + PAYLOAD_BODY).to_bytes(4, "little")
    with pytest.raises(RecordError, match="tag"):
        decode_record(PAYLOAD_HEADER + PAYLOAD_BODY + bytes(11) + tag + bytes(12), seq=4)


def test_the_tag_does_not_cover_padding():
    covered = PAYLOAD_HEADER + PAYLOAD_BODY + bytes(11)
    with pytest.raises(RecordError, match="tag"):
        decode_record(covered + crc_bit_by_bit(covered).to_bytes(4, "big") + bytes(12), seq=4)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        PREFIX_BODY[:16],
        PREFIX_BODY[:32],
        PREFIX_BODY[:95],
        PREFIX_BODY + b"\0",
        PREFIX_BODY[:64],
        PREFIX_BODY + bytes(32),
    ],
    ids=len,
)
def test_a_prefix_of_the_wrong_length_is_refused(body):
    with pytest.raises(PrefixError, match="length"):
        decode_prefix(body)


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        *((offset, "length") for offset in range(8)),  # its counts
        *((offset, "flags") for offset in range(8, 12)),
        *((offset, "reserved") for offset in range(12, 20)),
    ],
)
def test_one_flipped_bit_in_a_prefix_header_is_refused_by_name(offset, reason):
    for bit in range(8):
        body = bytearray(PREFIX_BODY)
        body[offset] ^= 1 << bit
        with pytest.raises(PrefixError) as error:
            decode_prefix(bytes(body))
        assert error.value.reason == (reason if any(body[:4]) else "n_sessions")


def test_a_prefix_that_claims_no_sessions_is_refused():
    body = of("00000000 00000002 00000001") + PREFIX_BODY[12:]
    with pytest.raises(PrefixError, match="n_sessions"):
        decode_prefix(body)


def test_a_delta_of_a_stream_with_external_entries_is_what_the_specification_says():
    body = (
        of("00000001 00000002 00000002 0000000000000000 000000000000000000000102")
        + PREFIX_BODY[32:64]
        + bytes([7] * 32)
        + bytes([8] * 32)
    )
    prefix = Prefix((ENTRIES[0],), (bytes([7] * 32), bytes([8] * 32)), is_delta=True, max_bound=258)
    assert prefix.encode() == body
    assert Prefix.decode(body) == prefix


@pytest.mark.parametrize("flags", [0, 3, 4, 1 << 31])
def test_a_prefix_is_either_full_or_a_delta(flags):
    body = PREFIX_BODY[:8] + flags.to_bytes(4, "big") + PREFIX_BODY[12:]
    with pytest.raises(PrefixError, match="flags"):
        decode_prefix(body)


@pytest.mark.parametrize(
    ("n_entries", "lengths"),
    [(1, [64]), (127, [4096]), (128, [4096, 32]), (255, [4096, 4096]), (300, [4096, 4096, 1440])],
)
def test_a_prefix_is_cut_into_records_of_4096_bytes(n_entries, lengths):
    parts = cut_prefix(encode_prefix([ENTRIES[0]] * n_entries))
    assert [len(part) for part in parts] == lengths
