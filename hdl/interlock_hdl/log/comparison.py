"""A request beside the entry that has, or may have, its key: what differs, and what becomes of both."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data

from interlock_hdl.log.stored import StoredEntry

PARTS = 4

Comparison = data.StructLayout(
    {
        "same_id": PARTS,  # each of 32 bits
        "same_rest": PARTS,
        "same_section": 1,
        "same_counting": 1,
        "more_high": 1,
        "same_high": 1,
        "more_low": 1,
        "more_flags": 1,
    }
)
"""In parts, because a register follows, and all at once would be too long a path before it."""

Change = data.StructLayout({"key": 1, "flops": 1, "provenance": 1, "flags": 1})
"""What is taken from the request: whole fields, or flags to be added."""


def compare(comparison: data.View, *, request: data.View, entry: data.View, external: Value) -> list:
    """Statements that compare; ``external`` is the request's section."""
    asked, mine = request.entry, entry.entry
    rest, my_rest = (Cat(one.provenance, one.flops) for one in (asked, mine))
    added = asked.provenance.flags & ~mine.provenance.flags
    return [
        comparison.same_id.eq(_same_parts(asked.session_id, mine.session_id)),
        comparison.same_rest.eq(_same_parts(rest, my_rest)),
        comparison.same_section.eq(entry.held & (external == entry.external)),
        comparison.same_counting.eq(
            (asked.provenance.mode == mine.provenance.mode)
            & (asked.provenance.weight_table == mine.provenance.weight_table)
        ),
        comparison.more_high.eq(asked.flops[48:] > mine.flops[48:]),
        comparison.same_high.eq(asked.flops[48:] == mine.flops[48:]),
        comparison.more_low.eq(asked.flops[:48] > mine.flops[:48]),
        comparison.more_flags.eq(added.any()),
    ]


def _same_parts(one: Value, other: Value) -> Value:
    return Cat(one.word_select(n, 32) == other.word_select(n, 32) for n in range(PARTS))


def changed(m: Module, *, request: data.View, entry: data.View, change: data.View) -> data.View:
    """The entry with what is taken from the request."""
    result = Signal(StoredEntry)
    flags = Signal(32)  # as a provenance of which only the flags count
    asked, mine = request.entry.provenance, entry.entry.provenance
    m.d.comb += [
        result.eq(entry),
        flags.eq(mine.as_value() | asked.as_value()),
    ]
    with m.If(change.key):
        m.d.comb += [
            result.entry.session_id.eq(request.entry.session_id),
            result.external.eq(request.external),
            result.held.eq(request.held),
            result.parity.session_id.eq(request.parity.session_id),
        ]
    with m.If(change.flops):
        m.d.comb += [
            result.entry.flops.eq(request.entry.flops),
            result.parity.flops.eq(request.parity.flops),
        ]
    with m.If(change.provenance):
        m.d.comb += [
            result.entry.provenance.eq(asked),
            result.parity.provenance.eq(request.parity.provenance),
        ]
    with m.Elif(change.flags):
        # New parity, of bits that may be damaged: they are reported in this very cycle.
        m.d.comb += [
            result.entry.provenance.as_value().eq(flags),
            result.parity.provenance.eq(flags.xor()),
        ]
    return result
