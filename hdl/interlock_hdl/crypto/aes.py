"""AES-256 encryption (FIPS 197), from one round in hardware to all fourteen."""

from itertools import pairwise
from math import gcd

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.aes_round import BLOCK_BITS, ROUNDS, AesRound, round_key_layout
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.result_queue import ResultQueue
from interlock_hdl.crypto.slot_memory import SlotMemory


def cipher_block_layout(*, slots: int, label_bits: int) -> data.StructLayout:
    """A block on its way through a cipher: under whose key, and whatever the user wants to know of it."""
    return data.StructLayout({"slot": range(slots), "label": label_bits, "block": BLOCK_BITS})


class Aes256(wiring.Component):
    """Encrypts blocks, each under the key of its slot, in order.

    ``14 / interval`` rounds stand one behind the other, in three stages each, and a block goes round
    ``interval`` times.  A block that went round once meets none that enters, since the length of the ring and
    ``interval`` have no common divisor: so one may enter every ``interval`` cycles, whatever the others do,
    and nothing needs to be decided.  Each round has the keys that it needs in a memory of its own, and slot
    and pass travel along with the block: blocks of different keys follow one another without a gap.

    The pipeline never stops; behind it is a queue, with a place for every block inside.  No timing depends on
    blocks or keys.  A slot's round keys may be written at any time but while blocks of that slot are inside:
    from the cycle in which one is taken at ``i`` to that in which it is offered at ``o``.

    Latency: ``latency`` cycles from ``i`` to ``o``; a round key is in use from two cycles after it was taken.
    Throughput: a block every ``interval`` cycles, sustained while ``o`` is taken at once.

    Parameters
    ----------
    interval : int
        1, 2, 7 or 14 cycles a block.
    slots : int
        How many keys are held at a time.
    label_bits : int
        Width of a label, which comes out as it went in.
    s_boxes : SBoxStyle

    Members
    -------
    keys : In(stream of ``round_key_layout``)
        Round keys, in any order; what ``KeyExpansion`` gives.  Ready at all times but in a wipe.
    i : In(stream of ``cipher_block_layout``)
        Byte 0 of a block is its bits 7:0.  Ready depends on registers only.
    o : Out(stream of ``cipher_block_layout``)
        The same, encrypted.
    wipe, wiped : In(1), Out(1)
        While ``wipe`` is high, nothing is offered, nothing is taken but a block in its first cycle, which is
        lost, and all keys and blocks are overwritten; ``wiped`` once that is complete.  ``wipe`` must be high
        until then.
    """

    latency = SlotMemory.latency + 1 + AesRound.latency * ROUNDS + ResultQueue.latency

    def __init__(
        self,
        *,
        interval: int,
        slots: int = 8,
        label_bits: int = 1,
        s_boxes: SBoxStyle = SBoxStyle.LOGIC,
    ) -> None:
        if interval < 1 or ROUNDS % interval:
            raise ValueError(f"interval must be 1, 2, 7 or 14 cycles, not {interval}")
        if slots < 2:
            raise ValueError(f"there must be at least 2 slots, not {slots}")
        self.interval = interval
        self.slots = slots
        self.label_bits = label_bits
        self.s_boxes = s_boxes
        self.rounds = ROUNDS // interval
        """Rounds in hardware."""
        assert gcd(AesRound.latency * self.rounds, interval) == 1
        layout = cipher_block_layout(slots=slots, label_bits=label_bits)
        super().__init__(
            {
                "keys": In(stream.Signature(round_key_layout(slots))),
                "i": In(stream.Signature(layout)),
                "o": Out(stream.Signature(layout)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        layout = self.i.p.shape()
        # A place is free again two cycles after its block was taken.
        depth = 1 << ((self.latency + 2) // self.interval).bit_length()
        m.submodules.queue = queue = ResultQueue(shape=layout, depth=depth)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        m.d.comb += queue.wipe.eq(self.wipe)

        rounds = [AesRound(s_boxes=self.s_boxes) for _ in range(self.rounds)]
        first_keys = SlotMemory(width=BLOCK_BITS, depth=self.slots)
        turn_bits = range(self.interval)
        Place = data.StructLayout({"slot": range(self.slots), "turn": turn_bits})
        keys = [SlotMemory(width=BLOCK_BITS, depth=1 << Place.size) for _ in rounds]
        for n, (each, memory) in enumerate(zip(rounds, keys, strict=True)):
            m.submodules[f"round_{n}"] = each
            m.submodules[f"keys_{n}"] = memory
        m.submodules.first_keys = first_keys
        self._store_keys(m, first_keys, keys)

        # Where a block enters: in the first phase of the interval it is taken, and while its key is read it
        # waits.
        Way = data.StructLayout(
            {"valid": 1, "turn": turn_bits, "slot": range(self.slots), "label": self.label_bits}
        )
        phase = Signal(range(self.interval))
        m.d.sync += phase.eq(Mux(phase == self.interval - 1, 0, phase + 1))
        m.d.comb += [
            self.i.ready.eq(queue.room & (phase == 0)),  # `wipe` comes from afar, and is waited for by `room`
            queue.reserve.eq(self.i.valid & self.i.ready),
            first_keys.address.eq(self.i.p.slot),
        ]
        waiting = [Signal(layout, name=f"waiting_{n}", reset_less=True) for n in range(SlotMemory.latency)]
        is_there = Signal(SlotMemory.latency)
        m.d.sync += [
            *(after.eq(before) for before, after in pairwise([self.i.p, *waiting])),
            is_there.eq(Cat(queue.reserve, is_there)),
        ]
        arrived = waiting[-1]
        enters = phase == SlotMemory.latency % self.interval

        # Round after round.  `ways[n]` is that of the block in stage n of the ring.
        stages = AesRound.latency * self.rounds
        ways = [Signal(Way, name=f"way_{n}") for n in range(stages)]
        states = [Signal(BLOCK_BITS, name=f"state_{n}", reset_less=True) for n in range(self.rounds)]
        m.d.sync += [after.eq(before) for before, after in pairwise(ways)]
        for n, each in enumerate(rounds):
            way = ways[AesRound.latency * n]
            m.d.comb += [
                each.state.eq(states[n]),
                Value.cast(keys[n].address).eq(Cat(way.slot, way.turn)),
                each.key.eq(keys[n].data),
            ]
        m.d.sync += [after.eq(each.o) for each, after in zip(rounds, states[1:], strict=False)]
        with m.If(enters):
            m.d.sync += [
                states[0].eq(arrived.block ^ first_keys.data),
                ways[0].valid.eq(is_there[-1]),
                ways[0].turn.eq(0),
                ways[0].slot.eq(arrived.slot),
                ways[0].label.eq(arrived.label),
            ]
        with m.Else():
            m.d.sync += [
                states[0].eq(rounds[-1].o),
                ways[0].eq(ways[-1]),
                ways[0].turn.eq(ways[-1].turn + 1),
            ]

        # Where it leaves.
        m.d.sync += [
            queue.push.eq(ways[-1].valid & (ways[-1].turn == self.interval - 1)),
            queue.payload.slot.eq(ways[-1].slot),
            queue.payload.label.eq(ways[-1].label),
            queue.payload.block.eq(rounds[-1].last),
        ]

        # In a wipe nothing enters, and nothing goes on round the ring; what follows is as after a reset.
        with m.If(self.wipe):
            m.d.sync += [phase.eq(0), ways[0].eq(0), states[0].eq(0)]
        memories = [first_keys, *keys]
        clearing = Signal()  # a cycle late, when the key that is stored in all of them is zero
        m.d.sync += clearing.eq(self.wipe)
        m.d.comb += [memory.wipe.eq(clearing) for memory in memories]
        flushing = Signal(range(self.latency))
        flushed = flushing == self.latency - 1
        with m.If(~(Cat(memory.wiped for memory in memories).all() & self.wipe)):
            m.d.sync += flushing.eq(0)
        with m.Elif(~flushed):
            m.d.sync += flushing.eq(flushing + 1)
        m.d.comb += self.wiped.eq(flushed & queue.wiped)
        return m

    def _store_keys(self, m: Module, first_keys: SlotMemory, keys: list[SlotMemory]) -> None:
        """Each round key goes to the round that adds it: the rounds in hardware take them in turn."""
        coming = Signal(self.keys.p.shape(), reset_less=True)
        is_coming = Signal()
        m.d.comb += self.keys.ready.eq(~self.wipe)
        m.d.sync += is_coming.eq(self.keys.valid & self.keys.ready)
        # From here it goes to memories all over the part, which takes the whole cycle.
        with m.If(self.wipe):
            m.d.sync += coming.eq(0)
        with m.Else():
            m.d.sync += coming.eq(self.keys.p)
        m.d.comb += first_keys.write.eq(is_coming & (coming.number == 0))
        for n, memory in enumerate(keys):
            turns = [coming.number == 1 + n + turn * self.rounds for turn in range(self.interval)]
            m.d.comb += memory.write.eq(is_coming & Cat(turns).any())
            turn = Signal(range(self.interval), name=f"turn_{n}")
            for value, here in enumerate(turns):
                with m.If(here):
                    m.d.comb += turn.eq(value)
            m.d.comb += Value.cast(memory.write_address).eq(Cat(coming.slot, turn))
        m.d.comb += first_keys.write_address.eq(coming.slot)
        m.d.comb += [memory.write_data.eq(coming.key) for memory in (first_keys, *keys)]
