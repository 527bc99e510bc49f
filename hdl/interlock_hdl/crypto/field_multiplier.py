"""A pipelined multiplier of GF(2^128)."""

from amaranth.hdl import Array, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.gf128 import (
    BITS,
    LIMB_BITS,
    LIMB_PRODUCTS,
    carryless,
    joined,
    limbs,
    reduced,
)


class FieldMultiplier(wiring.Component):
    """Multiplies two elements of the field of GHASH.

    Karatsuba's rule makes 27 products of 16 bits of one of 128 bits.  ``27 / interval`` multipliers take
    them in turn.  There are four stages, of three levels of four-input LUTs or so: sums of limbs, products
    (``interval`` cycles), their sum, and its reduction.

    Latency: ``latency`` cycles.  Throughput: a product every ``interval`` cycles.

    Parameters
    ----------
    interval : int
        Cycles a product.

    Members
    -------
    start : In(1)
        Operands are there.  Not again for ``interval - 1`` cycles.
    a, b : In(128)
        Polynomials, as in ``gf128``.
    o : Out(128)
        The product, ``latency`` cycles later, for a cycle.
    """

    def __init__(self, *, interval: int) -> None:
        if not 1 <= interval <= LIMB_PRODUCTS:
            raise ValueError(f"interval must be 1 to {LIMB_PRODUCTS} cycles, not {interval}")
        self.interval = interval
        self.latency = 3 + interval
        super().__init__({"start": In(1), "a": In(BITS), "b": In(BITS), "o": Out(BITS)})

    def elaborate(self, platform) -> Module:
        m = Module()
        # `steps[n]`: operands came n + 1 cycles ago.  A multiplier for each product needs no steps.
        steps = [Signal(name=f"step_{n}") for n in range(self.interval)]
        alone = self.interval == 1
        m.d.sync += [after.eq(before) for before, after in zip([self.start, *steps], steps, strict=False)]

        pairs = []
        with m.If(self.start | alone):
            for n, (a, b) in enumerate(zip(limbs(self.a), limbs(self.b), strict=True)):
                pair = Signal(2 * LIMB_BITS, name=f"limbs_{n}", reset_less=True)
                m.d.sync += [pair[:LIMB_BITS].eq(a), pair[LIMB_BITS:].eq(b)]
                pairs.append(pair)

        count = -(-LIMB_PRODUCTS // self.interval)
        step = Signal(range(self.interval))
        for n, now in enumerate(steps):
            with m.If(now):
                m.d.comb += step.eq(n)
        products = []
        for n in range(count):
            turn = pairs[n::count]
            pair = Signal(2 * LIMB_BITS, name=f"pair_{n}")
            m.d.comb += pair.eq(Array([*turn, *[Const(0)] * (self.interval - len(turn))])[step])
            product = carryless(pair[:LIMB_BITS], pair[LIMB_BITS:])
            for turn_number in range(len(turn)):
                kept = Signal(len(product), name=f"product_{n}_{turn_number}", reset_less=True)
                with m.If(steps[turn_number] | alone):
                    m.d.sync += kept.eq(product)
                products.append((n + count * turn_number, kept))
        whole = Signal(2 * BITS - 1, reset_less=True)
        m.d.sync += [
            whole.eq(joined([product for _, product in sorted(products, key=lambda pair: pair[0])])),
            self.o.eq(reduced(whole)),
        ]
        return m
