"""LinkKeys: every epoch has keys of its own, and nothing else opens one."""

import pytest
from interlock_hdl.link_keys import LinkKeys
from lib.run import run


@pytest.mark.parametrize("links", [1, 3])
def test_link_keys(links):
    run(LinkKeys(links=links), "link_keys_tests", parameters={"links": links}, public=True)
