"""InterlockTop: two of them, joined, behind somebody else's idea of AXI."""

import pytest
from interlock_hdl.config import InterlockConfig, IssuePort
from lib.pair import PairOfTops
from lib.run import run

STATUS_PERIOD_LOG2 = 4
MESSAGE_BYTES = 256
MODULES = ("top_tests", "top_storm_tests", "top_cut_tests", "top_register_tests")


def pair(beat_bytes: int) -> PairOfTops:
    config = InterlockConfig(
        beat_bytes=beat_bytes,
        links=1,
        issue_ports=(IssuePort(peak=32),),
        log_entries=4,
        message_bytes=MESSAGE_BYTES,
    )
    return PairOfTops(config=config, status_period_log2=STATUS_PERIOD_LOG2)


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
@pytest.mark.parametrize("module", MODULES)
def test_two_tops_over_axi(module, beat_bytes):
    run(
        pair(beat_bytes),
        module,
        parameters={
            "beat_bytes": beat_bytes,
            "message_bytes": MESSAGE_BYTES,
            "status_period_log2": STATUS_PERIOD_LOG2,
        },
    )
