"""Seal: records as ``cryptography`` seals them, under keys and numbers that are never used twice."""

import pytest
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.serial_gcm import SerialGcm
from interlock_hdl.seal import Seal
from lib.run import run
from lib.watched_seal import WatchedSeal

BITS = {"rekey_bits": 3, "stop_bits": 5}


def run_seal(
    tests: str, *, beat_bytes: int, links: int, interval: int, testcase: list[str] | None = None, **parameters
) -> list[str]:
    # Tables are quicker to simulate than logic, and take as many cycles.
    seal = Seal(beat_bytes=beat_bytes, links=links, interval=interval, s_boxes=SBoxStyle.BLOCK_RAM, **BITS)
    shared = {
        "beat_bytes": beat_bytes,
        "links": links,
        "interval": interval,
        "latency": seal.latency,
    }
    return run(WatchedSeal(seal), tests, parameters=shared | BITS | parameters, testcase=testcase)


@pytest.mark.parametrize(
    ("beat_bytes", "links", "interval", "parameters"),
    [
        (16, 2, 1, {"lengths": [64, 256, 1024, 4096], "step": 1, "rekey_steps": (40, 340, 12)}),
        (4, 3, 14, {"lengths": [64, 256], "step": 7, "rekey_steps": (220, 640, 28)}),
    ],
    ids=["beats16-1", "beats4-14"],
)
@pytest.mark.parametrize("tests", ["seal_tests", "seal_end_tests"])
def test_seal(tests, beat_bytes, links, interval, parameters):
    run_seal(tests, beat_bytes=beat_bytes, links=links, interval=interval, **parameters)


ONE_LINK = ["keys_follow_and_the_hard_stop_holds", "a_record_that_is_cut_anywhere_never_gets_a_tag"]
"""What is not the same with one link as with several."""
ONE_BLOCK = [
    "every_length_is_sealed_and_padded",
    "without_a_key_nothing_leaves",
    "timing_does_not_depend_on_keys_or_data",
]
ENDS = [
    "flush_while_a_key_follows_leaves_neither_of_them",
    "a_key_takes_the_place_of_the_one_before",
    "flush_frees_a_seal_that_a_dead_link_holds_up",
    "a_wipe_at_random_moments_leaves_nothing",
]
"""Of an engine that has one block at a time: what depends on what is inside of it."""


def test_a_seal_of_one_link():
    assert run_seal("seal_tests", beat_bytes=4, links=1, interval=14, testcase=ONE_LINK) == ONE_LINK


@pytest.mark.parametrize(
    ("tests", "links", "testcase"),
    [
        ("seal_small_tests", 1, None),
        ("seal_tests", 1, ONE_LINK),
        ("seal_tests", 2, ONE_BLOCK),
        ("seal_end_tests", 2, ENDS),
    ],
    ids=["pace", "one_link", "two_links", "ends"],
)
def test_a_seal_with_one_block_at_a_time(tests, links, testcase):
    record_of_10 = SerialGcm(slots=2).record_cycles(10, beats=5)  # four, and a cycle until a block is taken
    times = {"record_of_10": record_of_10, "rekey_steps": (1000, 2600, 60)}
    run_seal(tests, beat_bytes=4, links=links, interval=SerialGcm.interval, testcase=testcase, **times)


@pytest.mark.parametrize(("rekey_bits", "stop_bits"), [(0, 48), (24, 24), (24, 64)])
def test_parameters_are_checked(rekey_bits, stop_bits):
    with pytest.raises(ValueError, match="rekey_bits < stop_bits"):
        Seal(beat_bytes=16, links=1, interval=1, rekey_bits=rekey_bits, stop_bits=stop_bits)
