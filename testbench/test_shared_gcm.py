"""SharedGcm: a Seal and an Open with one engine, neither of which is ever in the other's way."""

from interlock.synthesis.sealed_pair import SealedPair
from lib.run import run


def test_a_seal_and_an_open_with_one_engine():
    pair = SealedPair()
    parameters = {"beat_bytes": 4, "record_bytes": 512, "clear_cycles": pair.opener.stores[0].clear_cycles}
    run(pair, "shared_gcm_tests", parameters=parameters)
