"""Ghash: the hash of the standard, at any pace, in exact time; for every interval."""

from random import Random

import pytest
from interlock.model.gcm import encrypt_block, seal
from interlock_hdl.crypto.ghash import Ghash
from lib.gcm import counter_blocks, ghash, hashed_blocks, times, xored
from lib.parameters import seed
from lib.run import run

BUILDS = {
    "1": Ghash(interval=1, slots=8),
    "2": Ghash(interval=2, slots=8),
    "7": Ghash(interval=7, slots=5, max_blocks=20),
    "14": Ghash(interval=14, slots=8),
}


@pytest.mark.parametrize("build", BUILDS)
def test_ghash(build):
    block = BUILDS[build]
    names = ("interval", "slots", "lanes", "latency", "load_latency", "max_blocks")
    run(
        block, "ghash_tests", parameters={name: getattr(block, name) for name in names}, timeout_seconds=600
    )


def test_latencies_are_those_of_the_page():
    """``docs/crypto.md``."""
    assert {name: (b.lanes, b.latency, b.load_latency) for name, b in BUILDS.items()} == {
        "1": (8, 12, 64),
        "2": (4, 13, 31),
        "7": (2, 18, 16),
        "14": (2, 25, 23),
    }


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
