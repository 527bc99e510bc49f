"""SipHash-1-3 with 128 bits of output, of one key a cycle."""

from itertools import count

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

WORD = 64
HALF_ROUNDS = 2
DIGEST_ROUNDS = 3  # the d of SipHash-c-d; c is 1
INITIAL = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)

Digest = data.StructLayout({"low": WORD, "high": WORD})
"""The two words that SipHash-128 gives, in this order."""


class SipHash(wiring.Component):
    """A keyed hash of 32 bytes and a kind: SipHash-1-3-128 of these 33 bytes, the kind being the last.

    A pseudorandom function: who does not know the key cannot choose inputs whose hashes have anything to do
    with each other (Aumasson, Bernstein: *SipHash: a fast short-input PRF*, 2012; the variant with 128 bits
    is that of their reference implementation).  Half a round is a stage, so that no path has more than one
    64-bit adder.

    Nothing here is protected against flips, nor need it be: see :class:`HashIndex`.

    **Latency**: ``latency`` cycles.  **Throughput**: one a cycle, without any handshake.

    Members
    -------
    key : In(128)
        Its byte 0 is bits 7:0.  Constant while anything is on its way.
    message : In(256)
        32 bytes as a big-endian integer.
    kind : In(1)
    digest : Out(Digest)
    """

    key: In(128)
    message: In(256)
    kind: In(1)
    digest: Out(Digest)

    words = 5  # 4 of the message, and the one with kind and length
    latency = 2 + HALF_ROUNDS * (words + 2 * DIGEST_ROUNDS)

    def elaborate(self, platform) -> Module:
        m = Module()
        self._numbers = count()
        octets = [self.message[8 * i : 8 * i + 8] for i in reversed(range(32))]
        words = [Cat(octets[8 * i : 8 * i + 8]) for i in range(4)]
        words.append(Cat(self.kind, Const(33 << 56, 64)[1:]))

        key = (self.key[:64], self.key[64:])
        v0, v1, v2, v3 = (key[i % 2] ^ constant for i, constant in enumerate(INITIAL))
        v1 = v1 ^ 0xEE
        v3, *words = self._stage(m, v3 ^ words[0], *words)
        for _ in range(self.words):
            v0, v1, v2, v3, *words = self._round(m, v0, v1, v2, v3, *words)
            v0 = v0 ^ words.pop(0)
            v3 = v3 ^ words[0] if words else v3

        v2 = v2 ^ 0xEE
        for _ in range(DIGEST_ROUNDS):
            v0, v1, v2, v3 = self._round(m, v0, v1, v2, v3)
        (low,) = self._stage(m, v0 ^ v1 ^ v2 ^ v3)
        v1 = v1 ^ 0xDD
        for _ in range(DIGEST_ROUNDS):
            v0, v1, v2, v3, low = self._round(m, v0, v1, v2, v3, low)
        (high,) = self._stage(m, v0 ^ v1 ^ v2 ^ v3)
        m.d.comb += [self.digest.low.eq(low), self.digest.high.eq(high)]
        return m

    def _round(self, m: Module, *values: Value) -> list[Value]:
        """SipRound, in two stages; whatever comes after the four words of state waits beside it."""
        v0, v1, v2, v3, *others = values
        v0, v2 = (v0 + v1)[:WORD], (v2 + v3)[:WORD]
        v1, v3 = v1.rotate_left(13) ^ v0, v3.rotate_left(16) ^ v2
        v0, v1, v2, v3, *others = self._stage(m, v0.rotate_left(32), v1, v2, v3, *others)
        v0, v2 = (v0 + v3)[:WORD], (v2 + v1)[:WORD]
        v3, v1 = v3.rotate_left(21) ^ v0, v1.rotate_left(17) ^ v2
        return self._stage(m, v0, v1, v2.rotate_left(32), v3, *others)

    def _stage(self, m: Module, *values: Value) -> list[Value]:
        """A register for each value, of a name of its own: fault injection asks for it."""
        registers: list[Value] = [
            Signal(WORD, name=f"word_{next(self._numbers)}", reset_less=True) for _ in values
        ]
        m.d.sync += [register.eq(value) for register, value in zip(registers, values, strict=True)]
        return registers
