"""A message on a link, byte by byte, as docs/specification.md shows it.

``python -m interlock.model.example docs/specification.md`` writes it again.
"""

import sys
from pathlib import Path

from interlock.model.explain import explain_record
from interlock.model.log import Entry
from interlock.model.parameters import Mode
from interlock.model.records import Record, RecordType, encode_prefix

BEGIN = "<!-- begin: python -m interlock.model.example docs/specification.md -->\n"
END = "<!-- end -->\n"

_SENDER = Entry(
    session_id=bytes.fromhex("1a7e0001 00000007 3b9c55e2 0d41f6a8"),
    flops=32_004,
    mode=Mode.EVENTS,
    weight_table=1,
    flags=0x0001,
)
_OTHER = Entry(
    session_id=bytes.fromhex("1a7e0001 00000003 77c01d94 b2e8305f"),
    flops=1_000_000,
    mode=Mode.EVENTS,
    weight_table=1,
    flags=0x0009,
)


def example() -> str:
    """Markdown: the two records of a message of 5 bytes, from a node that has heard of one other."""
    prefix = Record(RecordType.PREFIX, som=True, eom=False, seq=0, body=encode_prefix([_SENDER, _OTHER]))
    payload = Record(RecordType.PAYLOAD, som=False, eom=True, seq=1, body=b"hello")
    return (
        "The first message of an epoch, with the payload `hello`, from a node that has spent "
        f"{_SENDER.flops} FLOPs and knows of\nanother that had spent {_OTHER.flops}:\n\n"
        f"```\n{_dump(prefix)}```\n\nand then:\n\n```\n{_dump(payload)}```\n"
    )


def _dump(record: Record) -> str:
    """A line for each field: where, what, and its name."""
    data = record.encode()
    lines = (
        f"{field.offset:4}  {data[field.offset : field.offset + field.size].hex():34}{field.name}\n"
        for field in explain_record(data)
    )
    return "".join(lines)


def renewed(page: str) -> str:
    """``page`` with the example in its marked region as it must be."""
    return with_region(page, BEGIN, example())


def with_region(page: str, begin: str, text: str) -> str:
    """``page`` with ``text`` in the region that ``begin`` marks, up to the next ``END``."""
    before, found, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    if not (found and end):
        raise ValueError(f"there is no region between {begin.strip()} and {END.strip()}")
    return before + begin + text + end + after


def main() -> None:
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text()))


if __name__ == "__main__":
    main()
