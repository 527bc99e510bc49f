"""Egress: records and exports byte for byte, latency, throughput, cut epochs."""

import pytest
from interlock_hdl.config import InterlockConfig
from interlock_hdl.egress import Egress
from lib.run import run


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_egress(beat_bytes):
    config = InterlockConfig(beat_bytes=beat_bytes, links=2, message_bytes=8192)
    sample_latency = 4
    egress = Egress(config=config, sample_latency=sample_latency)
    run(
        egress,
        "egress_tests",
        timeout_seconds=60,
        parameters={
            "beat_bytes": beat_bytes,
            "links": config.links,
            "message_bytes": config.message_bytes,
            "entries": config.log_entries,
            "sample_latency": sample_latency,
            "latency": egress.latency,
            "gap": egress.gap,
        },
    )
