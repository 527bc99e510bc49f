"""External: digest, mark, release, with a digest core and without; and what a full log does."""

import pytest
from interlock_hdl.config import InterlockConfig, LinkProfile
from interlock_hdl.digest import TreeDigest
from interlock_hdl.external import External
from lib.run import run

SIZES = (0, 1, 16, 100, 700, 1024)
AROUND = 3 + 2 * 2
"""Cycles beside the digest's: External's own, and two merges, which are answered after two cycles here."""


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
@pytest.mark.parametrize("lanes", [0, 1], ids=lambda n: f"lanes{n}")
def test_external(beat_bytes, lanes):
    profile = (
        LinkProfile.SEALED if lanes else LinkProfile.CLEAR
    )  # what an entry is marked with from the start
    config = InterlockConfig(beat_bytes=beat_bytes, message_bytes=2048, digest_lanes=lanes, profile=profile)
    latency = {}
    if lanes:
        digest = TreeDigest(beat_bytes=beat_bytes, lanes=lanes, max_bytes=config.message_bytes)
        latency = {str(size): digest.latency(size) + AROUND for size in SIZES}
    run(
        External(config=config),
        "external_tests",
        parameters={
            "beat_bytes": beat_bytes,
            "message_bytes": config.message_bytes,
            "lanes": lanes,
            "own_flags": config.own_flags,
            "entries": 30,
            "latency": latency,
        },
    )
