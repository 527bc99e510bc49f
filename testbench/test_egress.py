"""Egress: messages, streams and exports byte for byte, latency, throughput, credit, epochs, wipes."""

import pytest
from interlock_hdl.config import InterlockConfig, LogStore
from interlock_hdl.egress import Egress
from interlock_hdl.exporter import Exporter
from interlock_hdl.sender import Sender
from lib.run import run

SAMPLE_LATENCY = 12
"""Of a counter with many ports: long enough for a stream to go, and the next message to come, meanwhile."""


@pytest.mark.parametrize(
    ("beat_bytes", "module"),
    [(4, "egress_tests"), (16, "egress_tests"), (16, "egress_stream_tests"), (16, "egress_epoch_tests")],
    ids=lambda value: value if isinstance(value, str) else f"beats{value}",
)
def test_egress(beat_bytes, module):
    """The log is large, so that prefixes of several records fit.

    Cuts of streams at either width are for ``test_stream_cutter.py``.
    """
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
