"""Crc32: against zlib, for packets of every length, at every pace."""

import zlib
from random import Random

import pytest
from interlock_hdl.crc32 import INITIAL, POLYNOMIAL, Crc32, after_zeros
from lib.parameters import seed
from lib.run import run


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_crc32(beat_bytes):
    crc = Crc32(beat_bytes=beat_bytes)
    run(crc, "crc32_tests", parameters={"beat_bytes": beat_bytes, "latency": crc.latency})


def test_zeros_are_wound_back():
    random = Random(seed())
    for count in range(20):
        state = random.getrandbits(32)
        assert after_zeros(after_zeros(state, count), -count) == state
        assert after_zeros(INITIAL, count) ^ 0xFFFFFFFF == zlib.crc32(bytes(count))
    assert int(f"{0x04C11DB7:032b}"[::-1], 2) == POLYNOMIAL, "IEEE 802.3, 3.2.9"


def test_only_widths_of_beats_are_built():
    with pytest.raises(ValueError, match="beat_bytes"):
        Crc32(beat_bytes=8)
