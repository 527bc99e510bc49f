"""Session: the states of docs/specification.md, alarms, rolls, and the key of a hashed log."""

import pytest
from interlock_hdl.session import Session
from lib.run import run


@pytest.mark.parametrize("key_words", [0, 4], ids=["id", "id-and-key"])
def test_session(key_words):
    run(Session(key_words=key_words), "session_tests", parameters={"key_words": key_words})
