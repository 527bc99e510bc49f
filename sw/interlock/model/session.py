"""The session: clear, draw, open, roll, and what closes every gate."""

import enum

ID_WORDS = 2
"""Random words in a session's id."""


class State(enum.Enum):
    """Where a session is, as far as bytes tell: ENTER and RELEASE are DRAW here, with every word drawn."""

    CLEAR = enum.auto()
    DRAW = enum.auto()
    OPEN = enum.auto()
    CLOSED = enum.auto()


class Alarm(enum.IntFlag):
    """Why gates are closed."""

    COUNTER_MISMATCH = 1 << 0
    SATURATED = 1 << 1
    OVER_PEAK = 1 << 2
    EARLY_EVENT = 1 << 3
    EARLY_BEAT = 1 << 4
    NO_FIRST = 1 << 5
    LOG_FAULT = 1 << 6
    OWN_AHEAD = 1 << 7
    SESSION_FAULT = 1 << 8


class Session:
    """One session, from cleared memory to the next roll.

    Attributes
    ----------
    state : State
    drawn : list of int
        The random words of its id, and after them those of its log's key, which no byte depends on.
    opened_at : int
        Cycle in which the gates opened.
    """

    def __init__(self, *, maker: int, serial: int) -> None:
        self.state = State.CLEAR
        self.drawn: list[int] = []
        self.opened_at = 0
        self._device = maker.to_bytes(4) + serial.to_bytes(4)

    @property
    def session_id(self) -> bytes:
        """Maker, serial, and the two words, the high one first."""
        return self._device + b"".join(word.to_bytes(4) for word in self.drawn[:ID_WORDS])
