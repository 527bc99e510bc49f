"""The worked example in the specification is what the golden model says."""

from pathlib import Path

import pytest
from interlock.model.example import BEGIN, END, example, renewed
from interlock.model.explain import explain_message, explain_record, field_at
from interlock.model.log import Entry
from interlock.model.messages import Kind, Message
from interlock.model.records import Record, RecordType, encode_prefix
from interlock.model.summary import Summary

PAGE = Path(__file__).resolve().parents[1] / "docs" / "specification.md"


def test_the_page_is_up_to_date():
    text = PAGE.read_text()
    assert renewed(text) == text, f"run: python -m interlock.model.example {PAGE.name}"


def test_a_stale_example_would_be_noticed():
    stale = PAGE.read_text().replace("hello", "hullo")
    assert renewed(stale) != stale
    assert renewed(f"{BEGIN}old\n{END}") == f"{BEGIN}{example()}{END}"
    with pytest.raises(ValueError, match="no region"):
        renewed("a page without one")


ENTRIES = [Entry(bytes([n]) * 16, n, 1, 1, 0) for n in range(3)]
SUMMARY = Summary.over(ENTRIES, export_counter=0, payload_length=0, bins=(0,) * 6, ticks=0)
EXPLAINED = {
    "prefix": (explain_record, Record(RecordType.PREFIX, True, True, 0, encode_prefix(ENTRIES)).encode()),
    "payload": (explain_record, Record(RecordType.PAYLOAD, False, True, 0, bytes(21)).encode()),
    "log": (explain_message, bytes([Kind.LOG]) + bytes(15) + encode_prefix(ENTRIES)[32:]),
    "summary": (explain_message, bytes([Kind.SUMMARY]) + bytes(15) + SUMMARY.encode()),
    "export": (explain_message, Message(Kind.EXPORT, 0, bytes(7)).encode()),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_every_byte_has_one_name(name):
    explain, data = EXPLAINED[name]
    at = 0
    for field in explain(data):
        assert field.offset == at, field
        assert field.size > 0
        at += field.size
    assert at == len(data)


@pytest.mark.parametrize(
    ("name", "offset", "field"),
    [
        ("prefix", 8, "seq"),
        ("prefix", 16, "prefix.n_sessions"),
        ("prefix", 43, "prefix.max_bound"),
        ("prefix", 48, "entry 0.session_id"),
        ("prefix", 80 + 27, "entry 1.flops"),
        ("prefix", 80 + 31, "entry 1.flags"),
        ("prefix", 144, "tag.crc"),
        ("payload", 36, "payload"),
        ("payload", 37, "padding"),
        ("payload", 63, "tag.zero"),
        ("payload", 64, "beyond the end"),
        ("log", 16 + 32 + 28, "entry 1.mode"),
        ("summary", 17, "summary.label (key 0)"),
        ("summary", 16 + 1 + 32 + 18, "summary.export_counter (key 2)"),
        ("summary", 16 + len(SUMMARY.encode()) - 1, "summary.ticks (key 11)"),
        ("export", 2, "peer"),
        ("export", 22, "payload"),
    ],
)
def test_a_byte_is_found_by_name(name, offset, field):
    explain, data = EXPLAINED[name]
    assert field_at(explain(data), offset).name == field
