"""Runs in the simulator: one Crc32, beside ``zlib.crc32``."""

import zlib

import cocotb
from cocotb.triggers import RisingEdge
from lib.beats import beats_of
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS, pauses
from lib.streams import start


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(gaps=PATTERNS, stalls=PATTERNS)
async def agrees_with_zlib(dut, gaps, stalls):
    """After every beat, ``latency`` enabled cycles later; with gaps in the packets and stalls of ``en``."""
    random = generator()
    beat_bytes, latency = parameters()["beat_bytes"], parameters()["latency"]
    gap, stall = pauses(gaps, random), pauses(stalls, random)
    await start(dut)

    packets = [random.randbytes(length) for length in (*range(1, 2 * beat_bytes + 2), 500)]
    random.shuffle(packets)
    beats = [
        (beat, zlib.crc32(packet[: (number + 1) * beat_bytes]))
        for packet in packets
        for number, beat in enumerate(beats_of(packet, beat_bytes))
    ]
    expected = [None] * latency  # what `crc` must be in this and the coming enabled cycles
    while beats or len(expected) > 1:
        enabled = not next(stall)
        present = bool(beats) and not next(gap)
        dut.en.value = enabled
        dut.valid.value = present
        dut.first.value = random.getrandbits(1)
        dut.data.value = random.getrandbits(8 * beat_bytes)
        dut.padding.value = random.randrange(beat_bytes)
        if present:
            beat, crc = beats[0]
            dut.first.value = beat.first
            dut.data.value = int.from_bytes(beat.data, "little")
            dut.padding.value = beat_bytes - beat.keep.bit_count()
        await RisingEdge(dut.clk)
        if expected[0] is not None:
            assert int(dut.crc.value) == expected[0]
        if enabled:
            if present:
                del beats[0]
                expected.append(crc)
            elif beats:
                expected.append(expected[-1])
            del expected[0]
