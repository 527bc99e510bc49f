"""Staging: whoever is given more room than there is loses the epoch, and not a beat of a released message."""

import pytest
from interlock_hdl.config import InterlockConfig
from interlock_hdl.staging import Staging
from lib.run import run


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_staging(beat_bytes):
    config = InterlockConfig(beat_bytes=beat_bytes, message_bytes=240, staging_messages=1)
    parameters = {
        "beat_bytes": beat_bytes,
        "links": config.links,
        "depth": config.staging_bytes // beat_bytes,
    }
    run(Staging(config=config), "staging_tests", parameters=parameters)
