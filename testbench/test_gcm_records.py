"""Gcm: whole records, sealed and opened, of several channels in turn."""

import pytest
from interlock_hdl.crypto.gcm import Gcm
from interlock_hdl.crypto.serial_aes import SerialAes256
from lib.patterns import PATTERNS
from lib.run import run

SLOTS = 4
RANDOM = "random_records_agree_with_cryptography"
DIRECTED = [
    "a_block_enters_every_interval_and_latency_is_exact",
    "keys_are_loaded_between_blocks_of_others",
    "timing_does_not_depend_on_keys_and_texts",
    "a_wipe_in_the_middle_leaves_no_key",
]


@pytest.mark.parametrize("interval", [1, 14, SerialAes256.interval])
def test_gcm_records(interval):
    gcm = Gcm(interval=interval, slots=SLOTS)
    shared = {
        "interval": interval,
        "slots": SLOTS,
        "latency": gcm.latency,
        "repeats": 1000 if interval == 14 else 20,
        "gaps": "none",
        "stalls": "half",
    }
    assert run(gcm, "gcm_record_tests", parameters=shared, testcase=DIRECTED) == DIRECTED
    paces = list(zip(PATTERNS, PATTERNS[::-1], strict=True))
    for gaps, stalls in paces[:1] if interval == SerialAes256.interval else paces:  # it waits for neither
        run(gcm, "gcm_record_tests", parameters=shared | {"gaps": gaps, "stalls": stalls}, testcase=RANDOM)
