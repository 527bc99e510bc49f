"""Follows the records of a link beat by beat: what each beat is, and whether it may be that."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import Beat, keep_for
from interlock_hdl.crc32 import CRC_BITS
from interlock_hdl.record import (
    RECORD_HEADER_BYTES,
    RECORD_MAX_LENGTH,
    RECORD_VERSION,
    RecordFlag,
    RecordHeader,
    RecordType,
)
from interlock_hdl.wire import network

SEQ_BITS = 64
TYPE_OFFSET, FLAGS_OFFSET, LENGTH_OFFSET = 1, 2, 6  # in the header
CREDIT_BYTES = 8
HEADER_PARTS = 4  # in which headers are compared
ANY = RecordHeader.const(
    # Bits that may be either; what they may be together is looked at apart.
    {"type": 0b111, "flags": RecordFlag.SOM | RecordFlag.EOM, "length": 0xFFFF}
)


class RecordPlace(data.StructLayout):
    """What a beat is.

    Members
    -------
    header, body : part of these; neither in padding and tag
    begins, ends : first, last of the record
    first, last : of the body
    tag : has the tag's first bytes: of a CLEAR link, the CRC
    count : bytes of body, modulo the beat's size
    """

    def __init__(self, beat_bytes: int) -> None:
        flags = dict.fromkeys(("header", "body", "begins", "ends", "first", "last", "tag"), 1)
        super().__init__({**flags, "count": range(beat_bytes)})


class RecordParser(wiring.Component):
    """Knows where in a record the current beat is, and checks framing, header and sequence number.

    Zero bytes and the tag are checked elsewhere.  After ``wrong`` the outputs are of no use until a reset.

    Latency: 0, the outputs are about the beat at the inputs.  Throughput: one beat a cycle.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.
    sealed : bool
        The link is not CLEAR: CLEAR is no legal flag, channels have numbers, a tag is 16 bytes of any value.
    stop_bits : int
        Of a sealed link: sequence numbers are less than 2 to the power of that.
    record_bytes : int
        No body is longer.

    Members
    -------
    beat : In(Beat)
    valid : In(1)
        There is a beat.
    moves : In(1)
        It goes by in this cycle.
    channel : In(16)
        Of a sealed link alone: what its records have there.
    place : Out(RecordPlace)
        All zero unless ``valid``.
    zeros : Out(beat_bytes)
        The bytes that must be zero: padding, and of a CLEAR link the tag's last twelve.  Zero unless
        ``valid``.
    wrong : Out(6)
        Any bit: the beat breaks a rule.  The caller registers them one by one, for all of them together are
        a long way through logic.
    """

    def __init__(
        self,
        *,
        beat_bytes: int,
        sealed: bool = False,
        stop_bits: int = SEQ_BITS,
        record_bytes: int = RECORD_MAX_LENGTH,
    ) -> None:
        if not 1 <= stop_bits <= SEQ_BITS:
            raise ValueError(f"stop_bits must be 1 to {SEQ_BITS}, not {stop_bits}")
        self.beat_bytes = beat_bytes
        self.sealed = sealed
        self.stop_bits = stop_bits
        self.record_bytes = record_bytes
        super().__init__(
            {
                "beat": In(Beat(beat_bytes)),
                "valid": In(1),
                "moves": In(1),
                "place": Out(RecordPlace(beat_bytes)),
                "zeros": Out(beat_bytes),
                "wrong": Out(2 + HEADER_PARTS),
            }
            | ({"channel": In(16)} if sealed else {})
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        beat, place, beat_bytes = self.beat, self.place, self.beat_bytes
        block_beats = RECORD_HEADER_BYTES // beat_bytes  # header, padded body and tag are whole blocks
        position = Signal(range(block_beats))  # of this beat in its block
        block_begins = position == 0
        block_ends = position == block_beats - 1
        goes_by = self.valid & self.moves
        with m.If(goes_by):
            m.d.sync += position.eq(position + 1)

        seq = Signal(min(self.stop_bits + 1, SEQ_BITS))
        stopped = seq[self.stop_bits] if self.stop_bits < SEQ_BITS else Const(0)  # every number was used
        expected = Signal(RecordHeader)
        m.d.comb += [
            expected.seq.eq(seq),
            expected.version.eq(RECORD_VERSION),
            expected.type.eq(RecordType.PREFIX),
            expected.flags.eq(0 if self.sealed else RecordFlag.CLEAR),
            expected.channel.eq(self.channel if self.sealed else 0),
        ]
        expected_bits = network(expected).word_select(position, 8 * beat_bytes)
        any_bits = network(ANY).word_select(position, 8 * beat_bytes)

        # The length is taken at its word for as long as the record lasts: a wrong one is a fault anyway.
        length_beat, length_byte = divmod(LENGTH_OFFSET, beat_bytes)
        length = network(beat.data[8 * length_byte :][:16])
        type_here, flags_here = (beat.data.word_select(at, 8) for at in (TYPE_OFFSET, FLAGS_OFFSET))
        type_before = Signal(8)
        type = Mux(block_begins, type_here, type_before)
        of_message = (type == RecordType.PREFIX) | (type == RecordType.PAYLOAD)
        length_right = Signal()
        with m.If(of_message):
            m.d.comb += length_right.eq((length != 0) & (length <= self.record_bytes))
        with m.Else():
            m.d.comb += length_right.eq(length == Mux(type == RecordType.CREDIT, CREDIT_BYTES, 0))
        left = Signal(16)  # bytes of body, those of this beat included
        starting = Signal()  # no byte of the body went by yet
        body_ends = left <= beat_bytes

        rule_wrong = Signal()
        header_wrong = Signal(HEADER_PARTS)
        difference = (beat.data ^ expected_bits) & ~any_bits
        with m.FSM():
            with m.State("HEADER"):
                m.d.comb += [
                    place.header.eq(self.valid),
                    place.begins.eq(self.valid & block_begins),
                    *(part.eq(difference[n::HEADER_PARTS].any()) for n, part in enumerate(header_wrong)),
                ]
                unknown = (type_here < RecordType.PREFIX) | (type_here > RecordType.FULL_REQUEST)
                marked = flags_here & (RecordFlag.SOM | RecordFlag.EOM) != 0
                with m.If(block_begins & (unknown | (marked & ~of_message) | stopped)):
                    m.d.comb += rule_wrong.eq(1)
                no_body = Mux(position == length_beat, length == 0, left == 0)
                with m.If(position == length_beat):
                    with m.If(~length_right):
                        m.d.comb += rule_wrong.eq(1)
                    with m.If(goes_by):
                        m.d.sync += left.eq(length)
                with m.If(goes_by):
                    m.d.sync += starting.eq(1)
                    with m.If(block_begins):
                        m.d.sync += type_before.eq(type_here)
                    with m.If(block_ends):
                        m.d.sync += seq.eq(seq + 1)
                        m.next = "BODY"
                        with m.If(no_body):
                            m.next = "TAG"
            with m.State("BODY"):
                m.d.comb += [
                    place.body.eq(self.valid),
                    place.first.eq(self.valid & starting),
                    place.last.eq(self.valid & body_ends),
                ]
                with m.If(place.last):
                    m.d.comb += [place.count.eq(left), self.zeros.eq(~keep_for(left, beat_bytes))]
                with m.If(goes_by):
                    m.d.sync += [starting.eq(0), left.eq(left - beat_bytes)]
                    with m.If(body_ends):
                        m.next = "PADDING"
                        with m.If(block_ends):
                            m.next = "TAG"
            with m.State("PADDING"):
                m.d.comb += self.zeros.eq(self.valid.replicate(beat_bytes))
                with m.If(goes_by & block_ends):
                    m.next = "TAG"
            with m.State("TAG"):
                m.d.comb += [
                    place.tag.eq(self.valid & block_begins),
                    place.ends.eq(self.valid & block_ends),
                ]
                if not self.sealed:
                    with m.If(self.valid):
                        m.d.comb += self.zeros.eq(Mux(block_begins, ~((1 << CRC_BITS // 8) - 1), ~0))
                with m.If(goes_by & block_ends):
                    m.next = "HEADER"

        framing_wrong = (beat.first != place.begins) | (beat.last != place.ends) | ~beat.keep.all()
        wrong = Cat(framing_wrong, rule_wrong, header_wrong)
        m.d.comb += self.wrong.eq(Mux(self.valid, wrong, 0))
        return m
