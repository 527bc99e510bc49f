"""Any single flip-flop of counter, log and session flipped at any cycle: over-count or alarm, never less."""

import pytest
from flips_tests import Toy, component
from lib.flips import FlipFlop, Inside, Memory, flip_flops, memories
from lib.run import run


def campaign(name: str, traffic: str, *, rounds: int = 1, only: str | None = None) -> None:
    run(
        component(name),
        "flips_tests",
        parameters={"campaign": traffic, "component": name, "rounds": rounds, "only": only},
        testcase="every_flip_is_safe",
        public=True,
        name=f"{name}_flips",
    )


@pytest.mark.parametrize(("block", "rounds"), [("counter", 1), ("log", 1), ("session", 2)])
def test_every_flip_is_safe(block, rounds):
    campaign(block, block, rounds=rounds)


@pytest.mark.parametrize(
    ("toy", "traffic", "only"),
    [
        ("one_lane_counter", "counter", None),
        ("untwinned_log", "log", "store"),
        ("untwinned_log", "log", "changes"),
    ],
)
def test_a_register_without_protection_is_found(toy, traffic, only):
    with pytest.raises(AssertionError, match="flipped in cycle"):
        campaign(toy, traffic, only=only)


def test_a_flip_is_a_flip():
    run(Inside(Toy()), "flips_tests", testcase="a_flip_shows_in_its_cycle_and_stays", public=True, name="Toy")


def test_every_flip_flop_is_listed_once():
    assert flip_flops(Toy()) == [
        *(FlipFlop(("count",), bit) for bit in range(3)),
        FlipFlop(("inner", "toggle"), 0),
    ]


def test_every_memory_is_listed_and_a_flip_flop_apart_from_it_only_if_asked():
    assert memories(Toy(memory=True)) == [Memory(("memory",), depth=4, width=8)]
    assert flip_flops(Toy(memory=True), memories=True) == flip_flops(Toy())


def test_a_register_that_cannot_be_named_is_not_passed_over():
    with pytest.raises(ValueError, match="not a whole register"):
        flip_flops(Toy(memory=True))


def test_nor_is_one_that_has_no_name():
    with pytest.raises(ValueError, match="without a name of its own"):
        flip_flops(Toy(anonymous=True))
