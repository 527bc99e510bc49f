"""SubBytes of AES (FIPS 197, 5.1.1): S-boxes in two stages, in logic or in block RAM."""

import enum
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import and_, xor

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.aes_field import (
    IN_ROWS,
    INVERSE,
    NORM,
    OUT_ROWS,
    PRODUCT,
    SBOX,
    SBOX_CONSTANT,
    Form,
)


class SBoxStyle(enum.Enum):
    """What S-boxes are made of."""

    LOGIC = "logic"
    BLOCK_RAM = "block_ram"


class SubBytes(wiring.Component):
    """Substitutes every byte of a word.

    In logic an S-box is arithmetic on half bytes (``aes_field``), cut where only four bits decide what comes
    next: a stage is three levels of four-input LUTs.  In block RAM it is a table, whose late output goes
    through another register.

    Latency: ``latency`` cycles, and in logic one level of LUTs.  Throughput: a word in every cycle with
    ``en``.

    Parameters
    ----------
    count : int
        Bytes of a word.
    style : SBoxStyle

    Members
    -------
    en : In(1)
        The stages move.
    i, o : In(8 * count), Out(8 * count)
    """

    latency = 2

    def __init__(self, *, count: int, style: SBoxStyle) -> None:
        self.count = count
        self.style = style
        super().__init__({"en": In(1), "i": In(8 * count), "o": Out(8 * count)})

    def elaborate(self, platform) -> Module:
        m = Module()
        if self.style is SBoxStyle.LOGIC:
            _in_logic(m, self.en, self.i, self.o)
        else:
            for n in range(self.count):
                m.submodules[f"sbox_{n}"] = _in_block_ram(
                    self.en, self.i.word_select(n, 8), self.o.word_select(n, 8)
                )
        return m


def _in_block_ram(en: Value, i: Value, o: Value) -> Module:
    m = Module()
    m.submodules.table = table = Memory(shape=8, depth=256, init=SBOX)
    port = table.read_port()
    found = Signal(8)
    m.d.comb += [port.en.eq(en), port.addr.eq(i), o.eq(found)]
    with m.If(en):
        m.d.sync += found.eq(port.data)
    return m


def _in_logic(m: Module, en: Value, i: Value, o: Value) -> None:
    """All bytes at once, as *planes* with one bit of every byte: simulators do them as fast as one byte."""
    count = len(i) // 8

    def planes(name: str, bits: int) -> list[Signal]:
        return [Signal(count, name=f"{name}_{n}") for n in range(bits)]

    halves = planes("halves", 8)  # s, a
    d, s, a = planes("d", 4), planes("s", 4), planes("a", 4)
    inverse = planes("inverse", 4)
    quotients = planes("quotients", 8)  # s / d, a / d
    found = planes("found", 8)
    bits = [i[n::8] for n in range(8)]
    norm = _evaluated(m, "norm", NORM, halves)
    s_over_d = _evaluated(m, "s_part", PRODUCT, [*s, *inverse])
    a_over_d = _evaluated(m, "a_part", PRODUCT, [*a, *inverse])
    for n, row in enumerate(IN_ROWS):
        m.d.comb += halves[n].eq(_sum(_chosen(bits, row)))
    for n in range(4):
        m.d.comb += inverse[n].eq(
            _sum(_product(d, term) for term, value in INVERSE.items() if value >> n & 1)
        )
    with m.If(en):
        for register, value in zip(
            (*d, *s, *a, *quotients), (*norm, *halves, *s_over_d, *a_over_d), strict=True
        ):
            m.d.sync += register.eq(value)
    for n, row in enumerate(OUT_ROWS):
        constant = (SBOX_CONSTANT >> n & 1) * ((1 << count) - 1)
        m.d.comb += found[n].eq(_sum(_chosen(quotients, row)) ^ constant)
    m.d.comb += o.eq(Cat(plane[byte] for byte in range(count) for plane in found))


def _sum(values: Iterable[Value]) -> Value:
    return reduce(xor, values)


def _product(bits: Sequence[Value], term: Iterable[int]) -> Value:
    return reduce(and_, (bits[n] for n in term))


def _chosen(bits: Sequence[Value], mask: int) -> list[Value]:
    return [bit for n, bit in enumerate(bits) if mask >> n & 1]


def _evaluated(m: Module, name: str, form: Form, bits: Sequence[Value]) -> list[Value]:
    """Planes of the form's value, where its products are of one of four bits and one of another four.

    Each bit is a sum of functions of two of these and two of those: of at most four LUTs.  A bit that stands
    alone goes into one that is there anyway.  Equal functions are shared.
    """
    groups = [(left, right) for left in (0, 2) for right in (4, 6)]
    shared: dict[tuple, Signal] = {}
    result = []
    for k in range(4):
        terms = [term for term, value in form.items() if value >> k & 1]
        parts = []
        for left, right in groups:
            inside = tuple(t for t in terms if len(t) == 2 and t[0] & ~1 == left and t[1] & ~1 == right)
            # The groups (0, 6) and (2, 4) are those that a tower shares least.
            if (left, right) in ((0, 6), (2, 4)):
                inside += tuple(t for t in terms if len(t) == 1 and t[0] & ~1 in (left, right))
            if not inside:
                continue
            if inside not in shared:
                shared[inside] = part = Signal(len(bits[0]), name=f"{name}_{len(shared)}")
                m.d.comb += part.eq(_sum(_product(bits, term) for term in inside))
            parts.append(shared[inside])
        result.append(_sum(parts))
    return result
