"""GHASH (NIST SP 800-38D, 6.4), as fast as the cipher beside it."""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from interlock_hdl.crypto.field_multiplier import FieldMultiplier
from interlock_hdl.crypto.gf128 import BITS, polynomial
from interlock_hdl.crypto.result_queue import ResultQueue
from interlock_hdl.crypto.slot_memory import SlotMemory


def hash_key_layout(slots: int) -> data.StructLayout:
    """A hash key, which is what the cipher makes of a block of zeros, and the slot that it is for."""
    return data.StructLayout({"slot": range(slots), "key": BITS})


def hash_block_layout(*, slots: int, max_blocks: int) -> data.StructLayout:
    """A block of a string that is hashed.

    With ``first``, ``following`` tells how many blocks there are behind it, and ``slot`` whose key it is;
    without, both do not matter.
    """
    return data.StructLayout(
        {"first": 1, "following": range(max_blocks), "slot": range(slots), "block": BITS}
    )


class Ghash(wiring.Component):
    """Hashes strings of blocks, one after the other, each with the hash key H of its slot.

    A product takes longer than a block, so a string is shared out among ``lanes``: every block but the last
    ones is multiplied by H^lanes, and added to the block that comes ``lanes`` later; the last ones by the
    power that they are from the end, and added up.  How far it is to the end is said at the beginning.  So
    blocks may come in every ``interval`` cycles, at any pace, and strings follow one another without a gap,
    whatever their slots.

    The powers of H are made when it is loaded, by the same multiplier: that takes ``load_latency`` cycles,
    and for ``lanes - 1`` of them ``interval`` cycles in which no block is taken.

    The pipeline never stops; behind it is a queue, with a place for every string that was begun.  No timing
    depends on blocks or keys.  Being kept in a memory, keys and sums are overwritten by ``wipe``.

    Latency: ``latency`` cycles from a string's last block to ``o``.  Throughput: a block every ``interval``
    cycles while ``o`` is taken at once.

    Parameters
    ----------
    interval : int
        Cycles a block: multipliers of 16 bits are ``27 / interval``.  Above 2, ``SerialGhash`` is smaller and
        its clock faster.
    slots : int
        How many hash keys are held at a time.
    max_blocks : int
        Blocks of the longest string.

    Members
    -------
    keys : In(stream of ``hash_key_layout``)
        Is worked on where it is offered, and taken once it is in use: ``load_latency`` cycles later, and up
        to ``(lanes - 1) * (interval - 1)`` more where blocks come.  Meanwhile no string of its slot may be
        inside.
    i : In(stream of ``hash_block_layout``)
        Ready depends on registers and ``wipe`` only.
    o : Out(stream of 128 bits)
        The hash of each string, in order.
    wipe, wiped : In(1), Out(1)
        While ``wipe`` is high, nothing is taken nor offered, and everything is overwritten; ``wiped`` once
        that is complete.  ``wipe`` must be high until then.
    """

    def __init__(self, *, interval: int, slots: int = 8, max_blocks: int = 258) -> None:
        if slots < 2:
            raise ValueError(f"there must be at least 2 slots, not {slots}")
        self.interval = interval
        self.slots = slots
        self.max_blocks = max_blocks
        self.multiplier = FieldMultiplier(interval=interval)
        self.loop = 3 + self.multiplier.latency
        """After how many cycles a block finds the product of another one."""
        self.lanes = 2
        while self.lanes * interval < self.loop:
            self.lanes *= 2
        self.latency = 2 + self.loop + ResultQueue.latency
        self.load_latency = (self.lanes - 1) * (2 + self.loop) + 1
        if max_blocks <= self.lanes:
            raise ValueError(f"strings of more than {self.lanes} blocks are possible, so not {max_blocks}")
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
        control = Module()  # everything that a wipe resets
        m.submodules.control = ResetInserter(self.wipe)(control)
        m.submodules.multiplier = multiplier = self.multiplier
        m.submodules.powers = powers = SlotMemory(width=BITS, depth=self.lanes << bits_for(self.slots - 1))
        m.submodules.sums = sums = SlotMemory(width=BITS, depth=self.lanes)
        # A string has two blocks or more wherever it matters that the queue is never what limits the rate.
        m.submodules.queue = queue = ResultQueue(shape=BITS, depth=16)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        Way = data.StructLayout(
            {
                "valid": 1,
                "load": 1,  # it is a power of the key, and to become the next one
                "slot": range(self.slots),
                "lane": range(self.lanes),
                "power": range(self.lanes),  # less one
                "fresh": 1,  # no block of its lane came before
                "adds": 1,  # to the hash
                "opens": 1,  # the first that does
                "closes": 1,  # the last one
            }
        )
        arriving = Signal(Way)

        # A block: how far it is to the end, and whether its lane is new.
        within = Signal()  # a string
        left = Signal(range(self.max_blocks))
        unused = Signal(range(self.lanes))  # lanes, behind the blocks before
        following = Signal.like(left)
        is_fresh = Signal()
        spacing = Signal(range(self.interval))  # cycles until the next one
        inserting = Signal()  # the next one is a power
        free = spacing == 0
        taken = self.i.valid & self.i.ready
        m.d.comb += [
            self.i.ready.eq(free & ~inserting & (within | queue.room) & ~self.wipe),
            queue.reserve.eq(taken & ~within),
            following.eq(Mux(self.i.p.first, self.i.p.following, left)),
            is_fresh.eq(self.i.p.first | (unused != 0)),
        ]
        with control.If(taken):
            control.d.sync += [
                left.eq(following - 1),
                within.eq(following != 0),
                unused.eq(Mux(self.i.p.first, self.lanes - 1, unused - (unused != 0))),
            ]
        with control.If(arriving.valid):
            control.d.sync += spacing.eq(self.interval - 1)
        with control.Elif(~free):
            control.d.sync += spacing.eq(spacing - 1)

        # A key: each power is made of the one before, in the place of a block.
        started, done = Signal(), Signal()
        number = Signal(range(self.lanes))  # of the power that is made
        power = Signal(BITS)
        key = polynomial(self.keys.p.key)
        product_way = Signal(Way)
        made = product_way.valid & product_way.load & ~self.wipe
        is_last = number == self.lanes - 1
        begins = self.keys.valid & ~started & ~self.wipe
        m.d.comb += [
            self.keys.ready.eq(done & ~self.wipe),
            powers.write.eq(begins | made),
            Value.cast(powers.write_address).eq(Cat(Mux(begins, 0, number), self.keys.p.slot)),
            powers.write_data.eq(Mux(self.wipe, 0, Mux(begins, key, multiplier.o))),
        ]
        with control.If(begins):
            control.d.sync += [power.eq(key), number.eq(1), started.eq(1), inserting.eq(1)]
        with control.Elif(made):
            control.d.sync += [
                power.eq(multiplier.o),
                number.eq(number + 1),
                inserting.eq(~is_last),
                done.eq(is_last),
            ]
        with control.Elif(inserting & free):
            control.d.sync += inserting.eq(0)
        with control.Elif(done):
            control.d.sync += [started.eq(0), done.eq(0), power.eq(0)]

        with m.If(inserting):
            m.d.comb += [arriving.valid.eq(free), arriving.load.eq(1), arriving.fresh.eq(1)]
            m.d.comb += arriving.slot.eq(self.keys.p.slot)
        with m.Else():
            is_near = following < self.lanes
            slot = Signal(range(self.slots))
            with m.If(taken & self.i.p.first):
                m.d.sync += slot.eq(self.i.p.slot)
            m.d.comb += [
                arriving.valid.eq(taken),
                arriving.slot.eq(Mux(self.i.p.first, self.i.p.slot, slot)),
                arriving.lane.eq(following),
                arriving.power.eq(Mux(is_near, following, self.lanes - 1)),
                arriving.fresh.eq(is_fresh),
                arriving.adds.eq(is_near),
                arriving.opens.eq(is_near & (self.i.p.first | (following == self.lanes - 1))),
                arriving.closes.eq(following == 0),
            ]

        # The way of both: to the lane's sum, to the power, through the multiplier.
        ways = [Signal(Way, name=f"way_{n}") for n in range(4 + multiplier.latency)]
        m.d.sync += [after.eq(before) for before, after in pairwise([arriving, *ways])]
        blocks = [Signal(BITS, name=f"block_{n}", reset_less=True) for n in range(3)]
        factor = Signal(BITS, reset_less=True)
        m.d.sync += [
            blocks[0].eq(Mux(inserting, power, polynomial(self.i.p.block))),
            *(after.eq(before) for before, after in pairwise(blocks)),
            factor.eq(blocks[2] ^ Mux(ways[2].fresh, 0, sums.data)),
        ]
        m.d.comb += [
            sums.address.eq(ways[0].lane),
            Value.cast(powers.address).eq(Cat(ways[1].power, ways[1].slot)),
            multiplier.a.eq(factor),
            multiplier.b.eq(powers.data),
            product_way.eq(ways[-1]),
            sums.write.eq(product_way.valid & ~product_way.load),
            sums.write_address.eq(product_way.lane),
            sums.write_data.eq(Mux(self.wipe, 0, multiplier.o)),
        ]

        # The hash: the sum of a string's last products.
        total = Signal(BITS)
        total_next = Signal(BITS)
        m.d.comb += total_next.eq(multiplier.o ^ Mux(product_way.opens, 0, total))
        with control.If(product_way.valid & product_way.adds):
            control.d.sync += total.eq(total_next)
        m.d.sync += [
            queue.push.eq(product_way.valid & product_way.closes & ~self.wipe),
            queue.payload.eq(polynomial(total_next)),
        ]

        # In a wipe nothing enters; once all keys and sums are zero, so is every product.
        memories = [powers, sums]
        m.d.comb += [memory.wipe.eq(self.wipe) for memory in [*memories, queue]]
        flushing = Signal(range(self.latency))
        flushed = flushing == self.latency - 1
        # What the multiplier holds goes by way of one more product.
        m.d.comb += multiplier.start.eq(ways[3].valid | (flushing == 1))
        with m.If(~(powers.wiped & sums.wiped & self.wipe)):
            m.d.sync += flushing.eq(0)
        with m.Elif(~flushed):
            m.d.sync += flushing.eq(flushing + 1)
        m.d.comb += self.wiped.eq(flushed & queue.wiped)
        return m
