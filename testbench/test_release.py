"""Release: turns, holding, exact costs, and what an epoch leaves behind."""

import pytest
from interlock_hdl.release import Release
from lib.run import run


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_release(beat_bytes):
    parameters = {"beat_bytes": beat_bytes, "sources": 3}
    run(Release(**parameters), "release_tests", parameters=parameters)
