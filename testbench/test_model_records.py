"""Golden records: bytes worked out by hand from the specification, round trips, and strictness."""

from binascii import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlock.model.log import Entry
from interlock.model.records import (
    PrefixError,
    Record,
    RecordError,
    RecordType,
    check_record,
    decode_prefix,
    decode_record,
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


records = st.builds(
    Record,
    st.sampled_from(RecordType),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**64 - 1),
    st.one_of(st.binary(min_size=1, max_size=70), st.binary(min_size=4080, max_size=4096)),
)


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
        *(({"type": type}, "type", 1) for type in (0, 1, 4, 5, 6, 255)),
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
    "body", [b"", PREFIX_BODY[:16], PREFIX_BODY[:32], PREFIX_BODY[:95], PREFIX_BODY + b"\0"], ids=len
)
def test_a_prefix_of_the_wrong_length_is_refused(body):
    with pytest.raises(PrefixError, match="length"):
        decode_prefix(body)


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        *((offset, "n_sessions") for offset in range(4)),
        *((offset, "n_externals") for offset in range(4, 8)),
        *((offset, "flags") for offset in range(8, 12)),
        *((offset, "reserved") for offset in range(12, 20)),
        *((offset, "max_bound") for offset in range(20, 32)),
    ],
)
def test_one_flipped_bit_in_a_prefix_header_is_refused_by_name(offset, reason):
    for bit in range(8):
        body = bytearray(PREFIX_BODY)
        body[offset] ^= 1 << bit
        with pytest.raises(PrefixError) as error:
            decode_prefix(bytes(body))
        assert error.value.reason == reason
        assert error.value.offset <= 16 + offset < error.value.offset + 12


def test_a_prefix_that_claims_no_sessions_is_refused():
    with pytest.raises(PrefixError):
        decode_prefix(bytes(8) + of("00000001") + bytes(20))
