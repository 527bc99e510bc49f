"""SUMMARY: the byte template of an unsigned export summary (docs/specification.md, *Export*)."""

from collections.abc import Iterator

from amaranth.hdl import Cat, Const, Module, ResetInserter, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.config import Bin
from interlock_hdl.record import Entry

LABEL = b"interlock unsigned summary v1"

SummaryFields = data.StructLayout(
    {
        # In the order of their CBOR keys, from 1.
        "session_id": 128,
        "export_counter": 64,
        "payload_length": 64,
        "total": 128,
        "n_sessions": 32,
        "n_externals": 32,
        "modes": 8,
        "weight_tables": 16,
        "flags": 16,
        "bins": 96 * len(Bin),
        "ticks": 64,
    }
)
"""The holes of the template.  ``bins`` is one integer, the first bin most significant."""


def _head(major: int, length: int) -> list[int]:
    """Head of a CBOR item (RFC 8949 section 3), shortest form as section 4.2.1 asks."""
    if length < 24:
        return [major << 5 | length]
    if length < 256:
        return [major << 5 | 24, length]
    raise ValueError("no item of a summary is that long")


def _template(fields: data.View) -> Iterator[Value | int]:
    """Every byte of the map, in order: constants, and slices of the fields, most significant byte first."""
    yield from _head(5, 1 + len(SummaryFields.members))
    yield 0
    yield from _head(3, len(LABEL))
    yield from LABEL
    for key, (name, width) in enumerate(SummaryFields.members.items(), start=1):
        yield key
        yield from _head(2, width // 8)
        for byte in reversed(range(width // 8)):
            yield Value.cast(fields[name]).word_select(byte, 8)


class Tally(wiring.Component):
    """What a summary says about the entries of its scan: totals over exactly the entries that are sent.

    **Latency**: two cycles from ``add``, and from ``clear``, to the sums.

    Members
    -------
    clear : In(1)
        Forgets every entry up to that of this cycle.
    add, entry : In(1), In(Entry)
        The entry leaves in this cycle.  The first one after ``clear`` is the node's own.
    total : Out(128)
        Sum of ``flops``.
    modes, flags : Out
        *Or* over the entries.
    own_weight_table, mixed : Out(8), Out(1)
        The first entry's weight table, and whether any other entry has another.
    """

    clear: In(1)
    add: In(1)
    entry: In(Entry)
    total: Out(128)
    modes: Out(8)
    flags: Out(16)
    own_weight_table: Out(8)
    mixed: Out(1)

    def elaborate(self, platform):
        m = Module()
        sums = Module()  # everything that `clear` resets: one cycle late, for so is what is added
        entry = Signal(Entry)
        added = Signal()
        cleared = Signal()
        is_first = Signal(init=1)
        provenance = entry.provenance
        m.d.sync += [entry.eq(self.entry), added.eq(self.add), cleared.eq(self.clear)]
        with sums.If(added):
            sums.d.sync += [
                is_first.eq(0),
                self.total.eq(self.total + entry.flops),
                self.modes.eq(self.modes | provenance.mode),
                self.flags.eq(self.flags | provenance.flags),
            ]
            with sums.If(is_first):
                sums.d.sync += self.own_weight_table.eq(provenance.weight_table)
            with sums.Elif(provenance.weight_table != self.own_weight_table):
                sums.d.sync += self.mixed.eq(1)
        m.submodules.sums = ResetInserter(cleared)(sums)
        return m


class Summary(wiring.Component):
    """Gathers what an export's summary says, and gives the beats of its CBOR map one after another.

    **Latency**: one cycle from ``following`` to ``data``, and four from the last ``add`` to the beats that
    tell of it.

    Parameters
    ----------
    beat_bytes : int

    Attributes
    ----------
    length : int
        Bytes of the map.
    beats, last_keep : int
        Beats of the map, and ``keep`` of the last one.

    Members
    -------
    begin : In(1)
        An export begins: its number and ``ticks`` are fixed, the tallies start from nothing.
    ticks : In(64)
    session_id, payload_length, n_sessions, n_externals, bins : In
        Of this export, from ``begin`` until its last beat was put.
    add, entry : In(1), In(Entry)
        See :class:`Tally`.
    following, data : In(1), Out(8 * beat_bytes)
        Strobe: ``data`` is the following beat from the next cycle on; the first one, after ``begin``.
    """

    def __init__(self, *, beat_bytes: int) -> None:
        self.beat_bytes = beat_bytes
        self.length = sum(1 for _ in _template(Signal(SummaryFields)))
        self.beats = -(-self.length // beat_bytes)
        self.last_keep = (1 << ((self.length - 1) % beat_bytes + 1)) - 1
        super().__init__(
            {
                "begin": In(1),
                "ticks": In(64),
                "session_id": In(128),
                "payload_length": In(64),
                "n_sessions": In(32),
                "n_externals": In(32),
                "bins": In(96).array(len(Bin)),
                "add": In(1),
                "entry": In(Entry),
                "following": In(1),
                "data": Out(8 * beat_bytes),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.tally = tally = Tally()
        m.d.comb += [tally.clear.eq(self.begin), tally.add.eq(self.add), tally.entry.eq(self.entry)]

        counter = Signal(64)
        number = Signal(64)
        ticks = Signal(64)
        index = Signal(range(self.beats + 1))  # of the following beat
        with m.If(self.begin):
            m.d.sync += [number.eq(counter), counter.eq(counter + 1), ticks.eq(self.ticks), index.eq(0)]

        fields = Signal(SummaryFields)
        m.d.comb += [
            fields.session_id.eq(self.session_id),
            fields.export_counter.eq(number),
            fields.payload_length.eq(self.payload_length),
            fields.total.eq(tally.total),
            fields.n_sessions.eq(self.n_sessions),
            fields.n_externals.eq(self.n_externals),
            fields.modes.eq(tally.modes),
            fields.weight_tables.eq(Cat(tally.mixed, Const(0, 7), tally.own_weight_table)),
            fields.flags.eq(tally.flags),
            fields.bins.eq(Cat(reversed(self.bins))),
            fields.ticks.eq(ticks),
        ]
        octets = [Const(o, 8) if isinstance(o, int) else o for o in _template(fields)]
        with m.If(self.following):
            m.d.sync += [self.data.eq(Cat(octets).word_select(index, len(self.data))), index.eq(index + 1)]
        return m
