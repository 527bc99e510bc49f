"""Sha256: published vectors, exact timing, and constants that are what the standard says."""

import pytest
from interlock.device.rtl import Rtl
from interlock_hdl.crypto.sha256 import INITIAL, ROUND_CONSTANTS, Sha256
from lib.run import run
from lib.sha256 import Sha256Blocks, padded, words_of
from lib.vectors import hashes


def test_sha256():
    run(Sha256(), "sha256_tests")


def test_constants_are_those_of_the_standard():
    """FIPS 180-4, 4.2.2 and 5.3.3: the ends of both tables, the rest being made alike."""
    assert ROUND_CONSTANTS[:3] == (0x428A2F98, 0x71374491, 0xB5C0FBCF)
    assert ROUND_CONSTANTS[-2:] == (0xBEF9A3F7, 0xC67178F2)
    assert f"{INITIAL:064x}".startswith("6a09e667bb67ae85")
    assert f"{INITIAL:064x}".endswith("1f83d9ab5be0cd19")


@pytest.fixture(scope="module")
def core():
    with Rtl(Sha256Blocks()) as rtl:
        yield rtl


@pytest.mark.parametrize(
    ("name", "count"), [("SHA256ShortMsg.rsp", 65), ("SHA256LongMsg.rsp", 64)], ids=["short", "long"]
)
def test_every_published_vector(core, name, count):
    cases = hashes(name)
    assert len(cases) == count
    blocks_sent = 0
    for message, _ in cases:
        blocks = padded(message)
        blocks_sent += len(blocks)
        for number, block in enumerate(blocks):
            marks = (number == 0) | (number == len(blocks) - 1) << 1
            core.push("i", [marks << 32 | word for word in words_of(block)])
    core.run(blocks_sent * (16 + Sha256.latency + 16))
    words = core.pop_words("o")
    assert len(words) == 8 * count
    digests = [
        b"".join(word.to_bytes(4) for word in words[at : at + 8][::-1]) for at in range(0, len(words), 8)
    ]
    assert digests == [digest for _, digest in cases]
