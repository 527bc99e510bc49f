"""StreamCutter: legal cuts, each covered by its sample; overruns, broken streams, finishes; exact latency."""

import pytest
from interlock_hdl.stream_cutter import StreamCutter
from lib.run import run

SAMPLE_LATENCY = 6


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_stream_cutter(beat_bytes):
    depth = 16384 // beat_bytes
    parameters = {
        "beat_bytes": beat_bytes,
        "depth": depth,
        "sample_latency": SAMPLE_LATENCY,
        "latency": SAMPLE_LATENCY + StreamCutter.latency,
    }
    run(StreamCutter(beat_bytes=beat_bytes, depth=depth), "stream_cutter_tests", parameters=parameters)
