"""One entry of a register log: storage, parity and comparators."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.record import Entry

EntryParity = data.StructLayout({"session_id": 1, "flops": 1, "provenance": 1})

CheckedEntry = data.StructLayout({"entry": Entry, "parity": EntryParity})
"""An entry and its parity, which is made where the entry comes in, before any register, and goes with it."""


def parity_of(entry: data.View) -> Value:
    """Even parity of each field, as an ``EntryParity``."""
    return Cat(entry.session_id.xor(), entry.flops.xor(), entry.provenance.as_value().xor())


def is_damaged(checked: data.View) -> Value:
    """True if one bit, of the entry or of its parity, is not what was stored."""
    return checked.as_value().xor()


class EntrySlot(wiring.Component):
    """Holds one entry, a session's or an external one, and compares it with a request.

    A flip of any one stored bit is reported in the cycle in which it happens, whatever is written then.

    **Latency**: 0 cycles from ``request`` to the comparisons; 1 cycle from a strobe to ``stored``.

    Members
    -------
    request : In(CheckedEntry)
        What is compared, and what ``take_id`` and ``add_provenance`` store.
    flops, flops_parity : In(96), In(1)
        What ``take_flops`` stores.
    take_id, take_flops : In(1)
        Replace the field.
    add_provenance : In(1)
        Provenance becomes its *or* with the request's: of an empty slot, which is all zeros, the request's.
    stored : Out(CheckedEntry)
    same_id, same_rest : Out(1)
        The request has this id; all that stands behind it is the same.
    same_counting, same_flags : Out(1)
        The request agrees in mode and weight table; has no flag that is not here.
    more_high, same_high, more_low : Out(1)
        The upper, and the lower 48 bits of its FLOPs are more; the upper are the same.  In halves, because
        all of them at once would be the longest carry chain of the log.
    damaged : Out(1)
        A stored bit is not what was written.
    """

    request: In(CheckedEntry)
    flops: In(96)
    flops_parity: In(1)
    take_id: In(1)
    take_flops: In(1)
    add_provenance: In(1)
    stored: Out(CheckedEntry)
    same_id: Out(1)
    same_rest: Out(1)
    same_counting: Out(1)
    same_flags: Out(1)
    more_high: Out(1)
    same_high: Out(1)
    more_low: Out(1)
    damaged: Out(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        mine, parity = self.stored.entry, self.stored.parity
        asked = self.request.entry

        m.d.comb += [
            self.same_id.eq(asked.session_id == mine.session_id),
            self.more_high.eq(asked.flops[48:] > mine.flops[48:]),
            self.same_high.eq(asked.flops[48:] == mine.flops[48:]),
            self.more_low.eq(asked.flops[:48] > mine.flops[:48]),
            self.same_counting.eq(
                (asked.provenance.mode == mine.provenance.mode)
                & (asked.provenance.weight_table == mine.provenance.weight_table)
            ),
            self.same_flags.eq((asked.provenance.flags & ~mine.provenance.flags) == 0),
            self.same_rest.eq(
                self.same_high
                & (asked.flops[:48] == mine.flops[:48])
                & (asked.provenance.as_value() == mine.provenance.as_value())
            ),
            self.damaged.eq(is_damaged(self.stored)),
        ]

        with m.If(self.take_id):
            m.d.sync += [
                mine.session_id.eq(asked.session_id),
                parity.session_id.eq(self.request.parity.session_id),
            ]
        with m.If(self.take_flops):
            m.d.sync += [mine.flops.eq(self.flops), parity.flops.eq(self.flops_parity)]
        both = Signal(32)
        m.d.comb += both.eq(mine.provenance.as_value() | asked.provenance.as_value())
        with m.If(self.add_provenance):
            # New parity, of bits that may be damaged: they are reported in this very cycle.
            m.d.sync += [mine.provenance.as_value().eq(both), parity.provenance.eq(both.xor())]
        return m
