"""The reference accelerator: messages in, op events and messages out (``docs/accelerator.md``).

What it computes depends on the messages of each source and their order alone, never on when they arrive:
commands run one at a time, and wait for the messages that they want.  So this model needs no schedule, and
may run as late as it likes.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from interlock.model.command import (
    COMMAND_BYTES,
    EXTERNAL,
    LEVELS,
    LOADER_HEADER,
    Command,
    LoaderOption,
    Opcode,
    Operand,
)
from interlock.model.messages import HEADER, Kind
from interlock.model.scratch import Scratch

MATRIX_PORT = 0
VECTOR_PORT = 1
MULTIPLY_ADD_16 = 0x21
ELEMENT_FP32 = 0x12


@dataclass(frozen=True, kw_only=True)
class AcceleratorParameters:
    """Build choices that software can tell.

    Parameters
    ----------
    array_size : int
        n: lanes of the vector unit, and rows and columns of the matrix unit: 2, 4 or 8.
    scratch_words : int
        Words of 4n bytes in scratch memory, a power of two, at most 65536.
    links : int
        Slots from which PEER messages come.
    queue_words : int
        Words in the queue of each slot, and in that of the host, a power of two.
    """

    array_size: int = 4
    scratch_words: int = 16384
    links: int = 2
    queue_words: int = 2048


@dataclass(frozen=True, slots=True)
class EventRun:
    """``repeat`` consecutive op events of one port, all alike."""

    port: int
    op_class: int
    count: int
    repeat: int


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message with its header, and how many events each port had raised before it since the last clear.

    Attributes
    ----------
    data : bytes
    events_before : tuple of int
        Events of each port before its last byte.
    earlier : tuple of (int, tuple of int)
        Of a STREAM that was made piece by piece: so many bytes came when so many events had been raised, both
        rising.
    firsts : tuple of int
        Offsets of the beats that had ``first``: only an accelerator that breaks the rule has others than 0.
    """

    data: bytes
    events_before: tuple[int, ...]
    earlier: tuple[tuple[int, tuple[int, ...]], ...] = ()
    firsts: tuple[int, ...] = (0,)

    @property
    def fault_at(self) -> int | None:
        """Offset of the first beat whose ``first`` is not as it must be."""
        if 0 not in self.firsts:
            return 0
        return min((at for at in self.firsts if at), default=None)

    def events_at(self, size: int) -> tuple[int, ...]:
        """Events of each port before the last of the first ``size`` bytes."""
        return next((events for until, events in self.earlier if size <= until), self.events_before)


