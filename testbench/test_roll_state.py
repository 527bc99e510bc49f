"""After a roll, whatever was under way, nothing in an Interlock tells of the time before."""

import pytest
from interlock_hdl.config import InterlockConfig, LogStore
from lib.parameters import seed
from lib.roll_bench import UNDER_WAY, RollBench

SMALL = {"links": 2, "message_bytes": 64, "staging_messages": 1, "log_entries": 6}
BUILDS = {
    "digest": InterlockConfig(beat_bytes=16, **SMALL),
    "narrow": InterlockConfig(beat_bytes=4, digest_lanes=0, **SMALL),
    "hash": InterlockConfig(
        beat_bytes=16, digest_lanes=0, **{**SMALL, "log_entries": 64}, log_store=LogStore.HASH
    ),
}


@pytest.mark.parametrize("build", BUILDS)
def test_after_a_roll_everything_is_as_after_a_reset(build):
    """Every register, every wire and every word of every memory."""
    bench = RollBench(BUILDS[build], seed())
    for number, different in enumerate(bench.differences(rolls=len(UNDER_WAY))):
        assert not different, f"roll {number}"
    print(bench.met)
    assert all(bench.met.values()), bench.met
