"""Aes256 and SerialAes256: published vectors, exact timing, any pace, and what a wipe leaves."""

from random import Random

import pytest
from amaranth.sim import Simulator
from interlock.model.gcm import encrypt_block
from interlock_hdl.crypto import aes_field
from interlock_hdl.crypto.aes import Aes256
from interlock_hdl.crypto.aes_sbox import SBoxStyle, SubBytes
from interlock_hdl.crypto.serial_aes import SerialAes256
from lib.aes import SBOX, encrypt, expand
from lib.parameters import seed
from lib.run import run
from lib.seldom import seldom

BUILDS = {
    "2": Aes256(interval=2, slots=8, label_bits=2),
    "14": Aes256(interval=14, slots=8, label_bits=2),
    "serial": SerialAes256(slots=8, label_bits=2),
}


@pytest.mark.parametrize("build", seldom(BUILDS, "2"))
def test_aes(build):
    cipher = BUILDS[build]
    run(
        cipher,
        "aes_tests",
        parameters={name: getattr(cipher, name) for name in ("interval", "latency", "slots")},
        timeout_seconds=600,
    )


def test_latencies_are_those_of_the_page():
    """``docs/crypto.md``."""
    assert {build.latency for build in BUILDS.values() if isinstance(build, Aes256)} == {47}
    assert (SerialAes256.latency, SerialAes256.interval) == (106, 107)


@pytest.mark.parametrize("style", SBoxStyle, ids=lambda style: style.value)
def test_every_byte_is_substituted(style):
    block = SubBytes(count=2, style=style)
    simulator = Simulator(block)
    simulator.add_clock(1e-6)
    seen = []

    async def substitute(ctx):
        ctx.set(block.en, 1)
        for byte in range(256):
            ctx.set(block.i, byte | (byte ^ 0xFF) << 8)
            await ctx.tick().repeat(block.latency)
            seen.append(ctx.get(block.o))
            ctx.set(block.en, 0)
            ctx.set(block.i, 0)
            await ctx.tick().repeat(block.latency)
            assert ctx.get(block.o) == seen[-1], "it moved without `en`"
            ctx.set(block.en, 1)

    simulator.add_testbench(substitute)
    simulator.run()
    assert seen == [SBOX[byte] | SBOX[byte ^ 0xFF] << 8 for byte in range(256)]


def test_bits_on_the_way_into_and_out_of_half_bytes_fit_a_lut():
    assert bytes(aes_field.SBOX) == SBOX
    assert max(row.bit_count() for row in (*aes_field.IN_ROWS, *aes_field.OUT_ROWS)) == 4


def test_the_reference_is_that_of_cryptography():
    random = Random(seed())
    assert SBOX[:4].hex() == "637c777b", "FIPS 197, table 4"
    for _ in range(50):
        key, block = random.randbytes(32), random.randbytes(16)
        assert encrypt(expand(key), block) == encrypt_block(key, block)
    # FIPS 197, A.3: the first and the last round key that are computed.
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    assert expand(key)[2].hex() == "9ba354118e6925afa51a8b5f2067fcde"
    assert expand(key)[14].hex() == "fe4890d1e6188d0b046df344706c631e"


@pytest.mark.parametrize(
    ("options", "match"), [({"interval": 3}, "interval"), ({"interval": 1, "slots": 1}, "slots")]
)
def test_what_cannot_be_built_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        Aes256(**options)
    with pytest.raises(ValueError, match="slots"):
        SerialAes256(slots=1)