class GoldenAccelerator:
    """Runs a command, or a part of one, or loads a message, for each :meth:`advance`.

    Each runs at once, however long it takes in hardware: while the events of a command are being raised
    nothing else can happen, and no message leaves.

    Attributes
    ----------
    events : list of EventRun
        Op events since the caller last emptied the list, in order.
    sent : deque of SentMessage
        Messages since the caller last emptied it, in order.
    positions : (int, int)
        How many events each port has raised since the last clear.
    running : bool
        A program has been started and has not halted.
    """

    def __init__(self, parameters: AcceleratorParameters) -> None:
        self.parameters = parameters
        self.clear()

    def clear(self) -> None:
        """Forgets everything, as under ``clear_request``."""
        self.events: list[EventRun] = []
        self.sent: deque[SentMessage] = deque()
        self.positions: tuple[int, int] = (0, 0)
        self.running = False
        self.scratch = Scratch(size=self.parameters.scratch_words, lanes=self.parameters.array_size)
        self._pc = 0
        self._counters = [0] * LEVELS
        self._work: Iterator[EventRun] | None = None
        self._queues: list[deque[bytes]] = [deque() for _ in range(self.parameters.links + 1)]

    def receive(self, message: bytes) -> None:
        """Takes a message from ``rx``.

        Anything but a PEER message of an existing slot or an EXTERNAL one is dropped, and so is one that an
        empty queue could not hold.  That messages do not exceed a queue *together* is the program's duty, and
        not modelled: it depends on timing.
        """
        payload = message[HEADER.size :]
        if (
            len(message) < HEADER.size
            or 1 + self.scratch.words_of(len(payload)) > self.parameters.queue_words
        ):
            return
        header = HEADER.unpack(message)
        if header["kind"] == Kind.EXTERNAL:
            self._queues[-1].append(payload)
        elif header["kind"] == Kind.PEER and header["peer"] < self.parameters.links:
            self._queues[header["peer"]].append(payload)

    def advance(self) -> bool:
        """Executes the next command, or a part of a long one; ``False`` if it has to wait for a message."""
        if self._work is None:
            return self._execute() if self.running else self._load()
        run = next(self._work, None)
        if run is None:
            self._work = None
        else:
            self._raise(run)
        return True

    def _execute(self) -> bool:
        command = Command.decode(self.scratch.read(self._pc, COMMAND_BYTES))
        following = self._pc + COMMAND_BYTES // self.scratch.word_bytes
        match command.opcode:
            case Opcode.NEXT:
                following = command.target if self._repeats(command) else following
            case Opcode.MATMUL:
                lanes = self.parameters.array_size**2
                work = self.scratch.matmul(command, *self._addresses(command))
                self._work = (EventRun(MATRIX_PORT, MULTIPLY_ADD_16, lanes, steps) for steps in work)
            case Opcode.CONVERT:
                work = self.scratch.convert(command, *self._addresses(command))
                self._work = (EventRun(VECTOR_PORT, 0, 0, nothing) for nothing in work)
            case Opcode.SEND:
                self._send(command)
            case Opcode.RECEIVE if command.peer == EXTERNAL or command.peer < self.parameters.links:
                if not self._receive(command):
                    return False
            case opcode if Opcode.COPY <= opcode <= Opcode.MASK:
                lanes = self.parameters.array_size
                work = self.scratch.elementwise(command, *self._addresses(command))
                self._work = (EventRun(VECTOR_PORT, ELEMENT_FP32, lanes, words) for words in work)
            case _:
                self.running = False
        self._pc = following % self.scratch.size
        return True

    def _load(self) -> bool:
        """Takes a message from the host, as the loader does while no program runs."""
        if not self._queues[-1]:
            return False
        payload = self._queues[-1].popleft().ljust(self.scratch.word_bytes, b"\0")
        options, load, start = LOADER_HEADER.unpack(payload[: LOADER_HEADER.size])
        if options & LoaderOption.LOAD:
            self.scratch.write(load, payload[self.scratch.word_bytes :])
        if options & LoaderOption.START:
            self.running = True
            self._pc = start % self.scratch.size
            self._counters = [0] * LEVELS
        return True

    def _repeats(self, command: Command) -> bool:
        """Ends one round of a loop; true if there is another one."""
        level = command.level % LEVELS
        counter = (self._counters[level] + 1) & 0xFFFF
        again = command.length == 0 or counter != command.length
        self._counters[level] = counter if again else 0
        return again

    def _send(self, command: Command) -> None:
        header = HEADER.pack(kind=command.kind, flags=command.flags, peer=command.peer)
        payload = self.scratch.read(self._address(command.a), command.length)
        self.sent.append(SentMessage(header + payload, self.positions))

    def _receive(self, command: Command) -> bool:
        queue = self._queues[-1 if command.peer == EXTERNAL else command.peer]
        if not queue:
            return False
        data = queue.popleft()
        self.scratch.write(self._address(command.y), data[: command.length * self.scratch.word_bytes])
        return True

    def _address(self, operand: Operand) -> int:
        steps = zip(self._counters, operand.strides, strict=True)
        return (operand.base + sum(counter * stride for counter, stride in steps)) % self.scratch.size

    def _addresses(self, command: Command) -> tuple[int, int, int]:
        return self._address(command.y), self._address(command.a), self._address(command.b)

    def _raise(self, run: EventRun) -> None:
        if run.repeat:
            self.events.append(run)
            before = list(self.positions)
            before[run.port] += run.repeat
            self.positions = (before[0], before[1])
