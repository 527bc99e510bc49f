"""Golden summaries: bytes by hand, read back by a CBOR library, and strictness."""

import re

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlock.model.log import Entry
from interlock.model.summary import Summary, SummaryError

ENTRIES = [
    Entry(bytes.fromhex("000000010000000211223344aabbccdd"), 5, mode=1, weight_table=1, flags=1),
    Entry(b"\2" * 16, 2**96 - 1, mode=2, weight_table=7, flags=9),
    Entry(b"\3" * 16, 2**96 - 1, mode=1, weight_table=1, flags=4),
]
SUMMARY = Summary.over(ENTRIES, export_counter=3, payload_length=258, bins=(1, 2, 3, 4, 5, 6), ticks=1000)
BYTES = bytes.fromhex(
    re.sub(
        r"#.*",
        "",
        """
    ac                                          # a map of 12
    00 78 1d 696e7465726c6f636b20756e7369676e65642073756d6d617279207631  # "interlock unsigned summary v1"
    01 50 000000010000000211223344aabbccdd      # session id
    02 48 0000000000000003                      # export counter
    03 48 0000000000000102                      # payload length
    04 50 00000002000000000000000000000003      # 5 + 2 * (2**96 - 1)
    05 44 00000003                              # n_sessions
    06 44 00000000                              # n_externals
    07 41 03                                    # modes
    08 42 0101                                  # own weight table, others
    09 42 000d                                  # flags
    0a 58 48                                    # bins: 72 bytes
       000000000000000000000001 000000000000000000000002 000000000000000000000003
       000000000000000000000004 000000000000000000000005 000000000000000000000006
    0b 48 00000000000003e8                      # ticks
""",
    )
)


def test_a_summary_is_what_the_specification_says():
    assert SUMMARY.encode() == BYTES
    assert Summary.decode(BYTES) == SUMMARY


def test_modes_and_flags_are_those_that_were_seen():
    entries = [Entry(b"1" * 16, 0, mode=2, weight_table=5, flags=4), Entry(b"2" * 16, 0, 0, 5, 8)]
    summary = Summary.over(entries, export_counter=0, payload_length=0, bins=(0,) * 6, ticks=0)
    assert (summary.modes, summary.flags) == (2, 12)
    assert (summary.weight_table, summary.other_weight_tables) == (5, False)


def test_any_cbor_library_reads_it():
    content = cbor2.loads(BYTES)
    assert list(content) == list(range(12))
    assert content[0] == "interlock unsigned summary v1"
    assert int.from_bytes(content[4], "big") == sum(entry.flops for entry in ENTRIES)


def test_its_size_does_not_depend_on_what_it_says():
    smallest = Summary.over(ENTRIES[:1], export_counter=0, payload_length=0, bins=(0,) * 6, ticks=0)
    assert len(smallest.encode()) == len(BYTES)
    assert cbor2.loads(smallest.encode())[8] == bytes((1, 0))


@given(st.integers(0, 8 * len(BYTES) - 1))
def test_one_flipped_bit_is_refused_or_another_value(bit):
    data = bytearray(BYTES)
    data[bit // 8] ^= 1 << bit % 8
    try:
        changed = Summary.decode(bytes(data))
    except SummaryError:
        return
    assert changed != SUMMARY
    assert changed.encode() == bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not CBOR"),
        (BYTES[:-1], "not CBOR"),
        (BYTES + b"\0", "not deterministic"),
        (b"\xbf" + BYTES[1:] + b"\xff", "not deterministic"),
        (BYTES[:1] + b"\x18\x00" + BYTES[2:], "not deterministic"),
        (b"\xad" + BYTES[1:] + b"\x0b\x48" + bytes(8), "not deterministic"),
        (b"\xad" + BYTES[1:] + b"\x0c\x40", "keys"),
        (b"\xab" + BYTES[1:-10], "keys"),
        (cbor2.dumps({1: b"", 0: ""}), "keys"),
        (cbor2.dumps([1, 2]), "keys"),
        (BYTES.replace(b"unsigned", b"Unsigned"), "label"),
        (BYTES.replace(b"\x07\x41\x03", b"\x07\x42\x00\x03"), "modes"),
        (BYTES.replace(b"\x07\x41\x03", b"\x07\x03"), "modes"),
        (BYTES.replace(b"\x08\x42\x01\x01", b"\x08\x42\x01\x02"), "weight_tables"),
    ],
    ids=[
        "empty",
        "cut_short",
        "goes_on",
        "indefinite_length",
        "long_key",
        "key_twice",
        "key_too_many",
        "key_missing",
        "wrong_order",
        "no_map",
        "other_label",
        "too_wide",
        "no_bytes",
        "neither_0_nor_1",
    ],
)
def test_anything_else_is_refused_by_name(data, reason):
    with pytest.raises(SummaryError) as error:
        Summary.decode(data)
    assert error.value.reason == reason
