"""The puppet in plain Python, for golden nodes (gateware: ``lib.puppet``; language: ``lib.script``)."""

from collections import deque

import numpy as np
from interlock.model.accelerator import EventRun, SentMessage
from interlock.model.messages import HEADER, Kind

from lib.script import EVENT, WORD_BYTES, WORDS, Op

Positions = tuple[int, ...]


class GoldenPuppet:
    """Carries out an op for each :meth:`advance`, at once.

    A message is known when the op with its ``last`` was carried out, and not before.

    Parameters
    ----------
    script_words : int
        Words that the gateware's script may be ahead.  That a host sends no more is its duty, and not
        modelled, but for a single message.
    issue_ports : int

    Attributes
    ----------
    events, sent, positions, running :
        As of :class:`interlock.model.accelerator.GoldenAccelerator`.
    """

    def __init__(self, *, script_words: int = 2048, issue_ports: int = 2) -> None:
        self.script_words = script_words
        self.issue_ports = issue_ports
        self.clear()

    def clear(self) -> None:
        """Forgets everything, as under ``clear_request``."""
        self.events: list[EventRun] = []
        self.sent: deque[SentMessage] = deque()
        self.positions: Positions = (0,) * self.issue_ports
        self._script: deque[bytes] = deque()
        self._burst: EventRun | None = None
        self._every = 0
        self._number = 0  # of words since BURST
        self._begin_message()

    @property
    def running(self) -> bool:
        """There are words of the script left."""
        return bool(self._script)

    def receive(self, message: bytes) -> None:
        """Takes a message from ``rx``: the payload of an EXTERNAL one is appended to the script."""
        if len(message) < HEADER.size or HEADER.unpack(message)["kind"] != Kind.EXTERNAL:
            return
        payload = message[HEADER.size :]
        payload += bytes(-len(payload) % WORD_BYTES)
        words = [payload[at : at + WORD_BYTES] for at in range(0, len(payload), WORD_BYTES)]
        if len(words) > self.script_words:
            raise ValueError(f"{len(words)} words at once: the script holds {self.script_words}")
        self._script.extend(words)

    def advance(self) -> bool:
        """Carries out the next op; ``False`` if it has to wait for its words."""
        if not self._script:
            return False
        op = self._script[0][0]
        if op in (Op.HEAD, Op.RAW) and len(self._script) < 2:
            return False
        word = self._script.popleft()
        fields = EVENT.unpack(word)
        match op:
            case Op.EVENT:
                self._raise(EventRun(fields["port"], fields["op_class"], fields["count"], fields["repeat"]))
            case Op.BURST:
                self._burst = EventRun(fields["port"], fields["op_class"], fields["count"], 1)
                self._every, self._number = fields["every"], 0
            case Op.HEAD | Op.RAW:
                if op == Op.HEAD:
                    self._firsts.append(len(self._data))
                self._send(word, self._script.popleft())
            case Op.DATA:
                fields = WORDS.unpack(word)
                numbers = fields["seed"] + np.arange(4 * fields["words"], dtype=np.uint64)
                self._send(word, numbers.astype(np.uint32).astype(">u4").tobytes())
        return True

    def _raise(self, run: EventRun) -> None:
        if run.repeat and run.port < self.issue_ports:
            self.events.append(run)
            before = list(self.positions)
            before[run.port] += run.repeat
            self.positions = tuple(before)

    def _send(self, op: bytes, data: bytes) -> None:
        """Whole words, the last of which may be cut short and end the message."""
        at, words = 0, len(data) // WORD_BYTES
        while at < words:
            count = words - at
            if self._every:
                before_next = self._every - 1 - self._number % self._every
                if not before_next and self._burst is not None:
                    self._raise(self._burst)
                count = min(count, before_next or self._every)
            self._put(data[at * WORD_BYTES : (at + count) * WORD_BYTES])
            self._number += count
            at += count
        fields = WORDS.unpack(op)
        if fields["last"] and data:
            self._end(fields["keep"] % WORD_BYTES or WORD_BYTES)

    def _put(self, data: bytes) -> None:
        self._data += data
        if self._pieces and self._pieces[-1][1] == self.positions:
            self._pieces.pop()
        self._pieces.append((len(self._data), self.positions))

    def _end(self, kept: int) -> None:
        """The message is over, with so many bytes of its last word."""
        data = bytes(self._data[: len(self._data) - WORD_BYTES + kept])
        message = SentMessage(data, self.positions, tuple(self._pieces[:-1]), tuple(self._firsts))
        self.sent.append(message)
        self._begin_message()

    def _begin_message(self) -> None:
        self._data = bytearray()  # of the message that is not over yet
        self._pieces: list[tuple[int, Positions]] = []
        self._firsts: list[int] = []
