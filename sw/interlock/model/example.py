"""A message on a link, byte by byte, as docs/specification.md shows it.

``python -m interlock.model.example docs/specification.md`` writes it again.
"""

import sys
from pathlib import Path

from interlock.model.digest import tree_digest
from interlock.model.explain import explain_record
from interlock.model.log import Entry
from interlock.model.parameters import Mode
from interlock.model.records import Record, RecordType, control_record, encode_credit, encode_prefix

BEGIN = "<!-- begin: python -m interlock.model.example docs/specification.md -->\n"
END = "<!-- end -->\n"

_SENDER = Entry(
    session_id=bytes.fromhex("1a7e0001 00000007 3b9c55e2 0d41f6a8"),
    flops=32_004,
    mode=Mode.EVENTS,
    weight_table=1,
    flags=0x0005,
)
_OTHER = Entry(
    session_id=bytes.fromhex("1a7e0001 00000003 77c01d94 b2e8305f"),
    flops=1_000_000,
    mode=Mode.EVENTS,
    weight_table=1,
    flags=0x0009,
)


_EXTERNAL = b"external data"
_GRANTED = 16_416


def example() -> str:
    """Markdown: a grant, and a message of 5 bytes from a node that knows of another and of external data."""
    records = [
        control_record(RecordType.CREDIT, 0, encode_credit(_GRANTED)),
        Record(
            RecordType.PREFIX,
            som=True,
            eom=False,
            seq=1,
            body=encode_prefix([_SENDER, _OTHER], [tree_digest(_EXTERNAL)]),
        ),
        Record(RecordType.PAYLOAD, som=False, eom=True, seq=2, body=b"hello"),
    ]
    credit, prefix, payload = map(_dump, records)
    return (
        f"What a node says first in an epoch, with {_GRANTED} bytes of staging:\n\n"
        f"```\n{credit}```\n\n"
        "Its first message, with the payload `hello`, once it was granted 32 bytes.  It has spent "
        f"{_SENDER.flops} FLOPs, knows of\nanother node that had spent {_OTHER.flops}, and has released "
        f"an EXTERNAL message with the payload `{_EXTERNAL.decode()}`:\n\n"
        f"```\n{prefix}```\n\nand then:\n\n```\n{payload}```\n"
    )


def _dump(record: Record) -> str:
    """A line for each field: where, what, and its name."""
    data = record.encode()
    lines = (
        f"{field.offset:4}  {data[field.offset : field.offset + field.size].hex():32}  {field.name}\n"
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
