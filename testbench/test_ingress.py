"""Ingress: merge before release, turns, every fault of the message parser, ended epochs."""

import pytest
from interlock_hdl.config import InterlockConfig
from interlock_hdl.ingress import Ingress
from lib.run import run


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_ingress(beat_bytes):
    config = InterlockConfig(beat_bytes=beat_bytes, links=2, message_bytes=8192)
    run(
        Ingress(config=config),
        "ingress_tests",
        timeout_seconds=60,
        parameters={
            "beat_bytes": beat_bytes,
            "links": config.links,
            "message_bytes": config.message_bytes,
            "entries": config.log_entries,
            "mode": config.mode,
            "weight_table": config.weights.number,
        },
    )
