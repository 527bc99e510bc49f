"""AES-256-GCM (NIST SP 800-38D) over records: what sealing and opening have in common."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.crypto.aes import Aes256
from interlock_hdl.crypto.aes_round import BLOCK_BITS
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.gcm_keys import GcmKeys, key_request_layout
from interlock_hdl.crypto.ghash import Ghash
from interlock_hdl.crypto.result_queue import ResultQueue
from interlock_hdl.crypto.serial_ghash import SerialGhash
from interlock_hdl.double_buffer import DoubleBuffer
from interlock_hdl.record import RECORD_HEADER_BYTES, RECORD_MAX_LENGTH, RecordHeader
from interlock_hdl.wire import network

BLOCK_BYTES = BLOCK_BITS // 8
INTERVALS = (1, 2, 14)
"""Cycles a block."""
MAX_BODY_BLOCKS = RECORD_MAX_LENGTH // BLOCK_BYTES
MAX_BLOCKS = MAX_BODY_BLOCKS + 2
"""Of the string that a tag hashes: header, body and sizes."""
COUNTER_BITS, NONCE_ZEROS = 32, 32


class RecordPart(enum.Enum):
    """What a block is of a record."""

    HEADER = 0
    BODY = 1
    TAG = 2


class GcmBlock(data.StructLayout):
    """A block of a record on its way through GCM.

    Members
    -------
    slot, opens : whose key; the record is opened, not sealed
    first, last : the header; the tag
    bytes : of the body, in this block; less one
    block : byte 0 is bits 7:0
    """

    def __init__(self, slots: int) -> None:
        super().__init__(
            {
                "slot": range(slots),
                "opens": 1,
                "first": 1,
                "last": 1,
                "bytes": range(BLOCK_BYTES),
                "block": BLOCK_BITS,
            }
        )


class _BesideCipher(data.StructLayout):
    """A block, and what is known of it, for when its key stream is there.

    Members
    -------
    entry : the block
    kept : its bytes that are not zeros in what leaves
    is_hashed : as it is, for the cipher text is what is hashed
    following : of a header: blocks that are hashed behind it
    """

    def __init__(self, slots: int) -> None:
        super().__init__(
            {
                "entry": GcmBlock(slots),
                "kept": BLOCK_BYTES,
                "is_hashed": 1,
                "following": range(MAX_BLOCKS),
            }
        )


def gcm_ports(slots: int) -> dict[str, wiring.Member]:
    """Ports of what seals and opens records; see :class:`Gcm`."""
    blocks = stream.Signature(GcmBlock(slots))
    return {
        "keys": In(stream.Signature(key_request_layout(slots))),
        "loaded": Out(1),
        "loaded_slot": Out(range(slots)),
        "i": In(blocks),
        "o": Out(blocks),
        "inside": Out(slots),
        "wipe": In(1),
        "wiped": Out(1),
    }


def counter_block(seq: Value, counter: Value) -> Value:
    """What the cipher makes key stream of (7.1, steps 2 and 3)."""
    return Cat(Const(0, NONCE_ZEROS), network(seq), network(counter))


def sizes_block(length: Value) -> Value:
    """What the hash ends with, of a record with a body of so many bytes (7.1, step 5)."""
    body_bits = Cat(Const(0, 3), length, Const(0, 61 - len(length)))
    return Cat(network(Const(8 * RECORD_HEADER_BYTES, 64)), network(body_bits))


def body_blocks(length: Value) -> Value:
    """Blocks of a body of so many bytes."""
    return (length + BLOCK_BYTES - 1) >> exact_log2(BLOCK_BYTES)


class Gcm(wiring.Component):
    """Seals and opens records: the header is associated data, its ``seq`` the nonce.

    A record goes in as header, blocks of body, and a block for the tag: zeros to seal, the tag that came to
    open.  It comes out as header, the body the other way round, zeros behind its last byte, and the
    difference of the tag and what went in: the tag itself where that was zeros, and zeros where it was right.

    Every block goes through the cipher, that of the tag for nothing: so all of them keep the same pace, and
    no step waits for another.  The header's counter block masks the tag.

    The pipelines never stop; queues behind them have a place for every block inside.  No timing depends on
    keys or texts.

    A header waits as long as its tag will take: so at a block a cycle a record that comes without a gap
    leaves without one, the first after a pause too.

    **Throughput**: a block every ``interval`` cycles, records of any slots one after another without a gap.
    **Latency**: ``latency`` cycles for header and tag, and no more for the body, of a record before which no
    block waits at the entrance.

    Parameters
    ----------
    interval : int
        Cycles a block, one of ``INTERVALS``.
    slots : int
        How many keys are held.
    s_boxes : SBoxStyle

    Members
    -------
    keys, loaded, loaded_slot : In(stream of ``key_request_layout``), Out(1), Out
        Requests for keys, and the strobe that one is in use.  See :class:`GcmKeys`.
    i, o : In, Out (stream of ``GcmBlock``)
        Whole records: as many blocks of body as the header's ``length`` says.  Ready depends on registers
        only.
    inside : Out(slots)
        A record of the slot is inside, or was in the cycle before.
    wipe, wiped : In(1), Out(1)
        While ``wipe`` is high, nothing is offered, and everything is overwritten, blocks that are taken
        in its first two cycles, too; ``wiped`` once that is complete.  ``wipe`` must be high until then.
    """

    def __init__(self, *, interval: int, slots: int, s_boxes: SBoxStyle = SBoxStyle.LOGIC) -> None:
        if interval not in INTERVALS:
            raise ValueError(f"interval must be one of {INTERVALS} cycles, not {interval}")
        self.interval = interval
        self.slots = slots
        self.cipher = Aes256(interval=interval, slots=slots, label_bits=1, s_boxes=s_boxes)
        # The slowest hash, and smallest, that keeps up.
        options = {"slots": slots, "max_blocks": MAX_BLOCKS}
        if interval > 2:
            self.hasher = SerialGhash(digit_bits=16, **options)
        else:
            self.hasher = Ghash(interval=interval, **options)
        self.hash_latency = DoubleBuffer.latency + self.hasher.latency  # behind the cipher
        self.loader = GcmKeys(slots=slots, s_boxes=s_boxes)
        self.latency = DoubleBuffer.latency + self.cipher.latency + self.hash_latency
        super().__init__(gcm_ports(slots))

    def record_cycles(self, blocks: int, *, beats: int) -> int:
        """From a record's header that enters to the next one's, of a body of so many blocks.

        A block may enter no sooner than ``beats`` cycles after the one before.
        """
        return (blocks + 2) * max(self.interval, beats)

    def record_latency(self, blocks: int, *, beats: int) -> int:
        """From a record's header that enters to its tag at ``o``."""
        return self.record_cycles(blocks, beats=beats) - max(self.interval, beats) + self.latency

    def elaborate(self, platform) -> Module:
        m = Module()
        # To all that is inside it goes a cycle late, for it is much.
        wiping, loader_wiping = Signal(), Signal()
        m.d.sync += [wiping.eq(self.wipe), loader_wiping.eq(wiping)]
        control = Module()
        m.submodules.control = ResetInserter(wiping)(control)
        m.submodules.cipher = cipher = self.cipher
        m.submodules.hasher = hasher = self.hasher
        m.submodules.loader = loader = self.loader
        # Beside the cipher go the blocks themselves, and behind it those whose tag is not made yet.  A place
        # is free again two cycles after its block was taken.
        beside_depth, behind_depth = (
            max(2, 1 << ((latency + 2) // self.interval).bit_length())
            for latency in (cipher.latency, self.hash_latency)
        )
        m.submodules.beside = beside = ResultQueue(shape=_BesideCipher(self.slots), depth=beside_depth)
        m.submodules.behind = behind = ResultQueue(shape=self.o.p.shape(), depth=behind_depth)
        parts = (cipher, hasher, beside, behind)
        m.d.comb += [part.wipe.eq(wiping) for part in parts]
        m.d.comb += loader.wipe.eq(loader_wiping)  # far from the others, and it empties at once
        m.d.comb += self.wiped.eq(wiping & Cat(part.wiped for part in parts).all())

        # Whether a block may enter comes late: who sends it need not wait for that.
        control.submodules.entrance = entrance = DoubleBuffer(shape=self.i.p.shape())
        accepts = Signal()  # not in a wipe: a register of its own, for those of the parts are far from here
        control.d.sync += accepts.eq(1)
        m.d.comb += [
            entrance.i.valid.eq(self.i.valid & accepts),
            entrance.i.payload.eq(self.i.payload),
            self.i.ready.eq(entrance.i.ready & accepts),
        ]

        # Keys have their blocks encrypted between those of records.
        m.d.comb += [
            loader.i.valid.eq(self.keys.valid & ~loader_wiping),
            loader.i.payload.eq(self.keys.payload),
            self.keys.ready.eq(loader.i.ready & ~loader_wiping),
        ]
        wiring.connect(m, loader.round_keys, cipher.keys)
        wiring.connect(m, loader.hash_key, hasher.keys)
        m.d.comb += [self.loaded.eq(loader.done), self.loaded_slot.eq(loader.slot)]

        # Into the cipher: counter blocks, of which the first is the header's (7.1, steps 2 and 3).
        coming = entrance.o
        header = RecordHeader(network(coming.p.block))
        seq, seq_before = Signal(64), Signal(64)
        counter, counter_next = Signal(COUNTER_BITS), Signal(COUNTER_BITS)
        taken = coming.valid & coming.ready
        m.d.comb += [
            seq.eq(Mux(coming.p.first, header.seq, seq_before)),
            counter.eq(Mux(coming.p.first, 1, counter_next)),
        ]
        with control.If(taken):
            control.d.sync += [seq_before.eq(seq), counter_next.eq(counter + 1)]
        # What goes beside and behind does so a cycle later, which is early enough.
        control.d.sync += [
            beside.push.eq(taken),
            beside.payload.entry.eq(coming.p),
            beside.payload.kept.eq(Cat((n <= coming.p.bytes) | coming.p.first for n in range(BLOCK_BYTES))),
            beside.payload.is_hashed.eq(coming.p.first | coming.p.opens),
            beside.payload.following.eq(body_blocks(header.length) + 1),
        ]
        m.d.comb += [
            coming.ready.eq(cipher.i.ready & beside.room & ~loader.block.valid),
            beside.reserve.eq(taken),
            loader.block.ready.eq(cipher.i.ready),
            cipher.i.valid.eq(loader.block.valid | (coming.valid & beside.room)),
            cipher.i.p.label.eq(loader.block.valid),
            cipher.i.p.slot.eq(Mux(loader.block.valid, loader.slot, coming.p.slot)),
            cipher.i.p.block.eq(Mux(loader.block.valid, loader.block.payload, counter_block(seq, counter))),
        ]

        # Out of it: text under the key stream, into the hash and the queue behind.
        key_stream, entry = cipher.o.p, beside.o.p.entry
        for_record = cipher.o.valid & ~key_stream.label
        control.submodules.hashed = hashed = DoubleBuffer(shape=hasher.i.p.shape())  # on its way there
        room = behind.room & hashed.i.ready
        moves = for_record & beside.o.valid & room
        wiring.connect(m, hashed.o, hasher.i)
        kept = Cat(keeps.replicate(8) for keeps in beside.o.p.kept)
        text = Signal(BLOCK_BITS)
        result = Signal(self.o.p.shape())
        tag_mask, sizes = Signal(BLOCK_BITS), Signal(BLOCK_BITS)
        with control.If(beside.o.valid & entry.first):  # until it moves, which comes late
            length = RecordHeader(network(entry.block)).length
            control.d.sync += [tag_mask.eq(key_stream.block), sizes.eq(sizes_block(length))]
        m.d.comb += [
            text.eq(entry.block ^ key_stream.block),
            cipher.o.ready.eq(key_stream.label | (beside.o.valid & room)),
            beside.o.ready.eq(for_record & room),
            loader.encrypted.eq(key_stream.block),
            loader.encrypted_valid.eq(cipher.o.valid & key_stream.label),
            hashed.i.valid.eq(moves),
            hashed.i.p.first.eq(entry.first),
            hashed.i.p.following.eq(beside.o.p.following),
            hashed.i.p.slot.eq(entry.slot),
            hashed.i.p.block.eq(Mux(beside.o.p.is_hashed, entry.block, text) & kept),
            behind.reserve.eq(moves),
            result.eq(entry),
            result.block.eq(Mux(entry.first, entry.block, text) & kept),
        ]
        with m.If(entry.last):
            m.d.comb += [hashed.i.p.block.eq(sizes), result.block.eq(entry.block ^ tag_mask)]
        control.d.sync += [behind.push.eq(moves), behind.payload.eq(result)]

        # The tag, once the hash is there; a header, once a tag in its place would be.
        is_tag = behind.o.p.last
        ripening = Signal(self.hash_latency - 1)
        ripe = Signal(range(behind_depth + 1))  # headers that may leave
        may_leave = Signal()
        with m.If(self.wipe):
            m.d.comb += may_leave.eq(0)
        with m.Elif(is_tag):
            m.d.comb += may_leave.eq(hasher.o.valid)
        with m.Elif(behind.o.p.first):
            m.d.comb += may_leave.eq(ripe != 0)
        with m.Else():
            m.d.comb += may_leave.eq(1)
        control.d.sync += [
            ripening.eq(Cat(moves & entry.first, ripening)),
            ripe.eq(ripe + ripening[-1] - (self.o.valid & self.o.ready & self.o.p.first)),
        ]
        m.d.comb += [
            self.o.valid.eq(behind.o.valid & may_leave),
            self.o.p.eq(behind.o.p),
            behind.o.ready.eq(self.o.ready & may_leave),
            hasher.o.ready.eq(self.o.ready & may_leave & is_tag & behind.o.valid),
        ]
        with m.If(is_tag):
            m.d.comb += self.o.p.block.eq(behind.o.p.block ^ hasher.o.payload)

        # A record is counted as inside for a cycle longer than it is.
        left, left_slot = Signal(), Signal.like(self.o.p.slot)
        control.d.sync += [left.eq(self.o.valid & self.o.ready & is_tag), left_slot.eq(self.o.p.slot)]
        for slot in range(self.slots):
            records = Signal(range(3 + beside_depth + behind_depth), name=f"records_{slot}")
            enters = self.i.valid & self.i.ready & self.i.p.first & (self.i.p.slot == slot)
            leaves = left & (left_slot == slot)
            control.d.sync += records.eq(records + enters - leaves)
            m.d.comb += self.inside[slot].eq(records != 0)
        return m
