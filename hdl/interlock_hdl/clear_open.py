"""The CLEAR profile's open: checks whole records, and lets only what is right pass."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import Beat, beat_stream, keep_for
from interlock_hdl.crc32 import CRC_BITS, Crc32
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.record import (
    RECORD_HEADER_BYTES,
    RECORD_MAX_LENGTH,
    RECORD_VERSION,
    RecordFlag,
    RecordHeader,
    RecordType,
)
from interlock_hdl.register_queue import RegisterQueue
from interlock_hdl.wire import network

LENGTH_OFFSET = 6  # of `length` in a record's header
RECORD_TYPES = (RecordType.PREFIX, RecordType.PAYLOAD)
RECORD_FLAGS = RecordFlag.SOM | RecordFlag.EOM | RecordFlag.CLEAR


class ClearOpen(wiring.Component):
    """Checks the records that arrive from one link, and offers header and body of each one that is right.

    A record is offered only after all of it was checked: framing, header, sequence number, padding, tag
    (``docs/specification.md``, section *What closes a channel*).  The first that is wrong raises ``fault``,
    and nothing from it on is offered; it and all that follows is taken and discarded.

    While ``open`` is low everything that arrives is taken and discarded, and the block is in its first
    state; what it still offers in the first cycle of that is gone in the next.

    Latency: ``latency`` cycles from a record's last beat to its header, ``latency + 2`` to its body.
    Throughput: one beat a cycle, records back to back.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.

    Members
    -------
    i : In(beat stream)
        The link.  Ready depends on registers and ``wipe`` alone.
    open : In(1)
        The epoch is open.  A beat belongs to it if it is taken in a cycle with ``open``.
    header : Out(stream of RecordHeader)
        One for each record, offered before its body is.
    body : Out(beat stream)
        The bodies, without padding; ``first`` and ``last`` delimit each.
    fault : Out(1)
        The stream broke a rule.  Latched until ``open`` falls.
    wipe : In(1)
        Holds the block in reset and overwrites its buffer.
    wiped : Out(1)
        That is complete.
    """

    latency = 6

    def __init__(self, *, beat_bytes: int) -> None:
        self.beat_bytes = beat_bytes
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "open": In(1),
                "header": Out(stream.Signature(RecordHeader)),
                "body": Out(beat_stream(beat_bytes)),
                "fault": Out(1),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.buffer = buffer = PacketBuffer(
            beat_bytes=self.beat_bytes, depth=2 * RECORD_MAX_LENGTH // self.beat_bytes
        )
        wiring.connect(m, buffer.o, wiring.flipped(self.body))
        m.d.comb += [buffer.flush.eq(~self.open), buffer.wipe.eq(self.wipe), self.wiped.eq(buffer.wiped)]
        m.submodules.checks = ResetInserter(~self.open | self.wipe)(self._checks(buffer))
        return m

    def _checks(self, buffer: PacketBuffer) -> Module:
        """Everything but the buffer: a pipeline of four stages, the verdicts, and the queue of headers."""
        m = Module()
        beat_bytes = self.beat_bytes
        block_beats = RECORD_HEADER_BYTES // beat_bytes  # header, padded body and tag are whole blocks
        m.submodules.queue = queue = RegisterQueue(shape=RecordHeader, depth=2)
        wiring.connect(m, queue.o, wiring.flipped(self.header))

        moving = Signal()  # all stages move
        raw = Signal(Beat(beat_bytes))
        raw_valid = Signal()
        m.d.comb += self.i.ready.eq(moving & ~self.wipe)
        with m.If(moving):
            m.d.sync += [raw.eq(self.i.p), raw_valid.eq(self.i.valid & ~self.wipe)]

        # Stage 1: where in the record the beat is, and what it must therefore be.  The header is checked
        # later, but for its length: until then that is taken at its word.
        Stage = data.StructLayout(
            {
                "header": 1,
                "body": 1,
                "tag": 1,  # the beat with the CRC
                "first": 1,  # of the body
                "last": 1,  # of the body
                "ends": 1,  # the record
                "count": range(beat_bytes),  # bytes of the body in its last beat, 0: all
                "wrong": 1,
                "data": 8 * beat_bytes,
            }
        )
        parsed = Signal(Stage)
        begins = Signal()
        must_be_zero = Signal(beat_bytes)
        position = Signal(range(block_beats))  # of the beat in its block
        block_ends = position == block_beats - 1
        left = Signal(16)  # bytes of the body, this beat included
        first_of_body = Signal()
        body_ends = left <= beat_bytes
        length_beat, length_byte = divmod(LENGTH_OFFSET, beat_bytes)
        m.d.comb += parsed.data.eq(raw.data)

        with m.If(moving & raw_valid):
            m.d.sync += position.eq(position + 1)
        with m.FSM():
            with m.State("HEADER"):
                m.d.comb += [parsed.header.eq(raw_valid), begins.eq(position == 0)]
                with m.If(moving & raw_valid):
                    m.d.sync += first_of_body.eq(1)
                    with m.If(position == length_beat):
                        m.d.sync += left.eq(network(raw.data[8 * length_byte :][:16]))
                    with m.If(block_ends):
                        m.next = "BODY"
            with m.State("BODY"):
                m.d.comb += [parsed.body.eq(raw_valid)]
                m.d.comb += [
                    parsed.first.eq(raw_valid & first_of_body),
                    parsed.last.eq(raw_valid & body_ends),
                ]
                with m.If(body_ends):
                    m.d.comb += [parsed.count.eq(left), must_be_zero.eq(~keep_for(left, beat_bytes))]
                with m.If(moving & raw_valid):
                    m.d.sync += [first_of_body.eq(0), left.eq(left - beat_bytes)]
                    with m.If(body_ends):
                        m.next = "PADDING"
                        with m.If(block_ends):
                            m.next = "TAG"
            with m.State("PADDING"):
                m.d.comb += must_be_zero.eq(~0)
                with m.If(moving & raw_valid & block_ends):
                    m.next = "TAG"
            with m.State("TAG"):
                m.d.comb += [
                    parsed.tag.eq(raw_valid & (position == 0)),
                    parsed.ends.eq(raw_valid & block_ends),
                ]
                m.d.comb += must_be_zero.eq(Mux(position == 0, ~((1 << CRC_BITS // 8) - 1), ~0))
                with m.If(moving & raw_valid & block_ends):
                    m.next = "HEADER"
        m.d.comb += parsed.wrong.eq(
            raw_valid & ((raw.first != begins) | (raw.last != parsed.ends) | ~raw.keep.all())
        )

        m.submodules.crc = crc = Crc32(beat_bytes=beat_bytes)
        m.d.comb += [
            crc.en.eq(moving),
            crc.valid.eq(parsed.header | parsed.body),
            crc.first.eq(begins),
            crc.data.eq(raw.data),
            crc.padding.eq(-parsed.count),
        ]

        # Stages 2 to 4: bytes that must be zero are looked at in two steps, while the CRC is computed.
        second, third, fourth = (Signal(Stage, name=name) for name in ("second", "third", "fourth"))
        nonzero = Signal(beat_bytes)
        computed = Signal(CRC_BITS)
        with m.If(moving):
            m.d.sync += [
                second.eq(parsed),
                nonzero.eq(
                    must_be_zero
                    & raw_valid.replicate(beat_bytes)
                    & Cat(raw.data.word_select(n, 8).any() for n in range(beat_bytes))
                ),
                third.eq(second),
                third.wrong.eq(second.wrong | nonzero.any()),
                fourth.eq(third),
                computed.eq(crc.crc),
            ]

        # The header, collected as it leaves stage 4, and checked when the body's first beat is there.
        header = Signal(RecordHeader)
        expected_seq = Signal(64)
        header_right = (
            (header.version == RECORD_VERSION)
            & Cat(header.type == record_type for record_type in RECORD_TYPES).any()
            & ((header.flags & ~RECORD_FLAGS) == 0)
            & ((header.flags & RecordFlag.CLEAR) != 0)
            & (header.reserved == 0)
            & (header.channel == 0)
            & (header.length != 0)
            & (header.length <= RECORD_MAX_LENGTH)
            & (header.seq == expected_seq)
        )
        with m.If(moving & fourth.header):
            m.d.sync += header.eq(network(Cat(network(header), fourth.data)[8 * beat_bytes :]))

        # The verdict.  What is found wrong stays wrong, so that nothing after it can be verified.
        wrong = Signal()
        verified = Signal()  # a record is right and waits for room in the queue
        waiting = verified & ~queue.i.ready
        m.d.comb += wrong.eq(
            fourth.wrong
            | (fourth.first & ~header_right)
            | (fourth.tag & (fourth.data[:CRC_BITS] != network(computed)))
        )
        with m.If(queue.i.ready):
            m.d.sync += verified.eq(0)
        with m.If(moving):
            m.d.sync += self.fault.eq(self.fault | wrong)
            m.d.sync += verified.eq(fourth.ends & ~wrong & ~self.fault)
        with m.If(buffer.commit):
            m.d.sync += expected_seq.eq(expected_seq + 1)
        m.d.comb += [
            moving.eq(~waiting & ~(buffer.i.valid & ~buffer.i.ready)),
            buffer.i.valid.eq(fourth.body & ~self.fault & ~waiting),
            buffer.i.p.data.eq(fourth.data),
            buffer.i.p.keep.eq(keep_for(fourth.count, beat_bytes)),
            buffer.i.p.first.eq(fourth.first),
            buffer.i.p.last.eq(fourth.last),
            buffer.commit.eq(verified & queue.i.ready),
            buffer.discard.eq(self.fault),
            queue.i.valid.eq(verified),
            queue.i.payload.eq(header),
        ]
        return m
