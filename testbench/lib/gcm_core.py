"""Key schedule, cipher and hash side by side, for benches that make GCM of them."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.crypto.aes import Aes256, cipher_block_layout
from interlock_hdl.crypto.gf128 import BITS
from interlock_hdl.crypto.ghash import Ghash, hash_block_layout, hash_key_layout
from interlock_hdl.crypto.key_expansion import KeyExpansion, key_layout
from interlock_hdl.crypto.serial_aes import SerialAes256
from interlock_hdl.crypto.serial_ghash import SerialGhash

SLOTS = 8
MAX_BLOCKS = 258
CIPHER_BLOCK = cipher_block_layout(slots=SLOTS, label_bits=1)
HASH_BLOCK = hash_block_layout(slots=SLOTS, max_blocks=MAX_BLOCKS)


class GcmCore(wiring.Component):
    """A cipher whose keys come from the key schedule; a hash beside it; nothing between them.

    Members
    -------
    key : In(stream of ``key_layout``)
    i, o : the cipher's
    hash_key, string, hash : the hash's
    """

    key: In(stream.Signature(key_layout(SLOTS)))
    i: In(stream.Signature(CIPHER_BLOCK))
    o: Out(stream.Signature(CIPHER_BLOCK))
    hash_key: In(stream.Signature(hash_key_layout(SLOTS)))
    string: In(stream.Signature(HASH_BLOCK))
    hash: Out(stream.Signature(BITS))

    def __init__(self, *, cipher: wiring.Component, hasher: wiring.Component) -> None:
        self.cipher = cipher
        self.hasher = hasher
        super().__init__()

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.expansion = expansion = KeyExpansion(slots=SLOTS)
        m.submodules.cipher = cipher = self.cipher
        m.submodules.hasher = hasher = self.hasher
        wiring.connect(m, wiring.flipped(self.key), expansion.i)
        wiring.connect(m, expansion.o, cipher.keys)
        wiring.connect(m, wiring.flipped(self.i), cipher.i)
        wiring.connect(m, cipher.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.hash_key), hasher.keys)
        wiring.connect(m, wiring.flipped(self.string), hasher.i)
        wiring.connect(m, hasher.o, wiring.flipped(self.hash))
        return m


def gcm_core(interval: int | None) -> GcmCore:
    """A cipher and a hash that keeps up with it; without ``interval``, the serial ones."""
    if interval is None:
        return GcmCore(
            cipher=SerialAes256(slots=SLOTS),
            hasher=SerialGhash(digit_bits=2, slots=SLOTS, max_blocks=MAX_BLOCKS),
        )
    if interval <= 2:
        hasher = Ghash(interval=interval, slots=SLOTS, max_blocks=MAX_BLOCKS)
    else:
        hasher = SerialGhash(digit_bits=16, slots=SLOTS, max_blocks=MAX_BLOCKS)
    return GcmCore(cipher=Aes256(interval=interval, slots=SLOTS), hasher=hasher)
