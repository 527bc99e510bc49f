"""Notices: what is freed is granted, exactly and once; FULL_REQUEST; epochs."""

import pytest
from interlock_hdl.config import InterlockConfig
from interlock_hdl.notices import Notices
from lib.run import run


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_notices(beat_bytes):
    config = InterlockConfig(beat_bytes=beat_bytes, links=3)
    parameters = {
        "beat_bytes": beat_bytes,
        "links": config.links,
        "staging_bytes": config.staging_bytes,
        "latency": Notices.latency,
    }
    run(Notices(config=config), "notices_tests", parameters=parameters)
