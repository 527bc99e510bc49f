"""SHA-256's compression function (FIPS 180-4), one round a cycle, shaped for FPGAs with four-input LUTs.

The textbook's round adds seven numbers in one cycle.  Here no cycle does more than one carry chain with two
levels of LUTs before it, because the work on a round is spread over the cycles around it:

- *h + K + W* and *d* are added up two cycles ahead (``keyed``, ``ready_made``, ``with_d``): h is e of three
  rounds ago and d is a of three rounds ago, so both are known early.
- For the same reason a may come late: it is needed, as d, only three rounds on.  The chain of a runs two
  cycles behind that of e, and takes its T1 from there, as e - d.  There is no register for d, and none for h.
- The message schedule adds its four terms in three successive cycles.

Every a that is computed is one of the last four exactly if the next ones would be b, c and d of the result,
and so with e.  The eight chaining values therefore need two adders, not eight: they go round in two rings of
four words, and meet the last four values of e, and of a, as these come.  The same rings then feed the
chains for the next block, through registers that are in the chains anyway.
"""

from itertools import pairwise

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

WORD_BITS = 32
DIGEST_BITS = 256
BLOCK_WORDS = 16


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _root_fraction(number: int, power: int) -> int:
    """The first 32 bits of the fraction of a root, exactly."""
    scaled = number << (WORD_BITS * power)
    low, high = 0, 1 << (WORD_BITS + 16)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**power <= scaled else (low, middle)
    return low & 0xFFFFFFFF


ROUND_CONSTANTS = tuple(_root_fraction(prime, 3) for prime in _primes(64))
"""K of 4.2.2: of the cube roots of the first 64 primes."""

INITIAL = int.from_bytes(b"".join(_root_fraction(prime, 2).to_bytes(4) for prime in _primes(8)))
"""H(0) of 5.3.3: of the square roots of the first 8 primes; the first word is the most significant."""


def _sum(value: Value, *rotations: int) -> Value:
    """The exclusive or of ``value`` rotated right by each of three numbers (4.1.2)."""
    first, second, third = (value.rotate_right(by) for by in rotations)
    return first ^ second ^ third


def _small_sum(value: Value, first: int, second: int, shift: int) -> Value:
    return value.rotate_right(first) ^ value.rotate_right(second) ^ (value >> shift)


def _add(first: Value, second: Value, third: Value) -> Value:
    """Three numbers with one carry chain."""
    carries = (first & second) | (first & third) | (second & third)
    return ((first ^ second ^ third) + (carries << 1))[:WORD_BITS]


