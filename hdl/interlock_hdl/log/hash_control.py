"""The registers of a hash log that decide what becomes of data."""

from amaranth.lib import data

from interlock_hdl.log.answer import Answer
from interlock_hdl.log.comparison import Comparison

Kind = data.StructLayout({"valid": 1, "own": 1, "external": 1, "reserved": 1})
"""What decides, of a request; ``reserved``: it has a reserved flag."""


def control_layout(entries: int, windows: int) -> data.StructLayout:
    """For so many entries, and a way of so many pairs of cycles to the index and through it."""
    count, address = range(entries + 1), range(entries)
    chosen = data.StructLayout(
        {
            **Kind.members,
            "insert": 1,  # a new entry at `address`
            "look": 1,  # the entry at `address`, if it has this key
            "mark": 1,  # the node's own
            "refusal": Answer,  # if it is none of these
            "address": address,
        }
    )
    return data.StructLayout(
        {
            "odd": 1,
            "line": range(windows + 1),
            # A request's way: to the index and through it, two cycles each, then four more pairs of cycles.
            "waiting": data.ArrayLayout(Kind, windows),
            "chosen": chosen,
            "arriving": chosen,
            "comparing": chosen,
            "is_own": 1,  # of `comparing`: it is entry 0
            "comparison": Comparison,
            "merged": 1,
            "answer": Answer,
            "own_ahead": 1,
            "changed": 1,
            "inserted": 1,
            "external": 1,
            "address": address,
            "write": 1,
            "create": 1,
            "mark": 1,
            # Whether the request before, and the two before that, are for the same entry.
            "targeted": 1,  # there is an entry at `address`, after this merge
            "repeats": 3,  # of `chosen`
            "repeats_then": 3,  # of `arriving`
            "repeats_last": 1,  # of `comparing`
            # Entries, including those on their way, and whether there is one; those that may be read.
            "begun": 1,
            "sessions": count,
            "externals": count,
            "full": 1,
            "n_sessions": count,
            "n_externals": count,
        }
    )
