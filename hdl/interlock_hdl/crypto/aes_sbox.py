"""SubBytes of AES (FIPS 197, 5.1.1): S-boxes in two stages, in logic or in block RAM."""

import enum
from collections.abc import Iterable
from functools import reduce
from operator import xor

from amaranth.hdl import Array, Cat, Const, Module, Signal, Value
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
        make = _in_logic if self.style is SBoxStyle.LOGIC else _in_block_ram
        for n in range(self.count):
            m.submodules[f"sbox_{n}"] = make(self.en, self.i.word_select(n, 8), self.o.word_select(n, 8))
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


def _in_logic(en: Value, i: Value, o: Value) -> Module:
    m = Module()
    halves = Signal(8)  # s, a
    m.d.comb += halves.eq(Cat(_sum(_chosen(i, row)) for row in IN_ROWS))
    d, s, a = Signal(4), Signal(4), Signal(4)
    quotients = Signal(8)  # s / d, a / d
    inverse = Signal(4)
    m.d.comb += inverse.eq(Array(Const(value, 4) for value in INVERSE)[d])
    norm = _evaluated(m, "norm", NORM, halves)
    s_over_d = _evaluated(m, "s", PRODUCT, Cat(s, inverse))
    a_over_d = _evaluated(m, "a", PRODUCT, Cat(a, inverse))
    with m.If(en):
        m.d.sync += [d.eq(norm), Cat(s, a).eq(halves), quotients.eq(Cat(s_over_d, a_over_d))]
    m.d.comb += o.eq(Cat(_sum(_chosen(quotients, row)) for row in OUT_ROWS) ^ SBOX_CONSTANT)
    return m


def _sum(values: Iterable[Value]) -> Value:
    return reduce(xor, values)


def _chosen(bits: Value, mask: int) -> list[Value]:
    return [bit for n, bit in enumerate(bits) if mask >> n & 1]


def _evaluated(m: Module, name: str, form: Form, bits: Value) -> Value:
    """The form's value where its products are of one of four bits and one of another four.

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
                shared[inside] = part = Signal(name=f"{name}_{len(shared)}")
                m.d.comb += part.eq(_sum(reduce(lambda x, y: x & y, (bits[n] for n in t)) for t in inside))
            parts.append(shared[inside])
        result.append(_sum(parts))
    return Cat(result)
