"""Where the sealed records of a link wait until each is there whole, and it is its turn to be opened."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.record import RECORD_MAX_LENGTH
from interlock_hdl.record_parser import RecordParser
from interlock_hdl.wire import network

MAX_REKEY_BITS = 32


class SealedRow(data.StructLayout):
    """What is kept of a beat.

    Members
    -------
    data : the beat's
    renews : where this is the header's last beat, the record is the last one under its key
    """

    def __init__(self, beat_bytes: int) -> None:
        super().__init__({"data": 8 * beat_bytes, "renews": 1})


class SealedInbox(wiring.Component):
    """Keeps the sealed records of one link that are right in everything but what only their tag tells.

    That is framing, header, sequence number and padding; what is kept are whole records, header to tag.  The
    first record that is wrong raises ``malformed``, as does whatever comes while there is no key; it and all
    that follows is taken and discarded.

    While ``open`` is low everything that arrives is taken and discarded, and the block is in its first state.

    Latency: ``latency`` cycles from a record's last beat to ``complete``, and ``PacketBuffer.latency`` from
    there to ``o``.  Throughput: one beat a cycle, records back to back; while none leaves, ``beats`` of them.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.
    rekey_bits, stop_bits : int
        A key is for 2 to the power of ``rekey_bits`` records, an epoch for 2 to that of ``stop_bits``.
    record_bytes : int
        A longer body breaks a rule.

    Members
    -------
    i : In(beat stream)
        The link.  Ready depends on registers and ``wipe`` alone.
    open : In(1)
        The epoch is open.
    drop : In(1)
        Nothing more is kept, until ``open`` falls; what is there stays.
    keyed, channel : In(1), In(16)
        There is a key; the number of its channel.
    o : Out(stream of SealedRow)
        Whole records.
    complete : Out(1)
        Strobe: one more will come out.
    malformed : Out(1)
        A rule was broken, by what comes after all that was ``complete``.  Latched until ``open`` falls.
    wipe, wiped : In(1), Out(1)
        Holds the block in reset and overwrites its buffer.
    """

    latency = 3

    def __init__(
        self, *, beat_bytes: int, rekey_bits: int, stop_bits: int, record_bytes: int = RECORD_MAX_LENGTH
    ) -> None:
        if not 1 <= rekey_bits <= min(MAX_REKEY_BITS, stop_bits):
            raise ValueError(
                f"rekey_bits must be 1 to {MAX_REKEY_BITS} and no more than stop_bits, not {rekey_bits}"
            )
        self.beat_bytes = beat_bytes
        self.rekey_bits = rekey_bits
        self.parser = RecordParser(
            beat_bytes=beat_bytes, sealed=True, stop_bits=stop_bits, record_bytes=record_bytes
        )
        # Two records of the largest size: at 16 bytes a beat, with header and tag and what stands behind the
        # memory, to the beat.
        self.depth = 2 * record_bytes // beat_bytes
        self.beats = self.latency + self.depth + PacketBuffer.registers
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "open": In(1),
                "drop": In(1),
                "keyed": In(1),
                "channel": In(16),
                "o": Out(stream.Signature(SealedRow(beat_bytes))),
                "complete": Out(1),
                "malformed": Out(1),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.buffer = buffer = PacketBuffer(shape=SealedRow(self.beat_bytes), depth=self.depth)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.d.comb += [buffer.flush.eq(~self.open), buffer.wipe.eq(self.wipe), self.wiped.eq(buffer.wiped)]
        m.submodules.checks = ResetInserter(~self.open | self.wipe)(self._checks(buffer))
        return m

    def _checks(self, buffer: PacketBuffer) -> Module:
        """Everything but the buffer: a pipeline of three stages."""
        m = Module()
        m.submodules.parser = parser = self.parser
        beat_bytes = self.beat_bytes
        moving = Signal()  # all stages move
        m.d.comb += self.i.ready.eq(moving & ~self.wipe)

        # Stage 1: the beat as it came is parsed.
        beat = parser.beat
        unkeyed = Signal()
        m.d.comb += [parser.moves.eq(moving), parser.channel.eq(self.channel)]
        with m.If(moving):
            m.d.sync += [beat.eq(self.i.p), parser.valid.eq(self.i.valid), unkeyed.eq(~self.keyed)]

        # Stages 2 and 3: what may be wrong is looked at in two steps.
        Stage = data.StructLayout(
            {"valid": 1, "ends": 1, "wrong": 1, "renews": 1, "data": beat.data.shape().width}
        )
        second, third = Signal(Stage), Signal(Stage)
        nonzero = Cat(beat.data.word_select(n, 8).any() for n in range(beat_bytes))
        stray = Signal(beat_bytes)
        wrong_parts = Signal.like(parser.wrong)
        # Big-endian, `seq` ends with the header.
        seq_end = network(second.data[-MAX_REKEY_BITS:])
        with m.If(moving):
            m.d.sync += [
                second.valid.eq(parser.valid),
                second.ends.eq(parser.place.ends),
                second.wrong.eq(parser.valid & unkeyed),
                second.data.eq(beat.data),
                wrong_parts.eq(parser.wrong),
                stray.eq(nonzero & parser.zeros),
                third.eq(second),
                third.wrong.eq(second.wrong | wrong_parts.any() | stray.any()),
                third.renews.eq(seq_end[: self.rekey_bits].all()),
                self.malformed.eq(self.malformed | third.wrong),
            ]

        # What is wrong is not kept, and nothing from there on is committed.
        kept = third.valid & ~third.wrong & ~self.malformed & ~self.drop
        m.d.comb += [
            moving.eq(~kept | buffer.i.ready),
            buffer.i.valid.eq(kept),
            buffer.i.p.data.eq(third.data),
            buffer.i.p.renews.eq(third.renews),
            self.complete.eq(kept & third.ends & buffer.i.ready),
            buffer.commit.eq(self.complete),
        ]
        return m
