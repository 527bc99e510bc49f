"""LinkEpoch: epochs begin and end as docs/specification.md says, over pipes of any depth."""

import pytest
from interlock_hdl.link import LinkEpoch
from lib.run import run


@pytest.mark.parametrize("delay", [1, 2, 7, 30], ids=lambda d: f"delay{d}")
def test_link_epochs(delay):
    run(LinkEpoch(), "link_tests", parameters={"delay": delay})
