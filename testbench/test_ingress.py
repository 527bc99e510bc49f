"""Ingress: random histories against the golden model, every fault, every cycle in which something can end."""

import pytest
from interlock_hdl.config import InterlockConfig
from interlock_hdl.ingress import Ingress
from interlock_hdl.staging import Staging
from lib.run import run


def run_ingress(beat_bytes, module, *, message_bytes=4096, staging_messages=2, **parameters):
    config = InterlockConfig(
        beat_bytes=beat_bytes, message_bytes=message_bytes, staging_messages=staging_messages
    )
    run(
        Ingress(config=config),
        module,
        parameters={
            "beat_bytes": beat_bytes,
            "links": config.links,
            "staging_bytes": config.staging_bytes,
            "entries": config.log_entries,
            "release_latency": Staging.latency,
            **parameters,
        },
    )


both_widths = pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")


@both_widths
def test_ingress(beat_bytes):
    run_ingress(beat_bytes, "ingress_tests", cycles=20_000 // beat_bytes + 3000)


@both_widths
def test_rules(beat_bytes):
    run_ingress(beat_bytes, "ingress_fault_tests")


@both_widths
def test_ends(beat_bytes):
    # Little room, of which all is wanted each time.
    message_bytes = {4: 240, 16: 496}[beat_bytes]
    run_ingress(beat_bytes, "ingress_end_tests", message_bytes=message_bytes, staging_messages=1)
