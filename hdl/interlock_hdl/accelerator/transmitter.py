"""SEND: a message from scratch memory to ``tx``."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.lanes import LANE_BYTES, LaneRead
from interlock_hdl.beat import beat_stream, keep_for
from interlock_hdl.message import MESSAGE_HEADER_BYTES
from interlock_hdl.wire import network


class Transmitter(wiring.Component):
    """SEND: a header, then bytes of scratch memory (docs/accelerator.md).

    Latency: one cycle from ``start`` to the first beat; ``done`` in the cycle in which the last is taken.
    Throughput: one beat a cycle.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat, not more than a word has.
    array_size : int
        Lanes of a word.
    words : int
        Words of scratch memory.

    Members
    -------
    start : In(1)
        All that follows must hold still from here to ``done``.
    kind, flags : In(8)
    peer : In(16)
        Fields of the header, as the program wants them.
    a : In(range(words))
        Address of the payload.
    length : In(16)
        Bytes of payload.
    done : Out(1)
        Strobe in the last cycle.
    read : Out(LaneRead)
    tx : Out(beat stream)
        Bytes beyond ``keep`` are 0.
    """

    def __init__(self, *, beat_bytes: int, array_size: int, words: int) -> None:
        if beat_bytes > LANE_BYTES * array_size:
            raise ValueError(f"a beat of {beat_bytes} bytes does not fit a word of {LANE_BYTES * array_size}")
        self.beat_bytes = beat_bytes
        self.array_size = array_size
        self.words = words
        super().__init__(
            {
                "start": In(1),
                "kind": In(8),
                "flags": In(8),
                "peer": In(16),
                "a": In(range(words)),
                "length": In(16),
                "done": Out(1),
                "read": Out(LaneRead(words=words, lanes=array_size)),
                "tx": Out(beat_stream(beat_bytes)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        header_beats = MESSAGE_HEADER_BYTES // self.beat_bytes
        beats_a_word = LANE_BYTES * self.array_size // self.beat_bytes
        lanes_a_beat = self.beat_bytes // LANE_BYTES

        beat = self.tx.p
        header_left = Signal(range(max(2, header_beats)))
        left = Signal(16)  # bytes of payload
        place = Signal(range(max(2, beats_a_word)))
        address = Signal(range(self.words))
        m.d.comb += [beat.keep.eq(~0), self.read.address.eq(address)]

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [
                    header_left.eq(header_beats - 1),
                    left.eq(self.length),
                    place.eq(0),
                    address.eq(self.a + 1),
                ]
                with m.If(self.start):
                    m.d.comb += [self.read.enable.eq(1), self.read.address.eq(self.a)]
                    m.next = "HEADER"
            with m.State("HEADER"):
                ends = header_left == 0
                with m.If(header_left == header_beats - 1):
                    fields = Cat(self.kind, self.flags, network(self.peer))
                    m.d.comb += [beat.first.eq(1), beat.data.eq(fields)]
                m.d.comb += [self.tx.valid.eq(1), beat.last.eq(ends & (left == 0))]
                with m.If(self.tx.ready):
                    m.d.sync += header_left.eq(header_left - 1)
                    with m.If(beat.last):
                        m.d.comb += self.done.eq(1)
                        m.next = "IDLE"
                    with m.Elif(ends):
                        m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                lanes = [
                    Array(network(self.read.lanes[k * lanes_a_beat + j]) for k in range(beats_a_word))[place]
                    for j in range(lanes_a_beat)
                ]
                m.d.comb += [self.tx.valid.eq(1), beat.last.eq(left <= self.beat_bytes)]
                with m.If(beat.last):
                    m.d.comb += beat.keep.eq(keep_for(left, self.beat_bytes))
                m.d.comb += beat.data.eq(Cat(lanes) & Cat(keep.replicate(8) for keep in beat.keep))
                with m.If(self.tx.ready):
                    word_ends = place == beats_a_word - 1
                    m.d.sync += [left.eq(left - self.beat_bytes), place.eq(Mux(word_ends, 0, place + 1))]
                    with m.If(beat.last):
                        m.d.comb += self.done.eq(1)
                        m.next = "IDLE"
                    with m.Elif(word_ends):
                        m.d.comb += self.read.enable.eq(1)
                        m.d.sync += address.eq(address + 1)
        return m
