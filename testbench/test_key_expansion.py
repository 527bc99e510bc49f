"""KeyExpansion: the round keys of the standard, at any pace, in exact time."""

import pytest
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.key_expansion import KeyExpansion
from lib.run import run


@pytest.mark.parametrize("style", SBoxStyle, ids=lambda style: style.value)
def test_key_expansion(style):
    run(KeyExpansion(slots=8, s_boxes=style), "key_expansion_tests", parameters={"slots": 8}, public=True)
