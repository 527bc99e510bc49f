"""Any one bit of a HashLog flipped at any time: a fault in time, or nothing that was merged is lost."""

import pytest
from hash_log_flips_tests import component
from lib.run import run


def campaign(name: str) -> None:
    run(
        component(name),
        "hash_log_flips_tests",
        parameters={"component": name},
        testcase="every_flip_is_safe",
        public=True,
        name=f"{name}_flips",
    )


def test_every_flip_is_safe():
    campaign("hash_log")


def test_a_log_whose_control_is_held_once_is_found_out():
    with pytest.raises(AssertionError, match="flipped in cycle"):
        campaign("untwinned")
