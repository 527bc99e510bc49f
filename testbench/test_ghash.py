"""Ghash and SerialGhash: the hash of the standard, at any pace, in exact time; for every interval."""

from random import Random

import pytest
from interlock.model.gcm import encrypt_block, seal
from interlock_hdl.crypto.ghash import Ghash
from interlock_hdl.crypto.serial_ghash import SerialGhash
from lib.gcm import counter_blocks, ghash, hashed_blocks, times, xored
from lib.parameters import seed
from lib.run import run
from lib.seldom import seldom

BUILDS = {
    "2": Ghash(interval=2, slots=8),
    "14": Ghash(interval=14, slots=8),
    "2-small": Ghash(interval=2, slots=5, max_blocks=20),
    "serial-2": SerialGhash(digit_bits=2, slots=2, max_blocks=20),
    "serial-16": SerialGhash(digit_bits=16, slots=8),
}


@pytest.mark.parametrize("build", seldom(BUILDS, "14", "2-small"))
def test_ghash(build):
    block = BUILDS[build]
    names = ("interval", "slots", "latency", "max_blocks")
    known = {name: getattr(block, name) for name in names}
    if isinstance(block, Ghash):
        known |= {"lanes": block.lanes, "load_latency": block.load_latency, "string_cost": 0}
    else:
        known |= {"lanes": 1, "load_latency": 0, "string_cost": 1}
    run(block, "ghash_tests", parameters=known, timeout_seconds=600)


def test_latencies_are_those_of_the_page():
    """``docs/crypto.md``."""
    found = {name: (b.lanes, b.latency, b.load_latency) for name, b in BUILDS.items() if isinstance(b, Ghash)}
    assert found == {
        "2": (4, 12, 31),
        "14": (2, 24, 23),
        "2-small": (4, 12, 31),
    }
    assert [SerialGhash(digit_bits=n).latency for n in (1, 2, 4, 8, 16)] == [131, 67, 35, 19, 11]


def test_the_reference_makes_the_tags_of_cryptography():
    random = Random(seed())
    one = 1 << 127
    assert times(one, 0xABC) == times(0xABC, one) == 0xABC
    for size in (0, 1, 16, 17, 100):
        key, nonce = random.randbytes(32), random.randbytes(12)
        text, associated = random.randbytes(size), random.randbytes(16)
        mask, *stream = (encrypt_block(key, block) for block in counter_blocks(nonce, text))
        ciphertext = xored(text, b"".join(stream))
        tag = xored(ghash(encrypt_block(key, bytes(16)), hashed_blocks(associated, ciphertext)), mask)
        assert ciphertext + tag == seal(key, nonce, text, associated)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"interval": 28}, "interval"),
        ({"interval": 1, "slots": 1}, "slots"),
        ({"interval": 1, "max_blocks": 8}, "blocks"),
    ],
)
def test_what_cannot_be_built_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        Ghash(**options)


def test_digits_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="digit_bits"):
        SerialGhash(digit_bits=3)
    with pytest.raises(ValueError, match="slots"):
        SerialGhash(digit_bits=8, slots=1)
