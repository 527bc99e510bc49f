"""The session: clear, draw, open, roll, and what closes every gate (docs/specification.md, *Session*)."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.twin import Twin

ID_WORDS = 2
"""Random words of a session's id."""


class State(enum.Enum, shape=3):
    """Where a session is.  See the table in docs/specification.md."""

    CLEAR = 0
    DRAW = 1
    ENTER = 2
    RELEASE = 3
    OPEN = 4
    CLOSED = 5


class Alarm(enum.IntEnum):
    """Bit numbers of ``alarm``."""

    COUNTER_MISMATCH = 0
    SATURATED = 1
    OVER_PEAK = 2
    EARLY_EVENT = 3
    EARLY_BEAT = 4
    NO_FIRST = 5
    LOG_FAULT = 6
    OWN_AHEAD = 7
    SESSION_FAULT = 8


class Session(wiring.Component):
    """Leads a session from cleared memory to open gates, and closes every gate on any alarm.

    There is no way from an alarm to open gates but through CLEAR, in which the accelerator's memory and
    every buffer are wiped; nothing lowers a count but CLEAR.  The state, what was drawn and how
    much of it are held twice, so that a flipped register cannot open a gate or change who the node
    is: it closes.

    **Latency**: one cycle from an alarm's cause to closed gates, and from a flip in what was drawn; a flip of
    the state closes them in the same cycle.

    Parameters
    ----------
    key_words : int
        Random words that are drawn for the log's key, beyond the two of the id.

    Members
    -------
    roll : In(1)
        The host asks for a new session; honoured in every state.
    clear_request, clear_done : Out(1), In(1)
        Towards the accelerator.
    wiped : In(1)
        Every block with a memory has overwritten it.
    random : In(stream of 32)
        The words of a session, taken in DRAW only: those of the id, high word first, then the key's.
    maker, serial : In(32)
        Who this device is: the upper half of ``session_id``.
    own_ready : In(1)
        The log holds entry 0.
    event_seen, beat_seen : In(1)
        An op event, a ``tx`` beat is presented in this cycle.
    alarms : In(5)
        Causes from other blocks: bits as :class:`Alarm`; the session's own bits are ignored here.
    wipe : Out(1)
        Every block is held in reset and overwrites its memories.
    enter : Out(1)
        The log may take entry 0.
    counting : Out(1)
        OPAQUE ports count.
    open, taking : Out(1)
        The gates are open; so they were to be, when nothing was flipped: the same, from a register, for
        whatever is taken in the cycle of a flip and not let out.
    session_id : Out(128)
    key : Out(32 * key_words)
        Both from when gates open until the next CLEAR.
    ticks : Out(64)
        Cycles since the gates opened.
    alarm : Out(9)
        Causes, latched until the next CLEAR.
    rolled, opened, alarmed : Out(1)
        Strobes: first cycle of CLEAR (not at reset), OPEN, CLOSED.
    """

    def __init__(self, *, key_words: int) -> None:
        self.words = ID_WORDS + key_words
        super().__init__(
            {
                "roll": In(1),
                "clear_request": Out(1, init=1),
                "clear_done": In(1),
                "wiped": In(1),
                "random": In(stream.Signature(32)),
                "maker": In(32),
                "serial": In(32),
                "own_ready": In(1),
                "event_seen": In(1),
                "beat_seen": In(1),
                "alarms": In(len(Alarm)),
                "wipe": Out(1),
                "enter": Out(1),
                "counting": Out(1),
                "open": Out(1),
                "taking": Out(1),
                "session_id": Out(128),
                "key": Out(32 * key_words),
                "ticks": Out(64),
                "alarm": Out(len(Alarm)),
                "rolled": Out(1),
                "opened": Out(1),
                "alarmed": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.state = state = Twin(State)
        m.submodules.drawn = drawn = Twin(32 * self.words)
        # Of the next state, for these two drive a great many gates and registers.
        m.submodules.wiping = wiping = Twin(1, init=1)
        m.submodules.opening = opening = Twin(1)
        m.submodules.left = left = Twin(range(self.words), init=self.words - 1)  # words beyond the next one

        now = state.value
        fault = Signal()
        drawn_fault = Signal()  # of some hundred bits, so a register of its own: gates and `wipe` wait for it
        m.d.sync += drawn_fault.eq(drawn.fault | left.fault)
        m.d.comb += fault.eq(state.fault | drawn_fault | wiping.fault | opening.fault)

        causes = Signal(len(Alarm))
        early = (now == State.DRAW) | (now == State.ENTER)
        m.d.comb += [
            causes.eq(self.alarms),
            causes[Alarm.EARLY_EVENT].eq(self.event_seen & early),
            causes[Alarm.EARLY_BEAT].eq(self.beat_seen & early),
            causes[Alarm.SESSION_FAULT].eq(fault),
        ]

        m.d.comb += [state.next.eq(now), state.load.eq(1)]
        with m.Switch(now):
            with m.Case(State.CLEAR):
                m.d.comb += [left.next.eq(self.words - 1), left.load.eq(1)]
                m.d.sync += self.ticks.eq(0)
                with m.If(self.clear_done & self.wiped):
                    m.d.comb += state.next.eq(State.DRAW)
            with m.Case(State.DRAW):
                m.d.comb += [
                    self.random.ready.eq(1),
                    drawn.next.eq(Cat(self.random.payload, drawn.value[:-32])),
                    drawn.load.eq(self.random.valid),
                ]
                with m.If(self.random.valid):
                    m.d.comb += [left.next.eq(left.value - 1), left.load.eq(1)]
                    with m.If(left.value == 0):
                        m.d.comb += state.next.eq(State.ENTER)
            with m.Case(State.ENTER):
                with m.If(self.own_ready & self.clear_done):
                    m.d.comb += state.next.eq(State.RELEASE)
            with m.Case(State.RELEASE):
                with m.If(~self.clear_done):
                    m.d.comb += state.next.eq(State.OPEN)
            with m.Case(State.OPEN):
                m.d.sync += self.ticks.eq(self.ticks + 1)

        with m.If(fault):
            m.d.comb += state.next.eq(State.CLOSED)
        with m.Elif(now == State.CLEAR):
            m.d.sync += self.alarm.eq(0)
        with m.Elif(causes.any()):
            m.d.comb += state.next.eq(State.CLOSED)
        with m.If(fault | (now != State.CLEAR)):
            m.d.sync += self.alarm.eq(self.alarm | causes)
        with m.If(self.roll):
            # What was drawn goes too: a flip in it must not outlive the session that it closed.
            m.d.comb += [state.next.eq(State.CLEAR), drawn.next.eq(0), drawn.load.eq(1)]
            m.d.comb += [left.next.eq(self.words - 1), left.load.eq(1)]
            m.d.sync += drawn_fault.eq(0)

        m.d.comb += [
            self.clear_request.eq((now == State.CLEAR) | early),
            wiping.next.eq(state.next == State.CLEAR),
            wiping.load.eq(1),
            self.wipe.eq(wiping.value),
            self.enter.eq(now == State.ENTER),
            self.counting.eq((now == State.RELEASE) | (now == State.OPEN)),
            opening.next.eq(state.next == State.OPEN),
            opening.load.eq(1),
            # A flip that wipes, and so forgets what was counted, closes the gates in the same cycle for good.
            self.open.eq(opening.value & ~(opening.fault | wiping.fault | state.fault | drawn_fault)),
            self.taking.eq(opening.value),
            self.session_id.eq(Cat(drawn.value[-32 * ID_WORDS :], self.serial, self.maker)),
            self.key.eq(drawn.value),
        ]

        before = Signal(State, init=State.CLEAR)
        m.d.sync += before.eq(now)
        entered = now != before
        m.d.comb += [
            self.rolled.eq(entered & (now == State.CLEAR)),
            self.opened.eq(entered & (now == State.OPEN)),
            self.alarmed.eq(entered & (now == State.CLOSED)),
        ]
        return m
