"""Where everything lies in the scratch memory of a node."""

from dataclasses import dataclass

from interlock.demo.data import padded
from interlock.demo.task import BadTask, Task


@dataclass(frozen=True)
class Tiles:
    """An fp32 matrix: tiles of ``size`` words, along its rows, from word ``base``."""

    base: int
    rows: int
    columns: int
    size: int

    @property
    def down(self) -> int:
        """Tiles in a column."""
        return padded(self.rows, self.size) // self.size

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return padded(self.columns, self.size) // self.size

    @property
    def words(self) -> int:
        return self.down * self.across * self.size

    @property
    def end(self) -> int:
        return self.base + self.words


@dataclass(frozen=True)
class Panels:
    """A bf16 operand of a matrix product: panels of ``size`` lanes, each with ``k`` steps, two in a word."""

    base: int
    lanes: int
    k: int
    size: int

    @property
    def count(self) -> int:
        return padded(self.lanes, self.size) // self.size

    @property
    def length(self) -> int:
        """Words of one panel."""
        return padded(self.k, self.size) // 2

    @property
    def words(self) -> int:
        return self.count * self.length

    @property
    def end(self) -> int:
        return self.base + self.words


class Memory:
    """The memory map of a task, the same on every node.

    First comes the shard, batch after batch, ``batch_words`` each; then weights and gradient, both layers in
    one piece; then everything that is computed from them.  The program comes last, at ``program``.

    Parameters
    ----------
    task : Task
    batches : int
        Of a shard.
    size : int
        n of the accelerator.
    """

    def __init__(self, task: Task, *, batches: int, size: int) -> None:
        features, hidden, classes = task.layers
        batch = task.batch
        self.size = size
        self.batches = batches

        # Of the first batch; that of the next one lies batch_words further on.
        self.input_rows = Panels(0, batch, features, size)
        self.input_columns = Panels(self.input_rows.end, features, batch, size)
        self.targets = Tiles(self.input_columns.end, batch, classes, size)
        self.batch_words = self.targets.end

        self.first = Tiles(batches * self.batch_words, features, hidden, size)
        self.second = Tiles(self.first.end, hidden, classes, size)
        self.weights_words = self.first.words + self.second.words

        # The ring cuts the gradient into as many chunks as there are nodes, twice; they fill whole words.
        self.chunk_words = -(-self.weights_words // (2 * task.nodes))
        self.first_gradient = Tiles(self.second.end, features, hidden, size)
        self.second_gradient = Tiles(self.first_gradient.end, hidden, classes, size)
        gradient_end = self.first_gradient.base + 2 * task.nodes * self.chunk_words

        self.first_forward = Panels(gradient_end, hidden, features, size)
        self.second_forward = Panels(self.first_forward.end, classes, hidden, size)
        self.second_backward = Panels(self.second_forward.end, hidden, classes, size)

        self.hidden_rows = Panels(self.second_backward.end, batch, hidden, size)
        self.hidden_columns = Panels(self.hidden_rows.end, hidden, batch, size)
        self.error_rows = Panels(self.hidden_columns.end, batch, classes, size)
        self.error_columns = Panels(self.error_rows.end, classes, batch, size)
        self.delta_columns = Panels(self.error_columns.end, hidden, batch, size)

        self.hidden = Tiles(self.delta_columns.end, batch, hidden, size)
        self.delta = Tiles(self.hidden.end, batch, hidden, size)
        self.error = Tiles(self.delta.end, batch, classes, size)
        # By the time that chunks of gradients arrive, the activations have served.
        self.inboxes = (self.hidden.base, self.hidden.base + self.chunk_words)
        self.program = max(self.error.end, self.inboxes[1] + self.chunk_words)

    def check(self, *, program_words: int, scratch_words: int) -> None:
        """Raises :class:`BadTask` if the task does not fit."""
        needed = self.program + program_words
        if needed > scratch_words:
            raise BadTask(
                f"the task needs {needed} words of scratch memory of {scratch_words}: "
                "take more nodes, fewer batches or a smaller hidden layer"
            )
