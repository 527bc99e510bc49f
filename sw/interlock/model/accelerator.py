"""The reference accelerator: messages in, op events and messages out (``docs/accelerator.md``).

What it computes depends on the order of messages within each source alone, never on when they arrive: commands run one
at a time, and wait for the messages that they want.  So this model needs no schedule, and may run as late as it likes.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from interlock.model import floats
from interlock.model.command import (
    COMMAND_BYTES,
    EXTERNAL,
    LEVELS,
    LOADER_HEADER,
    Command,
    LoaderOption,
    Opcode,
    Operand,
    Option,
)

MATRIX_PORT = 0
VECTOR_PORT = 1
MULTIPLY_ADD_16 = 0x21
ELEMENT_FP32 = 0x12

_HEADER_BYTES = 16
_PEER, _EXTERNAL_KIND = 1, 3

Addresses = npt.NDArray[np.intp]


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
        Words in the queue of each slot, and of the host, a power of two.
    """

    array_size: int = 4
    scratch_words: int = 16384
    links: int = 2
    queue_words: int = 2048

    @property
    def word_bytes(self) -> int:
        """Bytes of a word."""
        return 4 * self.array_size


class EventRun(NamedTuple):
    """``repeat`` consecutive op events of one port, all alike."""

    port: int
    op_class: int
    count: int
    repeat: int


class SentMessage(NamedTuple):
    """A message with its header, and how many events each port had raised before it since the last clear."""

    data: bytes
    events_before: tuple[int, int]


