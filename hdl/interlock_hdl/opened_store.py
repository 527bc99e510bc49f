"""Where the plaintext of a link's records stands until their tags were checked, and until it is read."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream, keep_for
from interlock_hdl.crypto.gcm import BLOCK_BYTES, MAX_BODY_BLOCKS
from interlock_hdl.crypto.result_queue import ResultQueue
from interlock_hdl.opened_records import OpenedHeader, OpenedRow
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.record import RECORD_MAX_LENGTH, RECORD_VERSION, RecordHeader


class OpenedStore(wiring.Component):
    """Keeps bodies and headers of the records of one link, and offers those that were committed.

    There is ``room`` if the largest record finds some: so that whatever was begun can be written, and no
    engine waits for this link's reader.

    While ``open`` is low nothing is kept nor offered, and every row of the memory is overwritten with zeros:
    so of a record that was not right, or not read, nothing is left.  There is no ``room`` until that is
    complete.

    Latency: from ``commit``, ``ResultQueue.latency`` to its header, ``PacketBuffer.latency`` to its body.
    From the first cycle with ``open`` low to ``room``, ``clear_cycles``.  Throughput: one beat a cycle.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.
    records : int
        Bodies of the largest size that there is place for.
    headers : int
        Headers; a power of two.
    seq_bits : int
        Bits of sequence numbers.
    record_bytes : int
        The largest size, whole blocks.

    Attributes
    ----------
    largest : int
        Blocks of the longest body.

    Members
    -------
    open : In(1)
    room : Out(1)
        Another record may begin.
    begins, blocks : In(1), In(range(MAX_BODY_BLOCKS + 1))
        Strobe: one begins, whose body takes so many blocks.
    left : In(1)
        Strobe: a block of a body was written, or dropped.
    stale : In(1)
        What begins or is written is of an epoch that has ended, and is dropped.
    write, row : In(1), In(OpenedRow)
    commit, header_in : In(1), In(OpenedHeader)
        Strobe: the record that was written is right; what its header says.
    channel : In(16)
        Of all of them.
    header : Out(stream of RecordHeader)
        One for each record, offered before its body is.
    body : Out(beat stream)
        The bodies, without padding; ``first`` and ``last`` delimit each.
    wipe, wiped : In(1), Out(1)
        Holds the block in reset and overwrites its memories.
    """

    def __init__(
        self,
        *,
        beat_bytes: int,
        records: int,
        headers: int,
        seq_bits: int,
        record_bytes: int = RECORD_MAX_LENGTH,
    ) -> None:
        self.beat_bytes = beat_bytes
        self.block_beats = BLOCK_BYTES // beat_bytes
        self.largest = record_bytes // BLOCK_BYTES
        self.depth = records * self.largest * self.block_beats
        self.clear_cycles = self.depth + 3
        self.headers = headers
        self.seq_bits = seq_bits
        super().__init__(
            {
                "open": In(1),
                "room": Out(1),
                "begins": In(1),
                "blocks": In(range(MAX_BODY_BLOCKS + 1)),
                "left": In(1),
                "stale": In(1),
                "write": In(1),
                "row": In(OpenedRow(beat_bytes)),
                "commit": In(1),
                "header_in": In(OpenedHeader),
                "channel": In(16),
                "header": Out(stream.Signature(RecordHeader)),
                "body": Out(beat_stream(beat_bytes)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.buffer = buffer = PacketBuffer(shape=OpenedRow(self.beat_bytes), depth=self.depth)
        queue = ResultQueue(shape=OpenedHeader, depth=self.headers)
        # Its wipe counts cycles, and must not be reset.
        m.submodules.queue = ResetInserter(~self.open & ~self.wipe)(queue)
        control = Module()
        m.submodules.control = ResetInserter(~self.open | self.wipe)(control)

        clearing = Signal(init=1)
        with m.If(~self.open):
            m.d.sync += clearing.eq(1)
        with m.Elif(buffer.wiped):
            m.d.sync += clearing.eq(0)
        m.d.comb += [
            buffer.wipe.eq(self.wipe | clearing),
            buffer.flush.eq(~self.open),
            queue.wipe.eq(self.wipe),
            self.wiped.eq(buffer.wiped & queue.wiped),
        ]

        # Room.  What is begun counts in whole blocks until it is written, and then in what it took.
        begun = Signal(range(self.depth // self.block_beats + 1))
        roomy = Signal()
        m.d.sync += [
            begun.eq(begun + Mux(self.begins, self.blocks, 0) - self.left),
            roomy.eq((buffer.free // self.block_beats >= begun + self.largest) & ~clearing),
        ]
        with m.If(self.wipe):
            m.d.sync += [begun.eq(0), roomy.eq(0)]
        m.d.comb += [
            self.room.eq(roomy & queue.room),
            queue.reserve.eq(self.begins & ~self.stale),
            buffer.i.valid.eq(self.write & ~self.stale),
            buffer.i.payload.eq(self.row),
            buffer.commit.eq(self.commit),
            queue.push.eq(self.commit),
            queue.payload.eq(self.header_in),
        ]

        # Headers, whole again: what was checked before is as it must have been.
        seq = Signal(self.seq_bits)
        with control.If(self.header.valid & self.header.ready):
            control.d.sync += seq.eq(seq + 1)
        m.d.comb += [
            self.header.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.header.ready),
            self.header.p.version.eq(RECORD_VERSION),
            self.header.p.type.eq(queue.o.p.type),
            self.header.p.flags.eq(queue.o.p.flags),
            self.header.p.channel.eq(self.channel),
            self.header.p.length.eq(queue.o.p.length),
            self.header.p.seq.eq(seq),
        ]

        # Bodies.
        row = buffer.o.p
        starting = Signal(init=1)
        with control.If(self.body.valid & self.body.ready):
            control.d.sync += starting.eq(row.last)
        m.d.comb += [
            self.body.valid.eq(buffer.o.valid),
            buffer.o.ready.eq(self.body.ready),
            self.body.p.data.eq(row.data),
            self.body.p.keep.eq(Mux(row.last, keep_for(row.count, self.beat_bytes), ~0)),
            self.body.p.first.eq(starting),
            self.body.p.last.eq(row.last),
        ]
        return m
