"""TreeDigest: builds of several widths and numbers of lanes against the golden model."""

from random import Random

import pytest
from interlock.bench.digest import Digester
from interlock.bench.pair import BenchFailed
from interlock_hdl.digest import TreeDigest
from lib.flips import flip_flops
from lib.parameters import seed
from lib.run import run

# From a message's first beat to its digest, by lanes and bytes of a beat.
CYCLES = {
    (1, 16): {"1024": 1239, "1025": 1476, "2048": 2548, "4096": 5013},
    (2, 4): {"1024": 1431, "1025": 1592, "4096": 3149, "8192": 5614},
    (3, 16): {"1024": 1240, "2049": 1618, "4096": 2702, "8192": 4075},
}


def build(lanes, beat_bytes, **options):
    """Three lanes have groups of nodes here, which takes seven otherwise: a large model."""
    digest = TreeDigest(lanes=lanes, beat_bytes=beat_bytes, **options)
    digest.alone = 2
    return digest


@pytest.mark.parametrize(("lanes", "beat_bytes"), CYCLES, ids=lambda number: str(number))
def test_digest(lanes, beat_bytes):
    parameters = {
        "lanes": lanes,
        "beat_bytes": beat_bytes,
        "leaves": 9,
        "grouped": lanes > 2,
        "cycles": CYCLES[lanes, beat_bytes],
    }
    run(build(lanes, beat_bytes), "digest_tests", parameters=parameters)


@pytest.mark.parametrize(("lanes", "beat_bytes"), [(1, 16), (3, 4)], ids=lambda number: str(number))
def test_wipe(lanes, beat_bytes):
    digest = build(lanes, beat_bytes, max_bytes=1 << 20)
    with_memory = [f"lane_{n}" for n in range(lanes)] + ["stack"] + ["group_0", "group_1"] * (lanes > 2)
    registers = sorted({flip.path for flip in flip_flops(digest, memories=True)})  # beside memories
    assert len(registers) > 100 * lanes
    parameters = {
        "beat_bytes": beat_bytes,
        "with_memory": with_memory,
        "registers": registers,
        "wipe_cycles": 2048 // beat_bytes,
    }
    run(digest, "digest_wipe_tests", parameters=parameters, public=True)


@pytest.fixture(scope="module", params=[1, 4, 16], ids=lambda lanes: f"lanes{lanes}")
def digester(request):
    return Digester(TreeDigest(lanes=request.param, beat_bytes=16))


def test_random_messages_at_random_paces(digester):
    """By the batch engine, which compares every digest with the golden model's."""
    random = Random(seed())
    for _ in range(4):
        digester.rtl.pause("i", random.choice((0, 0.3, 0.9)), seed=random.getrandbits(20))
        digester.rtl.pause("o", random.choice((0, 0.5, 0.95)), seed=random.getrandbits(20))
        lengths = [random.choice((random.randrange(80), random.randrange(40_000))) for _ in range(25)]
        digester.digest([random.randbytes(length) for length in lengths])
    digester.rtl.pause("i", 0)
    digester.rtl.pause("o", 0)


def test_a_long_message(digester):
    digester.digest([Random(seed()).randbytes(1_500_001)])


def test_a_digest_that_does_not_come_is_an_error(monkeypatch):
    digester = Digester(TreeDigest(lanes=1, beat_bytes=16))
    digester.rtl.pause("o", 0.9999)
    with pytest.raises(BenchFailed, match="0 of 1 digests came in 2004 cycles"):
        digester.digest([b"\1"])


def test_a_wrong_digest_is_an_error(monkeypatch):
    monkeypatch.setattr("interlock.bench.digest.tree_digest", lambda message: bytes(32))
    with pytest.raises(BenchFailed, match="digest of 3 bytes is wrong"):
        Digester(TreeDigest(lanes=1, beat_bytes=16)).digest([b"abc"])


def test_parameters_are_checked():
    for lanes in (0, 17):
        with pytest.raises(ValueError, match="lanes"):
            TreeDigest(lanes=lanes, beat_bytes=16)
    for max_bytes in (0, 1 << 64):
        with pytest.raises(ValueError, match="max_bytes"):
            TreeDigest(lanes=1, beat_bytes=16, max_bytes=max_bytes)
    with pytest.raises(ValueError, match="beat_bytes"):
        TreeDigest(lanes=1, beat_bytes=8)


@pytest.mark.parametrize(
    ("max_bytes", "height"),
    [(1, 0), (1024, 0), (1025, 1), (2048, 1), (2049, 2), (1 << 20, 10), ((1 << 64) - 1, 54)],
)
def test_the_stack_is_as_high_as_the_longest_message_needs(max_bytes, height):
    assert TreeDigest(lanes=1, beat_bytes=16, max_bytes=max_bytes).height == height
