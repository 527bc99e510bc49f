"""The digest of bulk bytes (D8): a Merkle tree over leaves of 1024 bytes, hashed on several lanes at once."""

from amaranth.hdl import Array, Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import Beat, beat_stream
from interlock_hdl.crypto.sha256 import DIGEST_BITS, WORD_BITS
from interlock_hdl.leaf_lane import LEAF_BYTES, LeafLane, Root
from interlock_hdl.node_stack import NodeStack
from interlock_hdl.register_queue import RegisterQueue

LENGTH_BITS = 64
MAX_LANES = 16
_OFFSET_BITS = LEAF_BYTES.bit_length() - 1
_ALONE = 6
"""Lanes that one stack of nodes keeps up with.  More lanes get two that join four leaves each, in turn."""
_GROUP_HEIGHT = 2

Digest = data.StructLayout({"digest": DIGEST_BITS, "length": LENGTH_BITS})
"""What a message is known by.

``digest``: the tree's hash; its first byte is the most significant one.  ``length``: bytes of the message.
"""


class TreeDigest(wiring.Component):
    """Digests messages: RFC 9162, 2.1.1, with SHA-256 over leaves of 1024 bytes.

    Leaves go to the lanes in turn, one after the other; the last one of a message may be short, and nothing
    hashes to SHA-256 of nothing.  Hashes of leaves are taken from the lanes in the same order and joined
    behind them, so messages may follow one another without a gap.  Time depends on lengths alone.

    Latency: ``latency(length)`` cycles from the last beat to ``digest`` for a message of one leaf, with
    nothing before it.  Throughput: a beat a cycle until the lanes' places for two leaves each are taken, then
    a leaf every ``LeafLane.interval / lanes`` cycles.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.
    lanes : int
        Cores that hash leaves, 1 … 16.  One more joins them; with more than 6 lanes, three.
    max_bytes : int
        The longest message; a longer one gets a wrong digest.  Decides how many roots of subtrees can be
        pending.

    Members
    -------
    i : In(beat stream)
        The bytes to digest; ``first`` and ``last`` are the ends of a message.  An empty message is a lone
        beat with both, and no ``keep``.  Ready depends on registers and ``wipe`` only.
    digest : Out(stream of Digest)
        One for each message, in order.
    wipe : In(1)
        Holds the block in reset and overwrites its memories with zeros.
    wiped : Out(1)
        That is complete.  Falls after ``wipe`` does.
    """

    @staticmethod
    def latency(length: int) -> int:
        """Cycles from the last beat of a message of one leaf to its digest."""
        return LeafLane.latency(length) + 10

    def __init__(self, *, beat_bytes: int, lanes: int, max_bytes: int = (1 << LENGTH_BITS) - 1) -> None:
        if not 1 <= lanes <= MAX_LANES:
            raise ValueError(f"lanes must be 1 to {MAX_LANES}, not {lanes}")
        if not 0 < max_bytes < 1 << LENGTH_BITS:
            raise ValueError(f"max_bytes must be 1 to 2**{LENGTH_BITS} - 1, not {max_bytes}")
        self.beat_bytes = beat_bytes
        self.lanes = lanes
        self.max_bytes = max_bytes
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "digest": Out(stream.Signature(Digest)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    @property
    def height(self) -> int:
        """Levels of nodes above the leaves, in the tree of the longest message."""
        return (-(-self.max_bytes // LEAF_BYTES) - 1).bit_length()

    def elaborate(self, platform) -> Module:
        m = Module()
        control = Module()  # everything that `wipe` resets
        m.submodules.control = ResetInserter(self.wipe)(control)
        with_memory: list[wiring.Component] = []

        lanes = [LeafLane(beat_bytes=self.beat_bytes) for _ in range(self.lanes)]
        for number, lane in enumerate(lanes):
            m.submodules[f"lane_{number}"] = lane
        with_memory += lanes

        # Leaves to lanes, in turn.  The queue keeps the ports' fan-out away from who sends.
        control.submodules.arriving = arriving = RegisterQueue(shape=Beat(self.beat_bytes), depth=2)
        m.d.comb += [
            arriving.i.valid.eq(self.i.valid & ~self.wipe),
            arriving.i.payload.eq(self.i.payload),
            self.i.ready.eq(arriving.i.ready & ~self.wipe),
        ]
        filling = _Turn(control, self.lanes, "filling")
        number = Signal(range(LEAF_BYTES // self.beat_bytes))
        for at, lane in enumerate(lanes):
            m.d.comb += [
                lane.i.valid.eq(arriving.o.valid & filling.is_at(at)),
                lane.i.payload.eq(arriving.o.payload),
            ]
        m.d.comb += arriving.o.ready.eq(filling.of(lane.i.ready for lane in lanes))
        with control.If(arriving.o.valid & arriving.o.ready):
            control.d.sync += number.eq(number + 1)
            with control.If(arriving.o.p.last | number.all()):
                control.d.sync += number.eq(0)
                filling.passes()

        # Their hashes, in the same order; the length of a message is known with its last one.
        leaves = _collect(m, control, lanes, "leaves")
        control.submodules.lengths = lengths = RegisterQueue(shape=LENGTH_BITS, depth=4)
        before = Signal(LENGTH_BITS - _OFFSET_BITS)
        size = leaves.turn.of(lane.size for lane in lanes)
        ends = leaves.valid & leaves.ready & leaves.payload.end
        m.d.comb += [
            lengths.i.valid.eq(ends & leaves.payload.last),
            lengths.i.payload.eq(Cat(size[:_OFFSET_BITS], before + size[_OFFSET_BITS])),
        ]
        with control.If(ends):
            control.d.sync += before.eq(Mux(leaves.payload.last, 0, before + 1))

        # Nodes.
        stack_height = self.height
        roots = leaves
        if self.lanes > _ALONE:
            stack_height -= _GROUP_HEIGHT
            groups = [NodeStack(height=_GROUP_HEIGHT) for _ in range(2)]
            with_memory += groups
            turn = _Turn(control, len(groups), "group")
            place = Signal(_GROUP_HEIGHT)
            for at, group in enumerate(groups):
                m.submodules[f"group_{at}"] = group
                m.d.comb += [
                    group.i.valid.eq(leaves.valid & lengths.i.ready & turn.is_at(at)),
                    group.i.payload.eq(leaves.payload),
                ]
            m.d.comb += leaves.ready.eq(turn.of(group.i.ready for group in groups) & lengths.i.ready)
            with control.If(ends):
                control.d.sync += place.eq(place + 1)
                with control.If(leaves.payload.last | place.all()):
                    control.d.sync += place.eq(0)
                    turn.passes()
            roots = _collect(m, control, groups, "groups")
        m.submodules.stack = stack = NodeStack(height=max(1, stack_height), unbounded=True)
        with_memory.append(stack)
        may_enter = 1 if roots is not leaves else lengths.i.ready
        m.d.comb += [
            stack.i.valid.eq(roots.valid & may_enter),
            stack.i.payload.eq(roots.payload),
            roots.ready.eq(stack.i.ready & may_enter),
        ]

        # The digest, put together from words.
        complete = Signal()
        digest = Signal(DIGEST_BITS)
        m.d.comb += [
            stack.o.ready.eq(~complete),
            self.digest.valid.eq(complete & ~self.wipe),
            self.digest.p.digest.eq(digest),
            self.digest.p.length.eq(lengths.o.payload),
            lengths.o.ready.eq(complete & self.digest.ready),
        ]
        with control.If(stack.o.valid & stack.o.ready):
            control.d.sync += [
                digest.eq(Cat(digest[WORD_BITS:], stack.o.p.word)),
                complete.eq(stack.o.p.end),
            ]
        with control.If(self.digest.valid & self.digest.ready):
            control.d.sync += complete.eq(0)

        m.d.comb += [block.wipe.eq(self.wipe) for block in with_memory]
        m.d.comb += self.wiped.eq(Cat(block.wiped for block in with_memory).all())
        return m


class _Turn:
    """Whose turn it is, of ``count``."""

    def __init__(self, control: Module, count: int, name: str) -> None:
        self._control = control
        self._count = count
        self._now = Signal(range(max(2, count)), name=name)

    def is_at(self, number: int):
        return self._now == number

    def of(self, values):
        """The value that belongs to who has the turn."""
        return Array(values)[self._now]

    def passes(self) -> None:
        """The next one has it, from the next cycle on."""
        at_end = self._now == self._count - 1
        self._control.d.sync += self._now.eq(Mux(at_end, 0, self._now + 1))


class _Collected:
    """Roots out of several blocks, in turn."""

    def __init__(self, turn: _Turn, name: str) -> None:
        self.turn = turn
        self.payload = Signal(Root, name=f"{name}_payload")
        self.valid = Signal(name=f"{name}_valid")
        self.ready = Signal(name=f"{name}_ready")


def _collect(m: Module, control: Module, blocks: list, name: str) -> _Collected:
    """One root of each block, from the first to the last and again."""
    result = _Collected(turn := _Turn(control, len(blocks), f"{name}_turn"), name)
    m.d.comb += [
        result.valid.eq(turn.of(block.o.valid for block in blocks)),
        result.payload.eq(turn.of(block.o.payload.as_value() for block in blocks)),
    ]
    for at, block in enumerate(blocks):
        m.d.comb += block.o.ready.eq(result.ready & turn.is_at(at))
    with control.If(result.valid & result.ready & result.payload.end):
        turn.passes()
    return result
