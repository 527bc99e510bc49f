"""An accelerator that does what scripts tell it: a test decides over every beat and every op event."""

from amaranth.hdl import Array, Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.accelerator.lanes import LANE_BYTES, LaneMemory
from interlock_hdl.beat import beat_stream, keep_for
from interlock_hdl.events import OpEvent
from interlock_hdl.message import MESSAGE_HEADER_BYTES, Kind
from interlock_hdl.wire import network, wire_layout

from lib.script import WORD_BYTES, Op

LANES = WORD_BYTES // LANE_BYTES

EVENT = wire_layout(op=8, port=8, op_class=8, zero=8, count=16, every=16, repeat=32, end=32)
"""EVENT, and BURST: ``every`` is only BURST's, ``repeat`` only EVENT's."""
WORDS = wire_layout(op=8, last=8, keep=8, zero=8, seed=32, words=32, end=32)
"""HEAD, RAW and DATA: ``seed`` and ``words`` are only DATA's."""
WAIT = wire_layout(op=8, zero=24, cycles=32, end=64)


class Puppet(wiring.Component):
    """Carries out a script, one op after the other (``lib.script``); has the ports of an ``Accelerator``.

    Payloads of EXTERNAL messages are appended to the script, the last word of each filled up with zeros;
    whatever else ``rx`` offers is taken and dropped.  ``rx`` is never held up, so a host must not send more
    than there is room for: words beyond that are lost.  An op begins when its words are there.

    An op event that BURST asks for stands in the cycle before its word is offered.  So the position of every
    event relative to every word of ``tx`` is the script's alone, whatever stalls.

    Latency: 2 cycles to fetch an op, 2 more for a word of HEAD or RAW.  Throughput of DATA: one beat a cycle,
    but for the cycles of BURST's events.

    Parameters
    ----------
    beat_bytes : int
    script_words : int
        Words of 16 bytes that the script may be ahead, a power of two.
    issue_ports : int
        An op event of any other port is not raised; it takes its cycle all the same.

    Members
    -------
    As of :class:`interlock_hdl.accelerator.accelerator.Accelerator`.  ``busy`` : an op is being carried out,
    or there are words of the script left.
    """

    def __init__(self, *, beat_bytes: int, script_words: int = 2048, issue_ports: int = 2) -> None:
        if script_words < 2 or script_words & (script_words - 1):
            raise ValueError(f"script_words must be a power of two, at least 2, not {script_words}")
        self.beat_bytes = beat_bytes
        self.script_words = script_words
        self.script = LaneMemory(words=script_words, lanes=LANES)
        super().__init__(
            {
                "clear_request": In(1),
                "clear_done": Out(1),
                "rx": In(beat_stream(beat_bytes)),
                "tx": Out(beat_stream(beat_bytes)),
                "events": Out(OpEvent).array(issue_ports),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        top = Module()
        top.submodules.script = script = self.script
        clearing = self.clear_request | self.clear_done
        top.d.comb += [script.wipe.eq(clearing), self.rx.ready.eq(1)]
        top.d.sync += self.clear_done.eq(self.clear_request & script.wiped)
        m = Module()  # everything that a clear resets
        top.submodules.control = ResetInserter(clearing)(m)

        # Words between head and tail are the script; one bit more than an address tells full from empty.
        head, tail = Signal(range(2 * self.script_words)), Signal(range(2 * self.script_words))
        self._take(m, head, tail)
        self._carry_out(m, head, tail)
        return top

    def _take(self, m: Module, head: Signal, tail: Signal) -> None:
        """From ``rx`` to the end of the script."""
        beat = self.rx.p
        header_beats = MESSAGE_HEADER_BYTES // self.beat_bytes
        beats_a_word = WORD_BYTES // self.beat_bytes
        lanes_a_beat = self.beat_bytes // LANE_BYTES
        wanted = Signal()
        header_left = Signal(range(header_beats + 1))
        place = Signal(range(max(2, beats_a_word)))
        word = [Signal(32, name=f"word_{i}") for i in range(LANES)]
        store = Signal()
        m.d.sync += store.eq(0)
        with m.If(self.rx.valid):
            with m.If(beat.first):
                is_script = beat.data[:8] == Kind.EXTERNAL
                m.d.sync += [
                    wanted.eq(is_script & ~beat.last),
                    header_left.eq(header_beats - 1),
                    place.eq(0),
                ]
            with m.Elif(header_left != 0):
                m.d.sync += [header_left.eq(header_left - 1), wanted.eq(wanted & ~beat.last)]
            with m.Elif(wanted):
                ends = (place == beats_a_word - 1) | beat.last
                m.d.sync += [place.eq(Mux(ends, 0, place + 1)), store.eq(ends), wanted.eq(~beat.last)]
                data = beat.data & Cat(keep.replicate(8) for keep in beat.keep)
                for i, lane in enumerate(word):
                    with m.If(place == i // lanes_a_beat):
                        m.d.sync += lane.eq(network(data.word_select(i % lanes_a_beat, 32)))
                    with m.Elif(place == 0):
                        m.d.sync += lane.eq(0)
        write = self.script.write
        m.d.comb += write.address.eq(tail[:-1])
        m.d.comb += [lane.eq(value) for lane, value in zip(write.lanes, word, strict=True)]
        with m.If(store & (tail != head ^ self.script_words)):
            m.d.comb += write.enable.eq(1)
            m.d.sync += tail.eq(tail + 1)

    def _carry_out(self, m: Module, head: Signal, tail: Signal) -> None:
        """One op after the other."""
        read = self.script.read
        fetched = Cat(reversed(read.lanes))  # as it travels: the first byte is the most significant
        event, words, wait = (layout(fetched) for layout in (EVENT, WORDS, WAIT))
        beats_a_word = WORD_BYTES // self.beat_bytes
        lanes_a_beat = self.beat_bytes // LANE_BYTES

        left = Signal(32)  # of whatever the op counts
        run, burst = Signal(EVENT), Signal(EVENT)
        is_first, is_last, kept = Signal(), Signal(), Signal(4)  # 0 stands for all 16
        lanes = [Signal(32, name=f"lane_{i}") for i in range(LANES)]
        place = Signal(range(max(2, beats_a_word)))
        passed = Signal(16)  # words since an event of BURST
        due = (burst.every != 0) & (passed == burst.every - 1)
        available = head != tail

        def fetch(then: str) -> None:
            m.d.comb += [read.enable.eq(available), read.address.eq(head[:-1])]
            with m.If(available):
                m.d.sync += head.eq(head + 1)
                m.next = then

        def begin_word() -> None:
            m.d.sync += place.eq(0)
            with m.If(due):
                m.d.sync += passed.eq(0)
                m.next = "BURST"
            with m.Else():
                m.d.sync += passed.eq(passed + 1)
                m.next = "OFFER"

        def raise_event(what) -> None:
            for number, port in enumerate(self.events):
                with m.If(what.port == number):
                    m.d.comb += [port.valid.eq(1), port.op_class.eq(what.op_class), port.count.eq(what.count)]

        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("FETCH"):
                m.d.comb += self.busy.eq(available)
                fetch("DECODE")
            with m.State("DECODE"):
                m.next = "FETCH"
                with m.Switch(event.op):
                    with m.Case(Op.EVENT):
                        m.d.sync += [run.eq(event), left.eq(event.repeat)]
                        with m.If(event.repeat != 0):
                            m.next = "EVENT"
                    with m.Case(Op.WAIT):
                        m.d.sync += left.eq(wait.cycles)
                        with m.If(wait.cycles != 0):
                            m.next = "WAIT"
                    with m.Case(Op.BURST):
                        m.d.sync += [burst.eq(event), passed.eq(0)]
                    with m.Case(Op.HEAD, Op.RAW):
                        m.next = "FETCH_RAW"
                    with m.Case(Op.DATA):
                        m.d.sync += [lane.eq(words.seed + i) for i, lane in enumerate(lanes)]
                        with m.If(words.words != 0):
                            begin_word()
                with m.If((event.op == Op.HEAD) | (event.op == Op.RAW) | (event.op == Op.DATA)):
                    m.d.sync += [
                        is_first.eq(event.op == Op.HEAD),
                        is_last.eq(words.last != 0),
                        kept.eq(words.keep),
                        left.eq(Mux(event.op == Op.DATA, words.words, 1)),
                    ]
            with m.State("FETCH_RAW"):
                fetch("LOAD_RAW")
            with m.State("LOAD_RAW"):
                m.d.sync += [lane.eq(value) for lane, value in zip(lanes, read.lanes, strict=True)]
                begin_word()
            with m.State("EVENT"):
                raise_event(run)
                m.d.sync += left.eq(left - 1)
                with m.If(left == 1):
                    m.next = "FETCH"
            with m.State("WAIT"):
                m.d.sync += left.eq(left - 1)
                with m.If(left == 1):
                    m.next = "FETCH"
            with m.State("BURST"):
                raise_event(burst)
                m.next = "OFFER"
            with m.State("OFFER"):
                beat = self.tx.p
                ends_message = is_last & (left == 1)
                last_kept = (kept - 1)[: len(kept)] // self.beat_bytes
                ends = place == Mux(ends_message, last_kept, beats_a_word - 1)
                chosen = [
                    Array(network(lanes[i * lanes_a_beat + j]) for i in range(beats_a_word))[place]
                    for j in range(lanes_a_beat)
                ]
                m.d.comb += [
                    self.tx.valid.eq(1),
                    beat.first.eq(is_first & (place == 0)),
                    beat.last.eq(ends_message & ends),
                    beat.keep.eq(Mux(beat.last, keep_for(kept, self.beat_bytes), ~0)),
                    beat.data.eq(Cat(chosen) & Cat(keep.replicate(8) for keep in beat.keep)),
                ]
                with m.If(self.tx.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(ends):
                        m.d.sync += [left.eq(left - 1), *(lane.eq(lane + LANES) for lane in lanes)]
                        with m.If(left == 1):
                            m.next = "FETCH"
                        with m.Else():
                            begin_word()
