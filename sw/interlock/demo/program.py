"""The program of a node: forward, backward, all-reduce, update; all of it inside the accelerator."""

import numpy as np

from interlock.demo.memory import Memory, Panels, Tiles
from interlock.demo.task import Task
from interlock.model.command import COMMAND_BYTES, LEVELS, Command, Opcode, Operand, Option
from interlock.model.messages import Kind

NEXT_SLOT, PREVIOUS_SLOT = 0, 1
"""Slot 0 of a node leads to slot 1 of the next one in the ring."""
BATCH_LEVEL, EPOCH_LEVEL = 0, 1
"""Loop levels."""
NOWHERE = Operand()
"""Stands where a command has no operand."""
ROUNDS = 2
"""Times that the empty message goes round the ring at the end: after the first round its starter has
everybody's last work in its past, after the second one everybody has."""


class Program:
    """The commands of node ``rank``, made when the object is.

    Parameters
    ----------
    task : Task
    memory : Memory
    rank : int
    message_bytes : int
        Largest payload of a message.
    """

    def __init__(self, task: Task, memory: Memory, *, rank: int, message_bytes: int) -> None:
        self.task = task
        self.memory = memory
        self.rank = rank
        self.message_bytes = message_bytes
        self.commands: list[Command] = []

        self._export()
        epoch = self._here
        batch = self._here
        self._forward()
        self._backward()
        self._all_reduce()
        self._update()
        self._loop(BATCH_LEVEL, memory.batches, batch)
        self._export()
        self._loop(EPOCH_LEVEL, task.epochs, epoch)
        self._go_round()
        self._export()
        self._emit(Opcode.HALT)

    def encode(self) -> bytes:
        """The program as it lies in memory."""
        return b"".join(command.encode() for command in self.commands)

    # Phases

    def _forward(self) -> None:
        m = self.memory
        self._to_panels(m.first_forward, m.first)
        self._to_panels(m.second_forward, m.second)
        self._to_panels(m.second_backward, m.second, transpose=True)

        self._matmul(m.hidden, self._of_batch(m.input_rows.base), m.input_rows, m.first_forward)
        self._vector(Opcode.RELU, m.hidden.base, m.hidden.base, words=m.hidden.words)
        self._to_panels(m.hidden_rows, m.hidden, transpose=True)
        self._to_panels(m.hidden_columns, m.hidden)
        self._matmul(m.error, Operand(base=m.hidden_rows.base), m.hidden_rows, m.second_forward)

    def _backward(self) -> None:
        """The gradient of half the squared error, averaged over the samples of all nodes."""
        m = self.memory
        share = 1 / (self.task.nodes * self.task.batch)
        targets = self._of_batch(m.targets.base)
        self._vector(Opcode.SUB, m.error.base, m.error.base, targets, words=m.error.words)
        self._vector(Opcode.SCALE, m.error.base, m.error.base, words=m.error.words, scalar=share)
        self._to_panels(m.error_rows, m.error, transpose=True)
        self._to_panels(m.error_columns, m.error)

        hidden_columns, error_rows = Operand(base=m.hidden_columns.base), Operand(base=m.error_rows.base)
        self._matmul(m.second_gradient, hidden_columns, m.hidden_columns, m.error_columns)
        self._matmul(m.delta, error_rows, m.error_rows, m.second_backward)
        self._vector(
            Opcode.MASK, m.delta.base, m.delta.base, Operand(base=m.hidden.base), words=m.delta.words
        )
        self._to_panels(m.delta_columns, m.delta)
        self._matmul(m.first_gradient, self._of_batch(m.input_columns.base), m.input_columns, m.delta_columns)

    def _all_reduce(self) -> None:
        """Adds up the gradients of all nodes, in a ring, half of them in either direction.

        A chunk of each half starts at each node and grows on its way; the node that it reaches last has the
        sum.  Then the sums go round.  Each sum is made once, so that all nodes have the same, to the bit.
        """
        nodes = self.task.nodes
        for step in range(nodes - 1):
            for direction in (0, 1):
                self._send_chunk(direction, -step)
            for direction, inbox in enumerate(self.memory.inboxes):
                self._receive_chunk(direction, inbox)
                chunk = self._chunk(direction, -step - 1)
                self._vector(Opcode.ADD, chunk, chunk, Operand(base=inbox), words=self.memory.chunk_words)
        for step in range(nodes - 1):
            for direction in (0, 1):
                self._send_chunk(direction, 1 - step)
            for direction in (0, 1):
                self._receive_chunk(direction, self._chunk(direction, -step))

    def _update(self) -> None:
        gradient, weights = self.memory.first_gradient.base, self.memory.first.base
        words = self.memory.weights_words
        self._vector(Opcode.SCALE, gradient, gradient, words=words, scalar=self.task.learning_rate)
        self._vector(Opcode.SUB, weights, weights, Operand(base=gradient), words=words)

    def _export(self) -> None:
        """Node 0 exports the weights, in as many messages as it takes; the others an empty message."""
        if self.rank:
            self._send(Kind.EXPORT, 0, address=0, length=0)
            return
        word_bytes = 4 * self.memory.size
        left, address = self.memory.weights_words * word_bytes, self.memory.first.base
        while left:
            length = min(left, self.message_bytes)
            self._send(Kind.EXPORT, 0, address=address, length=length)
            left -= length
            address += length // word_bytes

    def _go_round(self) -> None:
        for _ in range(ROUNDS):
            if self.rank == 0:
                self._send(Kind.PEER, NEXT_SLOT, address=0, length=0)
            self._emit(Opcode.RECEIVE, peer=PREVIOUS_SLOT)
            if self.rank:
                self._send(Kind.PEER, NEXT_SLOT, address=0, length=0)

    # Pieces of the ring.  Direction 0 goes to the next node; direction 1 is its mirror image.

    def _chunk(self, direction: int, offset: int) -> int:
        """Address of the chunk of this half that is ``offset`` places further on in this direction."""
        sign = -1 if direction else 1
        index = (self.rank + sign * offset) % self.task.nodes
        return self.memory.first_gradient.base + (
            (direction * self.task.nodes + index) * self.memory.chunk_words
        )

    def _send_chunk(self, direction: int, offset: int) -> None:
        slot = PREVIOUS_SLOT if direction else NEXT_SLOT
        length = self.memory.chunk_words * 4 * self.memory.size
        self._send(Kind.PEER, slot, address=self._chunk(direction, offset), length=length)

    def _receive_chunk(self, direction: int, address: int) -> None:
        slot = NEXT_SLOT if direction else PREVIOUS_SLOT
        self._emit(Opcode.RECEIVE, peer=slot, length=self.memory.chunk_words, y=Operand(base=address))

    # Commands

    @property
    def _here(self) -> int:
        """Address of the next command."""
        return self.memory.program + len(self.commands) * COMMAND_BYTES // (4 * self.memory.size)

    def _emit(self, opcode: Opcode, **fields: int | Operand) -> None:
        self.commands.append(Command(opcode=opcode, **fields))  # type: ignore[arg-type]

    def _of_batch(self, base: int) -> Operand:
        """The part of the current batch whose address in the first one is ``base``."""
        strides = [0] * LEVELS
        strides[BATCH_LEVEL] = self.memory.batch_words
        return Operand(base=base, strides=tuple(strides))

    def _loop(self, level: int, rounds: int, target: int) -> None:
        self._emit(Opcode.NEXT, level=level, length=rounds, target=target)

    def _send(self, kind: Kind, slot: int, *, address: int, length: int) -> None:
        self._emit(Opcode.SEND, kind=kind, peer=slot, length=length, a=Operand(base=address))

    def _matmul(self, y: Tiles, a: Operand, left: Panels, right: Panels) -> None:
        """``y`` = ``left`` (at ``a``) times ``right``, lanes by lanes."""
        self._emit(
            Opcode.MATMUL,
            length=left.length,
            rows=left.count,
            columns=right.count,
            row_stride=y.across * y.size,
            column_stride=y.size,
            y=Operand(base=y.base),
            a=a,
            b=Operand(base=right.base),
        )

    def _to_panels(self, y: Panels, a: Tiles, *, transpose: bool = False) -> None:
        """The columns of ``a`` become lanes, or its rows if ``transpose``; the other side becomes k."""
        along_row, along_column = a.size, a.across * a.size
        self._emit(
            Opcode.CONVERT,
            option=Option.TRANSPOSE if transpose else 0,
            rows=a.down if transpose else a.across,
            columns=a.across if transpose else a.down,
            row_stride=along_column if transpose else along_row,
            column_stride=along_row if transpose else along_column,
            y=Operand(base=y.base),
            a=Operand(base=a.base),
        )

    def _vector(
        self, opcode: Opcode, y: int, a: int, b: Operand = NOWHERE, *, words: int, scalar: float = 0.0
    ) -> None:
        bits = int(np.float32(scalar).view(np.uint32))
        self._emit(opcode, length=words, scalar=bits, y=Operand(base=y), a=Operand(base=a), b=b)
