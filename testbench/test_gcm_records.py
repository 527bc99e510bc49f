"""Gcm and SerialGcm: whole records, sealed and opened, of several channels in turn."""

import pytest
from interlock_hdl.crypto.gcm import Gcm
from interlock_hdl.crypto.gcm_engine import gcm_engine
from interlock_hdl.crypto.serial_gcm import SerialGcm
from lib.patterns import PATTERNS
from lib.run import run

SLOTS = 4
RANDOM = "random_records_agree_with_cryptography"
PIPELINE = "a_block_enters_every_interval_and_latency_is_exact"
ONE_BY_ONE = "each_part_of_a_record_takes_its_time"
DIRECTED = [
    "keys_are_loaded_between_blocks_of_others",
    "timing_does_not_depend_on_keys_and_texts",
    "a_wipe_in_the_middle_leaves_no_key",
]


@pytest.mark.parametrize("interval", [1, 14, SerialGcm.interval])
def test_gcm_records(interval):
    gcm = gcm_engine(interval=interval, slots=SLOTS)
    is_serial = isinstance(gcm, SerialGcm)
    shared = {
        "interval": interval,
        "slots": SLOTS,
        "latency": gcm.latency,
        "repeats": 1000 if interval == 14 else 20,
        "gaps": "none",
        "stalls": "half",
    }
    if is_serial:
        shared |= {"tag_latency": gcm.tag_latency, "record_of_10": gcm.record_cycles(10, beats=1)}
    directed = [ONE_BY_ONE if is_serial else PIPELINE, *DIRECTED]
    assert run(gcm, "gcm_record_tests", parameters=shared, testcase=directed) == directed
    paces = list(zip(PATTERNS, PATTERNS[::-1], strict=True))
    for gaps, stalls in paces[:1] if is_serial else paces:  # it waits for neither
        run(gcm, "gcm_record_tests", parameters=shared | {"gaps": gaps, "stalls": stalls}, testcase=RANDOM)


def test_intervals_are_checked():
    with pytest.raises(ValueError, match="one of"):
        Gcm(interval=SerialGcm.interval, slots=2)
    with pytest.raises(ValueError, match="one of"):
        gcm_engine(interval=3, slots=2)


def test_a_serial_engine_has_the_figures_that_are_told():
    gcm = SerialGcm(slots=2)
    assert (gcm.interval, gcm.latency, gcm.tag_latency) == (107, 106, 134)
    assert gcm.record_cycles(4, beats=1) == 2 + 4 * 107 + 135
