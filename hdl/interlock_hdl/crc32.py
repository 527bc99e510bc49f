"""CRC-32 of packets at one beat a cycle (IEEE 802.3, as ``zlib.crc32``): the tag of CLEAR records.

A CRC is linear, so a whole beat is absorbed by two fixed XOR matrices: one for the state, one for the data.
Only the state's matrix is in the feedback loop; the data's is pipelined before it.

A packet need not end with a full beat, but absorbing "some of the bytes" would put a choice of sixteen
matrices into that loop.  Instead zero bytes are absorbed like any others, and wound back after the end: a
zero byte's step is an invertible map of the state alone.
"""

from collections.abc import Iterable

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import BEAT_BYTES

CRC_BITS = 32
POLYNOMIAL = 0xEDB88320  # bit 31 is the coefficient of x**0, as the first bit on the wire is a byte's bit 0
INITIAL = 0xFFFFFFFF


def after_zeros(state: int, byte_count: int) -> int:
    """``state`` after that many zero bytes; a negative number winds it back."""
    for _ in range(8 * byte_count):
        state = (state >> 1) ^ (POLYNOMIAL if state & 1 else 0)
    for _ in range(-8 * byte_count):
        # The polynomial's top bit is set, so the state's top bit tells whether it was added.
        state = ((state ^ POLYNOMIAL) << 1) | 1 if state >> (CRC_BITS - 1) else state << 1
    return state


def linear(vector: Value, images: Iterable[int]) -> Value:
    """The linear map that takes bit ``k`` of ``vector`` to ``images[k]``."""
    images = list(images)
    masks = [sum((image >> bit & 1) << k for k, image in enumerate(images)) for bit in range(CRC_BITS)]
    return Cat((vector & Const(mask, len(vector))).xor() for mask in masks)


def skip_zeros(state: Value, byte_count: int) -> Value:
    """:func:`after_zeros` in hardware."""
    return linear(state, (after_zeros(1 << k, byte_count) for k in range(CRC_BITS)))


def absorb(data: Value) -> Value:
    """What ``data``, its byte 0 first, adds to the state."""
    byte_count = len(data) // 8
    return linear(data, (after_zeros(1 << k % 8, byte_count - k // 8) for k in range(len(data))))


class Crc32(wiring.Component):
    """Computes the CRC-32 of each packet that passes by.

    Latency: ``latency`` enabled cycles from a beat to ``crc``, which then covers the packet up to that
    beat, and holds until another beat arrives as late.  Throughput: one beat in each enabled cycle.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.

    Members
    -------
    en : In(1)
        The whole pipeline moves.
    valid : In(1)
        There is a beat.
    first : In(1)
        It is the first of a packet.
    data : In(8 * beat_bytes)
        Byte 0 in bits 7:0.  Bytes of padding must be zero.
    padding : In(range(beat_bytes))
        Bytes at the beat's end that are no part of the packet; 0 on every beat but the packet's last.
    crc : Out(32)
        As ``zlib.crc32``: on the wire it travels in network order.
    """

    latency = 3

    def __init__(self, *, beat_bytes: int) -> None:
        if beat_bytes not in BEAT_BYTES:
            raise ValueError(f"beat_bytes must be one of {BEAT_BYTES}, not {beat_bytes}")
        self.beat_bytes = beat_bytes
        super().__init__(
            {
                "en": In(1),
                "valid": In(1),
                "first": In(1),
                "data": In(8 * beat_bytes),
                "padding": In(range(beat_bytes)),
                "crc": Out(CRC_BITS),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()

        absorbed = Signal(CRC_BITS)
        valid = Signal()
        first = Signal()
        absorbed_padding = Signal.like(self.padding)
        state = Signal(CRC_BITS)
        state_padding = Signal.like(self.padding)
        changed = Signal()
        unwound = Signal(CRC_BITS)
        unwound_padding = Signal(2)

        # A stage without a beat holds still: idle, a CRC costs no energy, and no time in simulation.
        with m.If(self.en):
            # 1: the data's matrix.
            m.d.sync += valid.eq(self.valid)
            with m.If(self.valid):
                m.d.sync += [
                    absorbed.eq(absorb(self.data)),
                    first.eq(self.first),
                    absorbed_padding.eq(self.padding),
                ]
            # 2: the feedback loop.
            m.d.sync += changed.eq(valid)
            with m.If(valid):
                m.d.sync += [
                    state.eq(
                        Mux(first, after_zeros(INITIAL, self.beat_bytes), skip_zeros(state, self.beat_bytes))
                        ^ absorbed
                    ),
                    state_padding.eq(absorbed_padding),
                ]
            # 3: what is padded in multiples of four bytes is wound back.
            with m.If(changed):
                fours = Array(skip_zeros(state, -4 * count) for count in range(self.beat_bytes // 4))
                m.d.sync += [unwound.eq(fours[state_padding[2:]]), unwound_padding.eq(state_padding)]

        # The remaining up to three bytes; their matrices are sparse.
        ones = Array(skip_zeros(unwound, -count) for count in range(4))
        m.d.comb += self.crc.eq(~ones[unwound_padding])
        return m
