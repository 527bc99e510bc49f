"""Keys of channels: from 256 bits to round keys and hash key, and to the key that follows."""

from amaranth.hdl import Const, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.aes_round import BLOCK_BITS, KEY_BITS, ROUNDS, round_key_layout
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.ghash import hash_key_layout
from interlock_hdl.crypto.key_expansion import KeyExpansion

KEY_BLOCKS = KEY_BITS // BLOCK_BITS
FOLLOWING = Const(
    int.from_bytes(b"".join(bytes(4) + b"\xff" * 8 + n.to_bytes(4) for n in (2, 3)), "little"), KEY_BITS
)
"""What the key that follows is the encryption of: 32 zero bytes under the nonce 2⁶⁴ - 1
(Noise, revision 34, sections 4.2 and 12.4)."""


class KeySource(enum.Enum, shape=1):
    """Where a slot's next key is from."""

    GIVEN = 0
    FOLLOWS = 1  # from the one before


def key_request_layout(slots: int) -> data.StructLayout:
    """A request for a key: the slot that it is for, and ``key``, unless it follows."""
    return data.StructLayout({"slot": range(slots), "source": KeySource, "key": KEY_BITS})


class State(enum.Enum):
    """What is being done."""

    IDLE = 0
    FOLLOW = 1  # both halves of the key that follows are made
    EXPAND = 2  # which goes through the key schedule
    ROUNDS = 3  # the key's round keys are stored
    HASH = 4  # its hash key is made
    STORE = 5  # and stored


class GcmKeys(wiring.Component):
    """Puts keys into a cipher and a hash, one after the other.

    Nothing of a key stays here two cycles after it is in use.  No timing depends on keys.

    **Latency**: from a request to ``done``, ``KeyExpansion.interval`` cycles, a pass through the cipher and
    ``Ghash.load_latency``, and a few; for a key that follows a pass more.

    Parameters
    ----------
    slots : int
    s_boxes : SBoxStyle

    Members
    -------
    i : In(stream of ``key_request_layout``)
        Byte 0 of a key is its bits 7:0.  No record of the slot may be inside from now until ``done``.
    slot : Out(range(slots))
        Of the request at hand.
    done : Out(1)
        Strobe: its key is in use.
    round_keys : Out(stream of ``round_key_layout``)
    hash_key : Out(stream of ``hash_key_layout``)
    block : Out(stream of 128 bits)
        Is to be encrypted under the key of ``slot``.
    encrypted, encrypted_valid : In(128), In(1)
        What came of it, in order; at least a cycle later.
    wipe : In(1)
        Holds the block in reset.
    """

    def __init__(self, *, slots: int, s_boxes: SBoxStyle = SBoxStyle.LOGIC) -> None:
        self.slots = slots
        self.s_boxes = s_boxes
        super().__init__(
            {
                "i": In(stream.Signature(key_request_layout(slots))),
                "slot": Out(range(slots)),
                "done": Out(1),
                "round_keys": Out(stream.Signature(round_key_layout(slots))),
                "hash_key": Out(stream.Signature(hash_key_layout(slots))),
                "block": Out(stream.Signature(BLOCK_BITS)),
                "encrypted": In(BLOCK_BITS),
                "encrypted_valid": In(1),
                "wipe": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.expansion = expansion = KeyExpansion(slots=self.slots, s_boxes=self.s_boxes)
        wiring.connect(m, expansion.o, wiring.flipped(self.round_keys))

        # The only register for a key is the key schedule's: what is encrypted is shifted into it.
        asked, answered = Signal(range(KEY_BLOCKS + 1)), Signal(range(KEY_BLOCKS))
        asking, stored = Signal(), Signal()
        state = Signal(State)
        follows = state == State.FOLLOW
        m.d.comb += [
            asking.eq(follows | (state == State.HASH)),
            self.i.ready.eq(state == State.IDLE),
            expansion.i.p.slot.eq(self.slot),
            expansion.i.p.key.eq(self.i.p.key),
            expansion.shift.eq(self.encrypted_valid),
            expansion.half.eq(self.encrypted),
            expansion.begin.eq(state == State.EXPAND),
            stored.eq(self.round_keys.valid & self.round_keys.ready & (self.round_keys.p.number == ROUNDS)),
            self.block.valid.eq(asking & (asked != Mux(follows, KEY_BLOCKS, 1))),
            self.block.payload.eq(Mux(follows, FOLLOWING.word_select(asked[0], BLOCK_BITS), 0)),
            self.hash_key.valid.eq(state == State.STORE),
            self.hash_key.p.slot.eq(self.slot),
            self.hash_key.p.key.eq(expansion.upper),
            self.done.eq(self.hash_key.valid & self.hash_key.ready),
        ]
        with m.If(self.block.valid & self.block.ready):
            m.d.sync += asked.eq(asked + 1)
        with m.If(self.encrypted_valid):
            m.d.sync += answered.eq(answered + 1)

        with m.Switch(state):
            # Zeros are shifted in over a hash key that was taken: a cycle later, for that it was comes late.
            with m.Case(State.IDLE):
                m.d.comb += [expansion.shift.eq(1), expansion.half.eq(0)]
                m.d.comb += expansion.i.p.slot.eq(self.i.p.slot)
                with m.If(self.i.valid):
                    m.d.sync += self.slot.eq(self.i.p.slot)
                    with m.If(self.i.p.source == KeySource.FOLLOWS):
                        m.d.sync += state.eq(State.FOLLOW)
                    with m.Else():
                        m.d.comb += expansion.i.valid.eq(1)
                        m.d.sync += state.eq(State.ROUNDS)
            with m.Case(State.FOLLOW):
                with m.If(self.encrypted_valid & (answered == KEY_BLOCKS - 1)):
                    m.d.sync += [asked.eq(0), state.eq(State.EXPAND)]
            with m.Case(State.EXPAND):
                m.d.sync += state.eq(State.ROUNDS)
            with m.Case(State.ROUNDS):
                with m.If(stored):
                    m.d.sync += state.eq(State.HASH)
            with m.Case(State.HASH):
                with m.If(self.encrypted_valid):
                    m.d.sync += [asked.eq(0), answered.eq(0), state.eq(State.STORE)]
            with m.Case(State.STORE):
                with m.If(self.hash_key.ready):
                    m.d.sync += state.eq(State.IDLE)
        return ResetInserter(self.wipe)(m)
