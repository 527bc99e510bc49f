"""Moves messages from their queues to scratch memory: RECEIVE, and the loader."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.lanes import LaneRead, LaneWrite


class Receiver(wiring.Component):
    """Waits for a message of one source, writes it to scratch memory and forgets it (docs/accelerator.md).

    For a RECEIVE that is all.  For the loader the payload's first word is a header: whether the rest is
    written, and where to, and whether a program is to be started.

    Latency: the number of words + 4 cycles from ``start`` to ``done`` for a waiting message.  Throughput: a
    word a cycle.

    Parameters
    ----------
    array_size : int
        Lanes of a word.
    words : int
        Words of scratch memory.
    links : int
        Source ``links`` is the host.
    queue_words : int
        Words of a queue.

    Members
    -------
    start : In(1)
        The next four must hold still from here to ``done``.
    loads : In(1)
        This is the loader.
    source : In(range(links + 1))
    y : In(range(words))
        RECEIVE: address of the first word.
    length : In(16)
        RECEIVE: what is longer than this many words is cut off.
    done : Out(1)
        Strobe in the last cycle.
    starts : Out(1)
        With ``done``, for the loader: a program is to be started, …
    target : Out(range(words))
        … at this address.
    available : In(links + 1)
    queue : Out(LaneRead)
    pop : Out(1)
    pop_words : Out(range(queue_words + 1))
        To :class:`MessageQueues`.
    write : Out(LaneWrite)
    """

    def __init__(self, *, array_size: int, words: int, links: int, queue_words: int) -> None:
        self.array_size = array_size
        self.words = words
        super().__init__(
            {
                "start": In(1),
                "loads": In(1),
                "source": In(range(links + 1)),
                "y": In(range(words)),
                "length": In(16),
                "done": Out(1),
                "starts": Out(1),
                "target": Out(range(words)),
                "available": In(links + 1),
                "queue": Out(LaneRead(words=queue_words, lanes=array_size)),
                "pop": Out(1),
                "pop_words": Out(range(queue_words + 1)),
                "write": Out(LaneWrite(words=words, lanes=array_size)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        queue, write = self.queue, self.write
        total = Signal.like(self.pop_words)  # words of the message
        end = Signal.like(self.pop_words)  # words that are wanted
        word = Signal.like(self.pop_words)  # the next one to be read, from 0
        address = Signal(range(self.words))
        arrives = Signal()
        m.d.sync += arrives.eq(0)
        with m.If(arrives):
            m.d.sync += address.eq(address + 1)
        m.d.comb += [
            write.enable.eq(arrives),
            write.address.eq(address),
            queue.address.eq(word + 1),
            self.pop_words.eq(total + 1),
        ]
        m.d.comb += [lane.eq(value) for lane, value in zip(write.lanes, queue.lanes, strict=True)]

        # The loader's header, as it arrives.
        load, start = queue.lanes[0][24], queue.lanes[0][25]
        load_address, start_address = queue.lanes[0][:16], queue.lanes[1][16:]

        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.next = "WAIT"
            with m.State("WAIT"):
                m.d.sync += [self.starts.eq(0), word.eq(0), address.eq(self.y)]
                m.d.comb += queue.address.eq(0)
                with m.If(self.available.bit_select(self.source, 1)):
                    m.d.comb += queue.enable.eq(1)
                    m.next = "COUNT"
            with m.State("COUNT"):
                number = queue.lanes[0][: len(total)]
                m.d.sync += [
                    total.eq(number),
                    end.eq(Mux(self.loads | (number < self.length), number, self.length)),
                ]
                m.d.comb += queue.enable.eq(1)
                m.next = "COPY"
                with m.If(self.loads):
                    m.d.sync += word.eq(1)
                    m.next = "HEADER"
            with m.State("HEADER"):
                m.next = "COPY"
                with m.If(total == 0):
                    m.next = "POP"
                with m.Else():
                    m.d.sync += [
                        address.eq(load_address),
                        self.starts.eq(start),
                        self.target.eq(start_address),
                    ]
                    with m.If(~load):
                        m.next = "POP"
            with m.State("COPY"):
                with m.If(word >= end):
                    m.next = "POP"
                with m.Else():
                    m.d.comb += queue.enable.eq(1)
                    m.d.sync += [word.eq(word + 1), arrives.eq(1)]
            with m.State("POP"):
                m.d.comb += [self.pop.eq(1), self.done.eq(1)]
                m.next = "IDLE"
        return m
