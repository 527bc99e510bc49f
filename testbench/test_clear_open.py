"""ClearOpen: right records come out, wrong ones are faults; latency, throughput, closing, wiping."""

import pytest
from interlock_hdl.clear_open import ClearOpen
from lib.run import run


@pytest.mark.parametrize("module", ["clear_open_tests", "clear_open_fault_tests"])
@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_clear_open(beat_bytes, module):
    clear_open = ClearOpen(beat_bytes=beat_bytes)
    parameters = {"beat_bytes": beat_bytes, "latency": clear_open.latency}
    run(clear_open, module, parameters=parameters, public=True)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="beat_bytes"):
        ClearOpen(beat_bytes=8)