class GoldenAccelerator:
    """Runs one command (or loads one message) for each :meth:`advance`.

    ``events`` and ``sent`` are what came out since the caller last emptied them, in order; ``positions`` is how many
    events each port has raised since the last clear.  A command runs at once, however long it takes in hardware:
    while its events are being raised, nothing else can happen.
    """

    def __init__(self, parameters: AcceleratorParameters) -> None:
        self.parameters = parameters
        self.clear()

    def clear(self) -> None:
        """Forgets everything, as ``clear_request`` does."""
        parameters = self.parameters
        self.events: list[EventRun] = []
        self.sent: deque[SentMessage] = deque()
        self.positions: tuple[int, int] = (0, 0)
        self.scratch = np.zeros((parameters.scratch_words, parameters.array_size), np.uint32)
        self.running = False
        self._pc = 0
        self._counters = [0] * LEVELS
        self._queues: list[deque[bytes]] = [deque() for _ in range(parameters.links + 1)]

    def receive(self, message: bytes) -> None:
        """Takes a message from ``rx``.

        Anything but a PEER message of an existing slot or an EXTERNAL one is dropped, and so is what could not fit an
        empty queue.  That messages in a queue never exceed it together is the program's duty and not modelled here.
        """
        if len(message) < _HEADER_BYTES:
            return
        payload = message[_HEADER_BYTES:]
        if 1 + self._words(len(payload)) > self.parameters.queue_words:
            return
        slot = int.from_bytes(message[2:4], "big")
        if message[0] == _EXTERNAL_KIND:
            self._queues[-1].append(payload)
        elif message[0] == _PEER and slot < self.parameters.links:
            self._queues[slot].append(payload)

    def advance(self) -> bool:
        """Executes the next command; ``False`` if it has to wait for a message."""
        if not self.running:
            return self._load()
        command = Command.decode(self._bytes(self._pc, COMMAND_BYTES))
        step = COMMAND_BYTES // self.parameters.word_bytes
        if command.opcode == Opcode.NEXT:
            self._pc = command.target if self._count(command) else self._wrap(self._pc + step)
        elif command.opcode == Opcode.RECEIVE:
            source = self.parameters.links if command.peer == EXTERNAL else command.peer
            if source > self.parameters.links or command.peer == self.parameters.links:
                self.running = False
            elif not self._queues[source]:
                return False
            else:
                payload = self._queues[source].popleft()
                self._store(self._address(command.y), payload[: command.length * self.parameters.word_bytes])
                self._pc += step
        elif (execute := self._UNITS.get(command.opcode)) is not None:
            execute(self, command)
            self._pc += step
        else:
            self.running = False
        return True

    # Sequencer

    def _load(self) -> bool:
        """Takes one message as the loader does while no program runs."""
        queue = self._queues[-1]
        if not queue:
            return False
        payload = queue.popleft()
        word_bytes = self.parameters.word_bytes
        options, load, start = LOADER_HEADER.unpack(payload.ljust(word_bytes, b"\0")[: LOADER_HEADER.size])
        if options & LoaderOption.LOAD:
            self._store(load, payload[word_bytes:])
        if options & LoaderOption.START:
            self.running = True
            self._pc = start
            self._counters = [0] * LEVELS
        return True

    def _count(self, command: Command) -> bool:
        """Ends one round of a loop; true if there is another one."""
        level = command.level % LEVELS
        counter = (self._counters[level] + 1) & 0xFFFF
        again = counter != command.length
        self._counters[level] = counter if again else 0
        return again

    def _address(self, operand: Operand) -> int:
        products = (counter * stride for counter, stride in zip(self._counters, operand.strides, strict=True))
        return (operand.base + sum(products)) & 0xFFFF

    def _raise(self, port: int, op_class: int, count: int, repeat: int) -> None:
        if repeat:
            self.events.append(EventRun(port, op_class, count, repeat))
            matrix, vector = self.positions
            self.positions = (matrix + repeat, vector) if port == MATRIX_PORT else (matrix, vector + repeat)

    # Scratch memory

    def _wrap(self, address: int) -> int:
        return address % self.parameters.scratch_words

    def _words(self, length: int) -> int:
        """Words that ``length`` bytes fill."""
        return -(-length // self.parameters.word_bytes)

    def _range(self, address: int, words: int) -> Addresses:
        return np.arange(address, address + words) % self.parameters.scratch_words

    def _bytes(self, address: int, length: int) -> bytes:
        words = self.scratch[self._range(address, self._words(length))]
        return words.astype(">u4").tobytes()[:length]

    def _store(self, address: int, data: bytes) -> None:
        """Writes ``data``, its last word filled up with zeros."""
        words = self._words(len(data))
        padded = data.ljust(words * self.parameters.word_bytes, b"\0")
        values = np.frombuffer(padded, ">u4").reshape(words, -1)
        # A message longer than memory wraps, and what comes later wins.
        for start in range(0, words, self.parameters.scratch_words):
            part = values[start : start + self.parameters.scratch_words]
            self.scratch[self._range(address + start, len(part))] = part

    # Units

    def _send(self, command: Command) -> None:
        header = bytes((command.kind, command.flags)) + command.peer.to_bytes(2, "big")
        payload = self._bytes(self._address(command.a), command.length)
        self.sent.append(SentMessage(header.ljust(_HEADER_BYTES, b"\0") + payload, self.positions))

    def _matmul(self, command: Command) -> None:
        """C tile (i, j) = A panel i times B panel j; a tile is written before the next one is read."""
        n, k_words = self.parameters.array_size, command.length
        rows, columns = command.rows, command.columns
        if not rows * columns * k_words:
            return
        y, a, b = (self._address(operand) for operand in (command.y, command.a, command.b))
        a_words = self._range(a, rows * k_words).reshape(rows, k_words)
        b_words = self._range(b, columns * k_words).reshape(columns, k_words)
        tiles = self._tiles(y, command)
        written = np.zeros(self.parameters.scratch_words, bool)
        written[tiles] = True
        if written[a_words].any() or written[b_words].any():
            for i in range(rows):
                for j in range(columns):
                    self.scratch[tiles[i, j]] = floats.matmul(
                        self._steps(a_words[i]), self._steps(b_words[j])
                    )
        else:
            result = floats.matmul(self._steps(a_words), self._steps(b_words))
            self.scratch[tiles] = result.reshape(rows, n, columns, n).transpose(0, 2, 1, 3)
        self._raise(MATRIX_PORT, MULTIPLY_ADD_16, n * n, rows * columns * 2 * k_words)

    def _tiles(self, address: int, command: Command) -> Addresses:
        """Addresses of the words of tiles in rows and columns: shape (rows, columns, n)."""
        n = self.parameters.array_size
        down = np.arange(command.rows)[:, None, None] * command.row_stride
        across = np.arange(command.columns)[None, :, None] * command.column_stride
        return (address + down + across + np.arange(n)) % self.parameters.scratch_words

    def _steps(self, words: Addresses) -> floats.Bits16:
        """The bf16 steps of panels at ``words``, shape (panels, words) or (words,): shape (k, panels * n)."""
        n = self.parameters.array_size
        panels = np.atleast_2d(words)
        halves = self.scratch[panels].astype(">u4").view(">u2").astype(np.uint16)
        return halves.reshape(len(panels), -1, n).transpose(1, 0, 2).reshape(-1, len(panels) * n)

    def _convert(self, command: Command) -> None:
        """fp32 tiles to bf16 steps; a tile is read whole, then written."""
        n = self.parameters.array_size
        source = self._tiles(self._address(command.a), command).reshape(-1, n)
        target = self._range(self._address(command.y), len(source) * n // 2).reshape(-1, n // 2)
        written = np.zeros(self.parameters.scratch_words, bool)
        written[target] = True
        apart = len(source) * n // 2 <= self.parameters.scratch_words and not written[source].any()
        chunk = len(source) if apart else 1
        for start in range(0, len(source), max(chunk, 1)):
            tiles = floats.to_bf16(self.scratch[source[start : start + chunk]])
            if command.option & Option.TRANSPOSE:
                tiles = tiles.transpose(0, 2, 1)
            words = np.ascontiguousarray(tiles.astype(">u2")).view(">u4").reshape(-1, n // 2, n)
            self.scratch[target[start : start + chunk]] = words

    def _elementwise(self, command: Command) -> None:
        """y = f(a, b), word by word: a word is written before the next one is read."""
        length, size = command.length, self.parameters.scratch_words
        y, a, b = (self._address(operand) for operand in (command.y, command.a, command.b))
        broadcast = bool(command.option & Option.BROADCAST)
        # Words may be done together as long as none of them reads what an earlier one writes.
        together = min((a - y) % size and (y - a) % size or size, (y - b) % size or size)
        together = (y - a) % size or size
        if broadcast:
            together = 1 if (b - y) % size < length else together
        else:
            together = min(together, (y - b) % size or size)
        for start in range(0, length, together):
            words = min(together, length - start)
            left = self.scratch[self._range(a + start, words)]
            right = self.scratch[self._range(b, 1) if broadcast else self._range(b + start, words)]
            self.scratch[self._range(y + start, words)] = self._function(command, left, right)
        if command.opcode != Opcode.COPY:
            self._raise(VECTOR_PORT, ELEMENT_FP32, self.parameters.array_size, length)

    @staticmethod
    def _function(command: Command, a: floats.Bits32, b: floats.Bits32) -> floats.Bits32:
        match command.opcode:
            case Opcode.ADD:
                return floats.add(a, b)
            case Opcode.SUB:
                return floats.subtract(a, b)
            case Opcode.MUL:
                return floats.multiply(a, b)
            case Opcode.SCALE:
                return floats.multiply(a, np.full_like(a, command.scalar))
            case Opcode.RELU:
                return floats.mask(a, a)
            case Opcode.MASK:
                return floats.mask(a, b)
        return a

    _UNITS = {
        Opcode.MATMUL: _matmul,
        Opcode.CONVERT: _convert,
        Opcode.SEND: _send,
        **dict.fromkeys(range(Opcode.COPY, Opcode.MASK + 1), _elementwise),
    }
