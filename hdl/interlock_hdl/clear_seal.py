"""The CLEAR profile's seal: gives records sequence number, padding and CRC, and sends them to their links."""

from amaranth.hdl import Array, Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream, keep_count
from interlock_hdl.crc32 import Crc32
from interlock_hdl.ports import RecordBeat
from interlock_hdl.record import RECORD_HEADER_BYTES, RecordFlag, RecordHeader
from interlock_hdl.wire import network

SEQ_BITS = 64


class ClearSeal(wiring.Component):
    """Finishes records for all links, one after another, and keeps a sequence number for each link.

    A record comes in as header (``seq`` 0, flag CLEAR not set) and ``length`` bytes of body, and leaves
    with ``seq`` and CLEAR filled in, zero bytes up to a multiple of 16, and the tag;
    ``docs/specification.md``, section *Records*.  A link that is not ready holds up the links behind it.

    ``flush`` ends an epoch: what is inside for that slot, or comes in together with it, is gone from the
    next cycle on, what is offered at ``o`` included, and the rest of a record that it cut is dropped as it
    arrives.

    Latency: ``latency`` cycles from a beat at ``i`` to ``o``.  Throughput: one beat a cycle at ``o``; ``i``
    waits only while padding and tag are made.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.
    links : int
        Slots.

    Members
    -------
    i : In(stream of RecordBeat)
        ``first`` on the first beat of the header, ``last`` and ``keep`` at the end of the body.  Ready
        depends on registers and ``wipe`` alone.
    flush : In(links)
        For each slot, strobe or level.
    wipe : In(1)
        Holds the block in reset.
    o : Out(beat stream) array of ``links``
        Whole records, ``keep`` all ones.
    """

    latency = Crc32.latency + 1

    def __init__(self, *, beat_bytes: int, links: int) -> None:
        if links < 1:
            raise ValueError(f"links must be at least 1, not {links}")
        self.beat_bytes = beat_bytes
        self.links = links
        super().__init__(
            {
                "i": In(stream.Signature(RecordBeat(beat_bytes, links))),
                "flush": In(links),
                "wipe": In(1),
                "o": Out(beat_stream(beat_bytes)).array(links),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        beat = self.i.p
        block_beats = RECORD_HEADER_BYTES // self.beat_bytes  # header, padded body and tag are whole blocks
        Stage = data.StructLayout(
            {
                "valid": 1,
                "tag": 1,
                "first": 1,
                "last": 1,
                "slot": beat.slot.shape(),
                "data": 8 * self.beat_bytes,
            }
        )
        arriving = Signal(Stage)
        stages = [Signal(Stage, name=f"stage_{n}") for n in range(Crc32.latency)]
        finished, offered, skid = Signal(Stage), Signal(Stage), Signal(Stage)
        moving = Signal()  # all stages move; from a register alone, so that `ready` is
        m.d.comb += moving.eq(~skid.valid)

        def survives(stage: data.View) -> Value:
            return stage.valid & ~self.flush.bit_select(stage.slot, 1)

        # A record's way in: its own beats, then padding up to a whole block, then the tag.
        running = Signal()  # the next beat continues a record
        in_header = Signal()
        position = Signal(range(block_beats))  # of the next beat in its block
        slot = Signal.like(beat.slot)
        seqs = [Signal(SEQ_BITS, name=f"seq_{n}") for n in range(self.links)]
        taken = self.i.valid & self.i.ready
        beat_slot = Mux(beat.first, beat.slot, slot)
        beat_position = Mux(beat.first, 0, position)
        beat_in_header = beat.first | in_header
        block_ends = Signal()

        additions = Signal(RecordHeader)
        m.d.comb += [additions.flags.eq(RecordFlag.CLEAR), additions.seq.eq(Array(seqs)[beat_slot])]
        addition = network(additions).word_select(beat_position, 8 * self.beat_bytes)
        kept = Cat(beat.data.word_select(n, 8) & keep.replicate(8) for n, keep in enumerate(beat.keep))

        with m.FSM() as fsm:
            with m.State("BEATS"):
                m.d.comb += [
                    self.i.ready.eq(moving & ~self.wipe),
                    arriving.valid.eq(taken & (beat.first | running)),
                    arriving.first.eq(beat.first),
                    arriving.slot.eq(beat_slot),
                    arriving.data.eq(Mux(beat_in_header, kept | addition, kept)),
                    block_ends.eq(beat_position == block_beats - 1),
                ]
                with m.If(taken):
                    m.d.sync += [
                        running.eq(survives(arriving) & ~beat.last),
                        in_header.eq(beat_in_header & ~block_ends),
                        position.eq(beat_position + 1),
                        slot.eq(beat_slot),
                    ]
                    with m.If(survives(arriving) & beat.last):
                        m.next = "PADDING"
                        with m.If(block_ends):
                            m.next = "TAG"
                with m.Elif(self.flush.bit_select(slot, 1)):
                    m.d.sync += running.eq(0)
            with m.State("PADDING"):
                m.d.comb += [arriving.valid.eq(1), arriving.slot.eq(slot)]
                m.d.comb += block_ends.eq(position == block_beats - 1)
                with m.If(moving):
                    m.d.sync += position.eq(position + 1)
                    with m.If(block_ends):
                        m.next = "TAG"
                with m.If(~survives(arriving)):
                    m.next = "BEATS"
            with m.State("TAG"):
                m.d.comb += [arriving.valid.eq(1), arriving.slot.eq(slot)]
                m.d.comb += block_ends.eq(position == block_beats - 1)
                m.d.comb += [arriving.tag.eq(position == 0), arriving.last.eq(block_ends)]
                with m.If(moving):
                    m.d.sync += position.eq(position + 1)
                with m.If((moving & block_ends) | ~survives(arriving)):
                    m.next = "BEATS"

        for n, seq in enumerate(seqs):
            with m.If(self.flush[n]):
                m.d.sync += seq.eq(0)
            with m.Elif(arriving.valid & taken & beat.last & (beat_slot == n)):
                m.d.sync += seq.eq(seq + 1)

        # Beats go by beside their CRC, which is ready in time for the tag.
        m.submodules.crc = crc = Crc32(beat_bytes=self.beat_bytes)
        m.d.comb += [crc.en.eq(moving), crc.first.eq(stages[0].first), crc.data.eq(stages[0].data)]
        with m.If(moving):
            m.d.sync += crc.valid.eq(arriving.valid & fsm.ongoing("BEATS"))
            m.d.sync += crc.padding.eq(-keep_count(beat.keep))
        previous = arriving
        for stage in stages:
            with m.If(moving):
                m.d.sync += [stage.eq(previous), stage.valid.eq(survives(previous))]
            with m.Else():
                m.d.sync += stage.valid.eq(survives(stage))
            previous = stage
        m.d.comb += finished.eq(previous)
        with m.If(previous.tag):
            m.d.comb += finished.data.eq(network(crc.crc))

        # Out: a register, and a second one for the beat that is under way when the link stops being ready.
        leaves = ~offered.valid | Array(link.ready for link in self.o)[offered.slot]
        with m.If(leaves):
            with m.If(skid.valid):
                m.d.sync += [offered.eq(skid), offered.valid.eq(survives(skid)), skid.valid.eq(0)]
            with m.Else():
                m.d.sync += [offered.eq(finished), offered.valid.eq(survives(finished))]
        with m.Else():
            m.d.sync += offered.valid.eq(survives(offered))
            with m.If(skid.valid):
                m.d.sync += skid.valid.eq(survives(skid))
            with m.Else():
                m.d.sync += [skid.eq(finished), skid.valid.eq(survives(finished))]
        for n, link in enumerate(self.o):
            m.d.comb += [
                link.valid.eq(offered.valid & (offered.slot == n) & ~self.wipe),
                link.p.data.eq(offered.data),
                link.p.keep.eq(~0),
                link.p.first.eq(offered.first),
                link.p.last.eq(offered.last),
            ]
        return ResetInserter(self.wipe)(m)
