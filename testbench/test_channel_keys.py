"""ChannelKeys: which slots have a key, and what the engine is asked for."""

import pytest
from interlock_hdl.channel_keys import ChannelKeys
from lib.run import run


@pytest.mark.parametrize("links", [1, 3])
def test_channel_keys(links):
    run(ChannelKeys(links=links), "channel_keys_tests", parameters={"links": links}, public=True)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="links"):
        ChannelKeys(links=0)
