"""ClearSeal: records byte for byte as the golden model makes them; latency, throughput, flush and wipe."""

import pytest
from interlock_hdl.clear_seal import ClearSeal
from lib.run import run


@pytest.mark.parametrize(
    ("beat_bytes", "links"), [(4, 1), (4, 3), (16, 2)], ids=["beats4-1", "beats4-3", "beats16-2"]
)
def test_clear_seal(beat_bytes, links):
    seal = ClearSeal(beat_bytes=beat_bytes, links=links)
    run(
        seal,
        "clear_seal_tests",
        parameters={"beat_bytes": beat_bytes, "links": links, "latency": seal.latency},
    )


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="links"):
        ClearSeal(beat_bytes=16, links=0)
    with pytest.raises(ValueError, match="beat_bytes"):
        ClearSeal(beat_bytes=8, links=1)
