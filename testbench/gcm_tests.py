"""Runs in the simulator: cipher and hash, of whose outputs the bench makes GCM; whole tags are compared."""

from collections.abc import Sequence

import cocotb
from interlock.model.gcm import seal
from interlock_hdl.crypto.gf128 import BITS
from interlock_hdl.crypto.ghash import hash_key_layout
from interlock_hdl.crypto.key_expansion import KeyExpansion, key_layout
from lib.aes import number_of
from lib.gcm import blocks_of, counter_blocks, hashed_blocks, xored
from lib.gcm_core import CIPHER_BLOCK, HASH_BLOCK, SLOTS
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import StreamSink, StreamSource, cycles, start
from lib.vectors import gcm_cases

LOADED = 15 * 4 + KeyExpansion.interval
"""Cycles until the last round key is there, wherever it goes."""
SIZES = (0, 1, 8, 15, 16, 17, 31, 32, 33, 128, 500, 4095, 4096)


class Bench:
    """Opens sealed texts, each in a slot of its own, as many as there are slots at a time."""

    def __init__(self, dut, *, gaps: str = "none", stalls: str = "none") -> None:
        self.dut = dut
        self.random = generator()
        self.keys = StreamSource(dut, "key", key_layout(SLOTS), random=self.random)
        self.blocks = StreamSource(dut, "i", CIPHER_BLOCK, pattern=gaps, random=self.random)
        self.encrypted = StreamSink(dut, "o", CIPHER_BLOCK, pattern=stalls, random=self.random)
        self.hash_keys = StreamSource(dut, "hash_key", hash_key_layout(SLOTS), random=self.random)
        self.strings = StreamSource(dut, "string", HASH_BLOCK, pattern=gaps, random=self.random)
        self.hashes = StreamSink(dut, "hash", BITS, pattern=stalls, random=self.random)

    async def _encrypt(self, blocks: Sequence[tuple[int, bytes]]) -> list[bytes]:
        self.blocks.send(*({"slot": slot, "label": 1, "block": number_of(block)} for slot, block in blocks))
        found = [await self.encrypted.receive() for _ in blocks]
        assert [(one["slot"], one["label"]) for one in found] == [(slot, 1) for slot, _ in blocks]
        return [one["block"].to_bytes(16, "little") for one in found]

    async def tags(self, sealed: Sequence[tuple[bytes, bytes, bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Of key, nonce, associated data and ciphertext of each: its plaintext and its tag."""
        for slot, (key, *_) in enumerate(sealed):
            self.keys.send({"slot": slot, "key": number_of(key)})
        await self.keys.drained()
        await cycles(self.dut, LOADED)
        hash_keys = await self._encrypt([(slot, bytes(16)) for slot in range(len(sealed))])
        for slot, key in enumerate(hash_keys):
            self.hash_keys.send({"slot": slot, "key": number_of(key)})
        await self.hash_keys.drained()
        blocks = []
        for slot, (_, nonce, associated, ciphertext) in enumerate(sealed):
            blocks += [(slot, block) for block in counter_blocks(nonce, ciphertext)]
            string = hashed_blocks(associated, ciphertext)
            for n, block in enumerate(string):
                last, whose = (len(string) - 1, slot) if n == 0 else (0, 0)
                self.strings.send(
                    {"first": n == 0, "following": last, "slot": whose, "block": number_of(block)}
                )
        stream = iter(await self._encrypt(blocks))
        found = []
        for _, _, _, ciphertext in sealed:
            mask = next(stream)
            keys = b"".join(next(stream) for _ in blocks_of(ciphertext))
            value = (await self.hashes.receive()).to_bytes(16, "little")
            found.append((xored(ciphertext, keys), xored(value, mask)))
        return found


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def published_vectors(dut):
    """Genuine ones come out as published; of others, the tag of their ciphertext is another one."""
    test = Bench(dut)
    await start(dut)
    cases, skipped = gcm_cases()
    print(f"{len(cases)} cases of key 256, nonce 96 and tag 128 bits; {skipped} others skipped")
    assert (len(cases), skipped) == (2 * 375 + 44, 2 * 2250 + 167)
    cases = cases[:: parameters()["every"]]
    forged = 0
    for at in range(0, len(cases), SLOTS):
        some = cases[at : at + SLOTS]
        tags = await test.tags([(case.key, case.nonce, case.associated, case.ciphertext) for case in some])
        for case, (plaintext, tag) in zip(some, tags, strict=True):
            if case.plaintext is None:
                assert tag != case.tag
                forged += 1
            else:
                assert (plaintext, tag) == (case.plaintext, case.tag)
    assert 0 < forged < len(cases) / 2


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(gaps=PATTERNS[:3], stalls=PATTERNS[:3])
async def records_of_every_size(dut, gaps, stalls):
    """With a header for associated data and the sequence number for nonce, as on a link."""
    test = Bench(dut, gaps=gaps, stalls=stalls)
    await start(dut)
    sizes = [size for size in SIZES if size <= parameters()["max_size"]]
    test.random.shuffle(sizes)
    for at in range(0, len(sizes), SLOTS):
        texts = []
        for size in sizes[at : at + SLOTS]:
            nonce = bytes(4) + test.random.getrandbits(48).to_bytes(8)
            texts.append(
                (test.random.randbytes(32), nonce, test.random.randbytes(16), test.random.randbytes(size))
            )
        sealed = [seal(key, nonce, text, associated) for key, nonce, associated, text in texts]
        opened = await test.tags(
            [
                (key, nonce, associated, one[:-16])
                for (key, nonce, associated, _), one in zip(texts, sealed, strict=True)
            ]
        )
        assert opened == [(text[3], one[-16:]) for text, one in zip(texts, sealed, strict=True)]
