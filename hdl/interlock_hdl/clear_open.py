"""The CLEAR profile's open: checks whole records, and lets only what is right pass."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import Beat, beat_stream, keep_for
from interlock_hdl.crc32 import CRC_BITS, Crc32
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.record import RECORD_MAX_LENGTH, RecordHeader
from interlock_hdl.record_parser import RecordParser, RecordPlace
from interlock_hdl.register_queue import RegisterQueue
from interlock_hdl.wire import network


class ClearOpen(wiring.Component):
    """Checks the records that arrive from one link, and offers header and body of each one that is right.

    A record is offered only after all of it was checked: framing, header, sequence number, padding, tag
    (``docs/specification.md``, section *What closes a channel*).  The first that is wrong raises ``fault``,
    and nothing from it on is offered; it and all that follows is taken and discarded.

    While ``open`` is low everything that arrives is taken and discarded, and the block is in its first
    state; what it still offers in the first cycle of that is gone in the next.

    Latency: ``latency`` cycles from a record's last beat to its header, ``latency + 4`` to its body.
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
        Holds the block in reset and overwrites its buffer: takes nothing from now on, and offers nothing from
        the next cycle on.
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
            shape=Beat(self.beat_bytes), depth=2 * RECORD_MAX_LENGTH // self.beat_bytes
        )
        wiring.connect(m, buffer.o, wiring.flipped(self.body))
        m.d.comb += [buffer.flush.eq(~self.open), buffer.wipe.eq(self.wipe), self.wiped.eq(buffer.wiped)]
        m.submodules.checks = ResetInserter(~self.open | self.wipe)(self._checks(buffer))
        return m

    def _checks(self, buffer: PacketBuffer) -> Module:
        """Everything but the buffer: a pipeline of four stages, the verdicts, and the queue of headers."""
        m = Module()
        beat_bytes = self.beat_bytes
        m.submodules.parser = parser = RecordParser(beat_bytes=beat_bytes)
        m.submodules.crc = crc = Crc32(beat_bytes=beat_bytes)
        m.submodules.queue = queue = RegisterQueue(shape=RecordHeader, depth=2)
        m.d.comb += [
            self.header.payload.eq(queue.o.payload),
            self.header.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.header.ready),
        ]

        moving = Signal()  # all stages move
        m.d.comb += self.i.ready.eq(moving & ~self.wipe)

        # Stage 1: the beat as it came is parsed, and given to the CRC.
        beat = parser.beat
        with m.If(moving):
            m.d.sync += [beat.eq(self.i.p), parser.valid.eq(self.i.valid)]
        m.d.comb += [
            parser.moves.eq(moving),
            crc.en.eq(moving),
            crc.valid.eq(parser.place.header | parser.place.body),
            crc.first.eq(parser.place.begins),
            crc.data.eq(beat.data),
            crc.padding.eq(-parser.place.count),
        ]

        # Stages 2 to 4: bytes that must be zero, and what else may be wrong, are looked at in two steps while
        # the CRC is computed.
        Stage = data.StructLayout({"place": RecordPlace(beat_bytes), "wrong": 1, "data": 8 * beat_bytes})
        second, third, fourth = (Signal(Stage, name=name) for name in ("second", "third", "fourth"))
        nonzero = Cat(beat.data.word_select(n, 8).any() for n in range(beat_bytes))
        stray = Signal(beat_bytes)
        wrong_parts = Signal.like(parser.wrong)
        computed = Signal(CRC_BITS)
        with m.If(moving):
            m.d.sync += [
                second.place.eq(parser.place),
                wrong_parts.eq(parser.wrong),
                second.data.eq(beat.data),
                stray.eq(nonzero & parser.zeros),
                third.eq(second),
                third.wrong.eq(wrong_parts.any() | stray.any()),
                fourth.eq(third),
                computed.eq(crc.crc),
            ]
        place = fourth.place
        tag_wrong = place.tag & (fourth.data[:CRC_BITS] != network(computed))
        wrong = fourth.wrong | tag_wrong

        # The verdict.  A fault stays, so that nothing after it can be verified; what it leaves uncommitted
        # goes when `open` falls.  Where a record ends there is no beat of the next body in stage 4 yet:
        # `commit` takes this record's alone.
        header = Signal(RecordHeader)
        verified = Signal()
        waiting = verified & ~queue.i.ready
        m.d.comb += moving.eq(~waiting & ~(buffer.i.valid & ~buffer.i.ready))
        with m.If(queue.i.ready):
            m.d.sync += verified.eq(0)
        with m.If(moving):
            m.d.sync += [
                self.fault.eq(self.fault | wrong),
                verified.eq(place.ends & ~wrong & ~self.fault),
            ]
            with m.If(place.header):
                m.d.sync += header.eq(network(Cat(network(header), fourth.data)[8 * beat_bytes :]))
        m.d.comb += [
            buffer.i.valid.eq(place.body & ~self.fault & ~waiting),
            buffer.i.p.data.eq(fourth.data),
            buffer.i.p.keep.eq(keep_for(place.count, beat_bytes)),
            buffer.i.p.first.eq(place.first),
            buffer.i.p.last.eq(place.last),
            buffer.commit.eq(verified & queue.i.ready),
            queue.i.valid.eq(verified),
            queue.i.payload.eq(header),
        ]
        return m
