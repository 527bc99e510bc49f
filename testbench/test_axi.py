"""AXI blocks one by one: the stage out, the link, the registers."""

import pytest
from interlock_hdl.axi.link import AxisLink
from interlock_hdl.axi.stream import AxisOutput
from interlock_hdl.registers.block import RegisterBlock
from interlock_hdl.registers.map import read
from interlock_hdl.status import StatusLimiter
from lib.run import run

WIDTHS = pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")


@WIDTHS
def test_stream_out(beat_bytes):
    run(AxisOutput(beat_bytes=beat_bytes), "axis_tests", parameters={"beat_bytes": beat_bytes})


@WIDTHS
def test_link(beat_bytes):
    run(AxisLink(beat_bytes=beat_bytes), "axis_link_tests", parameters={"beat_bytes": beat_bytes})


def test_registers():
    run(RegisterBlock(map=read()), "register_block_tests")


@pytest.mark.parametrize("period_log2", [0, 41])
def test_a_status_period_that_is_none_is_refused(period_log2):
    with pytest.raises(ValueError, match="1 … 40"):
        StatusLimiter(shape=1, period_log2=period_log2)
