"""The program of a node: forward, backward, all-reduce, update, all of it inside the accelerator."""

from interlock.demo.memory import Memory
from interlock.demo.task import Task
from interlock.device.addresses import Address
from interlock.device.assembler import Program

PREVIOUS_SLOT, NEXT_SLOT = 0, 1
"""Slot 1 of a node leads to slot 0 of the next one in the ring."""
ROUNDS = 2
"""Times that the empty message goes round the ring at the end: after the first round its starter has
everybody's last work in its past, after the second one everybody has."""


def training_program(
    task: Task, memory: Memory, *, rank: int, message_bytes: int, scratch_words: int
) -> Program:
    """The program of node ``rank``, which exports before the first step, after each epoch, and at the end."""
    program = Program(origin=memory.origin, array_size=memory.array_size, scratch_words=scratch_words)
    memory.check(scratch_words=scratch_words, program_words=0)
    training = _Training(task, memory, program, rank=rank, message_bytes=message_bytes)
    training.export()
    with program.loop(task.epochs):
        with program.loop(memory.batches) as batch:
            training.step(training.region["shard"] + memory.batch_words * batch)
        training.export()
    training.go_round()
    training.export()
    program.halt()
    memory.check(scratch_words=scratch_words, program_words=program.end - program.origin)
    return program


class _Training:
    """Writes the pieces of one node's program."""

    def __init__(
        self, task: Task, memory: Memory, program: Program, *, rank: int, message_bytes: int
    ) -> None:
        self.task = task
        self.memory = memory
        self.program = program
        self.rank = rank
        self.message_bytes = message_bytes
        self.region = {name: program.region(name, words) for name, words in memory.regions.items()}
        self.second = self.region["weights"] + memory.first_words
        self.second_gradient = self.region["gradient"] + memory.first_words
        self.hidden = self.region["activations"]
        self.delta = self.hidden + memory.hidden_words
        self.error = self.delta + memory.hidden_words

    def step(self, batch: Address) -> None:
        """One step of gradient descent on the batch at ``batch``."""
        self._forward(batch)
        self._backward(batch)
        self._all_reduce()
        self._update()

    def export(self) -> None:
        """Node 0 exports the weights, in as many messages as it takes; the others an empty message."""
        word_bytes = 4 * self.memory.array_size
        total = 0 if self.rank else self.memory.weights_words * word_bytes
        for start in range(0, max(total, 1), self.message_bytes):
            length = min(total - start, self.message_bytes)
            self.program.export(a=self.region["weights"] + start // word_bytes, length=length)

    def go_round(self) -> None:
        """An empty message goes round the ring."""
        for _ in range(ROUNDS):
            if self.rank == 0:
                self.program.send(a=0, slot=NEXT_SLOT, length=0)
            self.program.receive(y=0, source=PREVIOUS_SLOT, words=0)
            if self.rank != 0:
                self.program.send(a=0, slot=NEXT_SLOT, length=0)

    def _forward(self, batch: Address) -> None:
        p, m, at = self.program, self.memory, self.region
        p.column_panels(y=at["first_columns"], a=at["weights"], rows=m.features, columns=m.hidden)
        p.column_panels(y=at["second_columns"], a=self.second, rows=m.hidden, columns=m.classes)
        p.row_panels(y=at["second_rows"], a=self.second, rows=m.hidden, columns=m.classes)

        self._matmul(self.hidden, batch, at["first_columns"], m.batch, m.hidden, m.features)
        p.relu(y=self.hidden, a=self.hidden, words=m.hidden_words)
        p.row_panels(y=at["hidden_rows"], a=self.hidden, rows=m.batch, columns=m.hidden)
        p.column_panels(y=at["hidden_columns"], a=self.hidden, rows=m.batch, columns=m.hidden)
        self._matmul(self.error, at["hidden_rows"], at["second_columns"], m.batch, m.classes, m.hidden)

    def _backward(self, batch: Address) -> None:
        """The gradient of half the squared error, averaged over the samples of all nodes."""
        p, m, at = self.program, self.memory, self.region
        share = 1 / (self.task.nodes * self.task.batch)
        p.sub(y=self.error, a=self.error, b=batch + 2 * m.panel_words, words=m.error_words)
        p.scale(y=self.error, a=self.error, factor=share, words=m.error_words)
        p.row_panels(y=at["error_rows"], a=self.error, rows=m.batch, columns=m.classes)
        p.column_panels(y=at["error_columns"], a=self.error, rows=m.batch, columns=m.classes)

        # The column panels of a matrix are the row panels of its transpose, and the other way round.
        self._matmul(
            self.second_gradient, at["hidden_columns"], at["error_columns"], m.hidden, m.classes, m.batch
        )
        self._matmul(self.delta, at["error_rows"], at["second_rows"], m.batch, m.hidden, m.classes)
        p.mask(y=self.delta, a=self.delta, b=self.hidden, words=m.hidden_words)
        p.column_panels(y=at["delta_columns"], a=self.delta, rows=m.batch, columns=m.hidden)
        self._matmul(
            at["gradient"], batch + m.panel_words, at["delta_columns"], m.features, m.hidden, m.batch
        )

    def _update(self) -> None:
        p, gradient, weights = self.program, self.region["gradient"], self.region["weights"]
        words = self.memory.weights_words
        p.scale(y=gradient, a=gradient, factor=self.task.learning_rate, words=words)
        p.sub(y=weights, a=weights, b=gradient, words=words)

    def _matmul(self, y: Address, a: Address, b: Address, rows: int, columns: int, inner: int) -> None:
        """y = a b; all sizes in tiles."""
        k = inner * self.memory.array_size
        self.program.matmul(y=y, a=a, b=b, rows=rows, columns=columns, k=k)

    def _all_reduce(self) -> None:
        """Adds up the gradients of all nodes, in a ring, half of them in either direction.

        A chunk of each half starts at each node and grows on its way; the node that it reaches last has the
        sum.  Then the sums go round.  Each sum is made once, so that all nodes have the same, to the bit.
        """
        steps = range(self.task.nodes - 1)
        inboxes = [self.region["activations"] + half * self.memory.chunk_words for half in (0, 1)]
        for step in steps:
            for half in (0, 1):
                self._send(half, self._chunk(half, -step))
            for half, inbox in enumerate(inboxes):
                self._receive(half, inbox)
                chunk = self._chunk(half, -step - 1)
                self.program.add(y=chunk, a=chunk, b=inbox, words=self.memory.chunk_words)
        for step in steps:
            for half in (0, 1):
                self._send(half, self._chunk(half, 1 - step))
            for half in (0, 1):
                self._receive(half, self._chunk(half, -step))

    def _chunk(self, half: int, places: int) -> Address:
        """The chunk ``places`` further on than this node's, in the direction in which this half travels."""
        index = (self.rank + (-places if half else places)) % self.task.nodes
        return self.region["gradient"] + (half * self.task.nodes + index) * self.memory.chunk_words

    def _send(self, half: int, chunk: Address) -> None:
        length = self.memory.chunk_words * 4 * self.memory.array_size
        self.program.send(a=chunk, slot=PREVIOUS_SLOT if half else NEXT_SLOT, length=length)

    def _receive(self, half: int, chunk: Address) -> None:
        source = NEXT_SLOT if half else PREVIOUS_SLOT
        self.program.receive(y=chunk, source=source, words=self.memory.chunk_words)
