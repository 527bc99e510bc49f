"""PacketBuffer: commit, discard, flush and wipe against a naive queue; exact latency and throughput."""

import pytest
from interlock_hdl.beat import Beat
from interlock_hdl.packet_buffer import PacketBuffer
from lib.run import run


@pytest.mark.parametrize("depth", [4, 5, 16], ids=lambda depth: f"depth{depth}")
@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_packet_buffer(beat_bytes, depth):
    buffer = PacketBuffer(shape=Beat(beat_bytes), depth=depth)
    parameters = {
        "beat_bytes": beat_bytes,
        "depth": depth,
        "latency": buffer.latency,
        "registers": buffer.registers,
    }
    run(buffer, "packet_buffer_tests", parameters=parameters, public=True)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="depth"):
        PacketBuffer(shape=Beat(16), depth=3)
    with pytest.raises(ValueError, match="beat_bytes"):
        PacketBuffer(shape=Beat(8), depth=16)
