"""Received messages wait here: one queue for each slot, and one for the host."""

from amaranth.hdl import Array, Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.lanes import LANE_BYTES, LaneMemory, LaneRead
from interlock_hdl.beat import beat_stream
from interlock_hdl.message import MESSAGE_HEADER_BYTES, Kind
from interlock_hdl.wire import network


class MessageQueues(wiring.Component):
    """Takes every beat that ``rx`` offers and keeps whole payloads, by source.

    PEER messages wait in the queue of their slot, EXTERNAL ones in queue ``links``; others are dropped.  In
    its queue a message is one word that says how many words follow, and its payload, the last word filled
    up with zeros.  A message that does not fit is dropped whole.

    Latency: a message can be read 3 cycles after its last beat.  Throughput: one beat a cycle.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat, not more than a word has.
    lanes : int
        Lanes of a word.
    links : int
        Slots.
    queue_words : int
        Words of a queue, a power of two.

    Members
    -------
    rx : In(beat stream)
        ``ready`` is always 1.
    available : Out(links + 1)
        Queues that are not empty.
    source : In(range(links + 1))
        The queue that is read.
    read : In(LaneRead)
        Its address counts from the oldest message's first word.
    pop : In(1)
        Forgets the first ``pop_words`` words of the queue.
    pop_words : In(range(queue_words + 1))
    wipe : In(1)
        Drops what ``rx`` offers, forgets everything and overwrites the memory with zeros.
    wiped : Out(1)
        That is complete.  Falls after ``wipe`` does.
    """

    def __init__(self, *, beat_bytes: int, lanes: int, links: int, queue_words: int) -> None:
        if beat_bytes > LANE_BYTES * lanes:
            raise ValueError(f"a beat of {beat_bytes} bytes does not fit a word of {LANE_BYTES * lanes}")
        if queue_words < 2 or queue_words & (queue_words - 1):
            raise ValueError(f"queue_words must be a power of two, at least 2, not {queue_words}")
        self.beat_bytes = beat_bytes
        self.lanes = lanes
        self.links = links
        self.queue_words = queue_words
        super().__init__(
            {
                "rx": In(beat_stream(beat_bytes)),
                "available": Out(links + 1),
                "source": In(range(links + 1)),
                "read": In(LaneRead(words=queue_words, lanes=lanes)),
                "pop": In(1),
                "pop_words": In(range(queue_words + 1)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        top = Module()
        queues = self.links + 1
        top.submodules.memory = memory = LaneMemory(words=queues * self.queue_words, lanes=self.lanes)
        top.d.comb += [memory.wipe.eq(self.wipe), self.wiped.eq(memory.wiped), self.rx.ready.eq(1)]
        m = Module()  # everything that `wipe` resets

        # Words between head and tail are in use; one bit more than an address tells full from empty.
        pointer = range(2 * self.queue_words)
        heads = Array(Signal(pointer, name=f"head_{i}") for i in range(queues))
        tails = Array(Signal(pointer, name=f"tail_{i}") for i in range(queues))

        # Reading.
        width = len(self.read.address)
        m.d.comb += [
            memory.read.enable.eq(self.read.enable),
            memory.read.address.eq(Cat((heads[self.source] + self.read.address)[:width], self.source)),
        ]
        m.d.comb += [self.available[i].eq(heads[i] != tails[i]) for i in range(queues)]
        m.d.comb += [shown.eq(lane) for shown, lane in zip(self.read.lanes, memory.read.lanes, strict=True)]
        with m.If(self.pop):
            m.d.sync += heads[self.source].eq(heads[self.source] + self.pop_words)

        # First stage: beats to words.
        beat = self.rx.p
        header_beats = MESSAGE_HEADER_BYTES // self.beat_bytes
        beats_a_word = LANE_BYTES * self.lanes // self.beat_bytes
        wanted = Signal()  # the message that is coming in
        source = Signal(range(queues))
        header_left = Signal(range(header_beats + 1))
        place = Signal(range(max(2, beats_a_word)))
        word = [Signal(32, name=f"word_{i}") for i in range(self.lanes)]
        store, finish = Signal(), Signal()
        m.d.sync += [store.eq(0), finish.eq(0)]
        with m.If(self.rx.valid):
            kind, slot = beat.data[:8], network(beat.data[16:32])
            from_peer = (kind == Kind.PEER) & (slot < self.links)
            known = from_peer | (kind == Kind.EXTERNAL)
            with m.If(beat.first):
                m.d.sync += [
                    wanted.eq(known & ~beat.last),
                    source.eq(Mux(from_peer, slot, self.links)),
                    header_left.eq(header_beats - 1),
                    finish.eq(known & beat.last & (header_beats == 1)),
                    place.eq(0),
                ]
            with m.Elif(wanted):
                m.d.sync += wanted.eq(~beat.last)
                with m.If(header_left != 0):
                    m.d.sync += [
                        header_left.eq(header_left - 1),
                        finish.eq(beat.last & (header_left == 1)),
                    ]
                with m.Else():
                    word_ends = place == beats_a_word - 1
                    m.d.sync += [
                        place.eq(Mux(word_ends, 0, place + 1)),
                        store.eq(word_ends | beat.last),
                        finish.eq(beat.last),
                    ]
                    lanes_a_beat = self.beat_bytes // LANE_BYTES
                    for i, lane in enumerate(word):
                        j = i % lanes_a_beat
                        keep = beat.keep.word_select(j, LANE_BYTES)
                        data = beat.data.word_select(j, 32) & Cat(bit.replicate(8) for bit in keep)
                        with m.If(place == i // lanes_a_beat):
                            m.d.sync += lane.eq(network(data))
                        with m.Elif(place == 0):
                            m.d.sync += lane.eq(0)

        # Second stage: words to the queue, behind a place for their number.  Third stage: that number.  It
        # does not meet the next message's first word, for a header comes between.
        words = Signal(range(self.queue_words + 1))  # stored of this message
        overfull = Signal()
        commit = Signal()
        commit_source = Signal.like(source)
        commit_words = Signal.like(words)
        used = Signal(range(self.queue_words + 1))
        fits = Signal()
        committing = Mux(commit & (commit_source == source), commit_words + 1, 0)
        m.d.comb += [
            used.eq(tails[source] - heads[source] + committing),
            fits.eq(~overfull & (used + 1 + words + store <= self.queue_words)),
        ]
        write = memory.write
        m.d.sync += commit.eq(finish & fits)
        with m.If(store):
            m.d.sync += [words.eq(words + 1), overfull.eq(~fits)]
            m.d.comb += [
                write.enable.eq(fits),
                write.address.eq(Cat((tails[source] + 1 + words)[:width], source)),
            ]
            m.d.comb += [lane.eq(value) for lane, value in zip(write.lanes, word, strict=True)]
        with m.If(finish):
            m.d.sync += [commit_source.eq(source), commit_words.eq(words + store)]
        with m.If(commit):
            m.d.comb += [
                write.enable.eq(1),
                write.address.eq(Cat(tails[commit_source][:width], commit_source)),
                write.lanes[0].eq(commit_words),
            ]
            m.d.sync += tails[commit_source].eq(tails[commit_source] + commit_words + 1)
        with m.If(self.rx.valid & beat.first):
            m.d.sync += [words.eq(0), overfull.eq(0)]

        top.submodules.control = ResetInserter(self.wipe)(m)
        return top
