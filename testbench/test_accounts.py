"""Accounts: room and credit against naive ones, in every combination of strobes."""

import pytest
from interlock_hdl.accounts import Accounts
from lib.run import run


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_accounts(beat_bytes):
    parameters = {"beat_bytes": beat_bytes, "links": 3, "staging_bytes": 4112}
    run(Accounts(**parameters), "accounts_tests", parameters=parameters)