class Sha256(wiring.Component):
    """Compresses blocks of 512 bits, one after the other, into a chaining value that it keeps.

    A block begins where ``start`` is taken.  Its 16 words are then taken from ``word`` in 16 successive
    cycles, ``word_delay`` … ``word_delay + 15`` cycles later: the core never waits for a word.  A block that
    is not ``first`` goes on from the chaining value of the block before it; one that is goes on from
    ``chain``, so that a hash can be continued from a value that was computed at any time.

    Padding is up to the user.  Being made of registers only, the core is wiped by its reset.  Its timing
    does not depend on data.

    Latency: ``latency`` cycles from ``start`` to ``done``.  Throughput: a block every ``interval`` cycles,
    whether or not it begins a message.

    Members
    -------
    start : In(stream of {"first": 1, "last": 1})
        Begins a block.  ``first``: with ``chain``.  ``last``: the result is wanted in ``digest``.  Ready
        depends on registers only.
    chain : In(256)
        Chaining value before a ``first`` block, its first word the most significant one.  It must hold for
        six cycles after ``start``.  H(0) unless it is driven.
    word : In(32)
        The words of the block, as numbers.
    digest : Out(256)
        The chaining value after the latest ``last`` block, from ``done`` until ``interval`` cycles after the
        start of the next one that is ``last``.
    done : Out(1)
        ``digest`` is new.
    shift : In(1)
        Moves ``digest`` by one word to the right, so that it can be read word by word at its low end.
        Must be low between ``interval`` cycles after a ``last`` start and its ``done``.
    """

    interval = 68
    latency = 75
    word_delay = 3

    def __init__(self) -> None:
        super().__init__(
            {
                "start": In(stream.Signature(data.StructLayout({"first": 1, "last": 1}))),
                "chain": In(DIGEST_BITS, init=INITIAL),
                "word": In(WORD_BITS),
                "digest": Out(DIGEST_BITS),
                "done": Out(1),
                "shift": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()

        # Time.  `head[n]`: a block was started n cycles ago.  `tail[n]`: the one after it might have been.
        cycle = Signal(range(self.latency))
        active = Signal()
        begin = self.start.valid & self.start.ready
        finish = cycle == self.interval
        head = _delayed(m, begin, 10, "head")
        tail = _delayed(m, finish, 7, "tail")
        m.d.comb += self.start.ready.eq((cycle == 0) | finish | (cycle >= self.interval + 4))
        with m.If(begin):
            m.d.sync += [cycle.eq(1), active.eq(1)]
        with m.Elif(cycle == self.latency - 1):
            m.d.sync += [cycle.eq(0), active.eq(0)]
        with m.Elif(active):
            m.d.sync += cycle.eq(cycle + 1)

        def window(taps: list[Signal | Value], first: int, name: str) -> Signal:
            """High in the four cycles from ``first`` on."""
            signal = Signal(name=name)
            m.d.sync += signal.eq(taps[first - 1] | taps[first] | taps[first + 1] | taps[first + 2])
            return signal

        is_first = Signal()
        is_last = Signal()
        wanted = Signal()
        with m.If(finish):
            m.d.sync += wanted.eq(is_last)
        with m.If(begin):
            m.d.sync += [is_first.eq(self.start.p.first), is_last.eq(self.start.p.last)]
        m.d.comb += self.done.eq(tail[7] & wanted)

        # The message schedule.  `words[n]` is W of n rounds ago.
        words = [Signal(WORD_BITS, name=f"word_{n}") for n in range(14)]
        oldest = Signal(WORD_BITS)
        rest = Signal(WORD_BITS)
        taking = Signal()  # `word` is one of the block
        taken = Signal()  # `rest` is one
        word_count = Signal(range(BLOCK_WORDS))
        m.d.sync += [taking.eq(head[2] | (taking & (word_count != BLOCK_WORDS - 1))), taken.eq(taking)]
        with m.If(taking):
            m.d.sync += word_count.eq(word_count + 1)
        recent = Mux(taken, 0, _small_sum(words[1], 17, 19, 10))
        with m.If(active):
            m.d.sync += [
                oldest.eq(_small_sum(words[12], 7, 18, 3) + words[13]),
                rest.eq(Mux(taking, self.word, (oldest + words[5])[:WORD_BITS])),
                words[0].eq(recent + rest),
                *(after.eq(before) for before, after in pairwise(words)),
            ]

        # K, in logic.
        number = Signal(range(len(ROUND_CONSTANTS)))
        constant = Signal(WORD_BITS)
        with m.If(active):
            m.d.sync += [
                number.eq(Mux(head[3], 0, number + 1)),
                constant.eq(Array(Const(value, WORD_BITS) for value in ROUND_CONSTANTS)[number]),
            ]

        # The chain of e.  What the rings feed goes through `with_d`, alone.
        e, f, g = (Signal(WORD_BITS, name=name) for name in "efg")
        keyed = Signal(WORD_BITS)
        ready_made = Signal(WORD_BITS)
        with_d = Signal(WORD_BITS)
        a, b, c = (Signal(WORD_BITS, name=name) for name in "abc")
        t1 = Signal(WORD_BITS)
        low = [Signal(WORD_BITS, name=f"low_{n}") for n in range(4)]  # h, g, f, e when at rest
        high = [Signal(WORD_BITS, name=f"high_{n}") for n in range(4)]  # d, c, b, a
        low_feeds, low_fed = window(head, 3, "low_feeds"), window(head, 4, "low_fed")
        high_feeds, high_fed = window(head, 5, "high_feeds"), window(head, 6, "high_fed")
        choice = Mux(low_fed, 0, (e & f) | (~e & g))
        with m.If(active):
            m.d.sync += [
                keyed.eq(constant + words[0]),
                ready_made.eq(keyed + f),
                with_d.eq(Mux(low_feeds, low[2], (ready_made + a)[:WORD_BITS])),
                e.eq(_add(with_d, Mux(low_fed, 0, _sum(e, 6, 11, 25)), choice)),
                f.eq(e),
                g.eq(f),
            ]

        # The chain of a, two rounds behind; fed through `t1`.
        majority = Mux(high_fed, 0, (a & b) | (a & c) | (b & c))
        with m.If(active):
            m.d.sync += [
                t1.eq(Mux(high_feeds, high[2], (e - c)[:WORD_BITS])),
                a.eq(_add(t1, Mux(high_fed, 0, _sum(a, 2, 13, 22)), majority)),
                b.eq(a),
                c.eq(b),
            ]

        # The rings: one turn to take in new values (or `chain`), one to feed the chains.
        for ring, value, start, chain, name in (
            (low, e, 1, self.chain[: DIGEST_BITS // 2], "low"),
            (high, a, 3, self.chain[DIGEST_BITS // 2 :], "high"),
        ):
            first_turn, second_turn = (window(head, at, f"{name}_turn_{at}") for at in (start, start + 4))
            adding = window(tail, start, f"{name}_adding")
            place = Signal(2, name=f"{name}_place")
            total = Signal(WORD_BITS, name=f"{name}_total")
            m.d.comb += total.eq(ring[0] + Mux(adding, value, 0))
            with m.If(first_turn):
                m.d.sync += place.eq(place + 1)
            with m.If(first_turn | second_turn | adding):
                m.d.sync += [after.eq(before) for after, before in pairwise(ring)]
                m.d.sync += ring[-1].eq(
                    Mux(first_turn & is_first, chain.word_select(place, WORD_BITS), total)
                )
            half = self.digest[:128] if name == "low" else self.digest[128:]
            captured = adding & wanted
            incoming = Mux(captured, total, self.digest[128:160]) if name == "low" else total
            with m.If(captured | self.shift):
                m.d.sync += half.eq(Value.cast(half >> WORD_BITS) | (incoming << 96))
        return m


def _delayed(m: Module, signal: Value, cycles: int, name: str) -> list[Value]:
    """``signal``, and it one cycle later, two, …"""
    result = [signal]
    for n in range(cycles):
        result.append(Signal(name=f"{name}_{n + 1}"))
        m.d.sync += result[-1].eq(result[-2])
    return result
