"""Session: the states of docs/specification.md, alarms, rolls."""

from interlock_hdl.session import Session
from lib.run import run


def test_session():
    run(Session(), "session_tests")
