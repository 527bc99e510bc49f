"""GHASH (NIST SP 800-38D, 6.4) for small FPGAs: some bits of a block a cycle."""

from amaranth.hdl import Array, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.gf128 import BITS, carryless, polynomial, reduced
from interlock_hdl.crypto.ghash import hash_block_layout, hash_key_layout
from interlock_hdl.crypto.slot_memory import SlotMemory


class SerialGhash(wiring.Component):
    """Hashes strings of blocks, one after the other, each with the hash key H of its slot; a ``Ghash`` to the
    user.

    A product is a sum of products of H and ``digit_bits`` bits, from the highest to the lowest: one a cycle.
    No timing depends on blocks or keys.

    Latency: ``latency`` cycles from a string's last block to ``o``.  Throughput: a block every ``interval``
    cycles while ``o`` is taken at once; a string takes a cycle more.

    Parameters
    ----------
    digit_bits : int
        1, 2, 4, 8 or 16.
    slots, max_blocks : int
        As of ``Ghash``.
    interleaved : bool
        Strings of two slots go on side by side, block by block in any order; there are no more slots then.

    Members
    -------
    Those of ``Ghash``; a key is in use from the next cycle on.
    """

    def __init__(
        self, *, digit_bits: int, slots: int = 8, max_blocks: int = 258, interleaved: bool = False
    ) -> None:
        if digit_bits not in (1, 2, 4, 8, 16):
            raise ValueError(f"digit_bits must be 1, 2, 4, 8 or 16, not {digit_bits}")
        if slots < 2:
            raise ValueError(f"there must be at least 2 slots, not {slots}")
        if interleaved and slots != 2:
            raise ValueError(f"strings of 2 slots may be interleaved, not of {slots}")
        self.digit_bits = digit_bits
        self.interleaved = interleaved
        self.slots = slots
        self.max_blocks = max_blocks
        self.digits = BITS // digit_bits
        # While a block comes in, and while its key is read.
        self.interval = 1 + SlotMemory.latency + self.digits
        self.latency = self.interval
        super().__init__(
            {
                "keys": In(stream.Signature(hash_key_layout(slots))),
                "i": In(stream.Signature(hash_block_layout(slots=slots, max_blocks=max_blocks))),
                "o": Out(stream.Signature(BITS)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        # At few bits a cycle a memory may answer late: a register behind it is a sixth of a small hash.
        m.submodules.keys = keys = SlotMemory(
            width=BITS, depth=self.slots, block_ram=True, registered=self.digit_bits > 2
        )
        control = Module()  # everything that a wipe resets
        m.submodules.control = ResetInserter(self.wipe)(control)
        m.d.comb += [
            self.keys.ready.eq(~self.wipe),
            keys.write.eq(self.keys.valid & ~self.wipe),
            keys.write_address.eq(self.keys.p.slot),
            keys.write_data.eq(Mux(self.wipe, 0, polynomial(self.keys.p.key))),
            keys.wipe.eq(self.wipe),
        ]

        factor = Signal(BITS)  # the digits that are left, the highest powers at the bottom
        product = Signal(BITS)
        slot = Signal(range(self.slots))
        lefts = [Signal(range(self.max_blocks), name=f"left_{n}") for n in range(1 + self.interleaved)]
        within = Signal()  # a string
        waiting = Signal(range(SlotMemory.latency + 1))
        count = Signal(range(self.digits + 1))  # of digits that are left
        offered = Signal()
        # The sum of a string that goes on; that of the slot which had its turn before this one.
        sum_before, left = product, lefts[0]
        if self.interleaved:
            other = Signal(BITS)
            changes = self.i.p.slot != slot
            sum_before = Mux(changes, other, product)
            left = Array(lefts)[self.i.p.slot]
        following = Mux(self.i.p.first, self.i.p.following, left)
        digit = factor[: self.digit_bits]
        longer = Signal(BITS + self.digit_bits)
        m.d.comb += [
            longer.eq(product ^ carryless(digit, keys.data).shift_left(1)),
            self.i.ready.eq((count == 0) & ~offered & ~self.wipe),
            self.o.valid.eq(offered & ~self.wipe),
            self.o.payload.eq(polynomial(product)),
            keys.address.eq(slot),
        ]
        with control.If(self.i.valid & self.i.ready):
            control.d.sync += [
                factor.eq(polynomial(self.i.p.block) ^ Mux(self.i.p.first, 0, sum_before)),
                product.eq(0),
                left.eq(following - 1),
                within.eq(following != 0),
                count.eq(self.digits),
                waiting.eq(SlotMemory.latency),
            ]
            if self.interleaved:
                control.d.sync += slot.eq(self.i.p.slot)
                with control.If(changes):
                    control.d.sync += other.eq(product)
            else:
                with control.If(self.i.p.first):
                    control.d.sync += slot.eq(self.i.p.slot)
        with control.Elif(waiting != 0):
            control.d.sync += waiting.eq(waiting - 1)
        with control.Elif(count != 0):
            control.d.sync += [
                factor.eq(factor.shift_right(self.digit_bits)),
                product.eq(reduced(longer)),
                count.eq(count - 1),
                offered.eq((count == 1) & ~within),
            ]
        with control.Elif(self.o.ready):
            control.d.sync += offered.eq(0)
        m.d.comb += self.wiped.eq(keys.wiped)
        return m
