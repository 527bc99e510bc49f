"""Egress: messages, streams and exports byte for byte, latency, throughput, credit, epochs, wipes."""

import pytest
from interlock_hdl.config import InterlockConfig, LogStore
from interlock_hdl.egress import Egress
from interlock_hdl.exporter import Exporter
from interlock_hdl.sender import Sender
from lib.run import run

SAMPLE_LATENCY = 12
"""Of a counter with many ports: long enough for a stream to go, and the next message to come, meanwhile."""


@pytest.mark.parametrize("module", ["egress_tests", "egress_stream_tests", "egress_epoch_tests"])
@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_egress(beat_bytes, module):
    """The log is large, so that prefixes of several records fit."""
    config = InterlockConfig(beat_bytes=beat_bytes, links=2, log_entries=1024, log_store=LogStore.HASH)
    depth = 2 * config.message_bytes // beat_bytes
    egress = Egress(config=config, sample_latency=SAMPLE_LATENCY, depth=depth)
    run(
        egress,
        module,
        timeout_seconds=900,
        parameters={
            "beat_bytes": beat_bytes,
            "links": config.links,
            "message_bytes": config.message_bytes,
            "staging_bytes": config.staging_bytes,
            "sample_latency": SAMPLE_LATENCY,
            "latency": egress.latency,
            "sender_latency": Sender.latency,
            "exporter_latency": Exporter.latency,
        },
    )
