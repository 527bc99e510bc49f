"""What lies in the scratch memory of a node, and how much of it there is."""

from dataclasses import dataclass
from typing import Self

from interlock.demo.task import BadTask, Task
from interlock.device.tiles import tile_count


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The memory map of a task: sizes in tiles, from which everything else follows.

    Parameters
    ----------
    nodes, batches : int
    array_size : int
        n of the accelerator: a tile is n x n, and n words of fp32 or n / 2 of bf16.
    features, hidden, classes, batch : int
        Tiles along the sides of the matrices.
    """

    nodes: int
    batches: int
    array_size: int
    features: int
    hidden: int
    classes: int
    batch: int

    @classmethod
    def of(cls, task: Task, *, batches: int, array_size: int) -> Self:
        """The map for a shard of ``batches`` batches."""
        features, hidden, classes = (tile_count(width, array_size) for width in task.layers)
        return cls(
            nodes=task.nodes,
            batches=batches,
            array_size=array_size,
            features=features,
            hidden=hidden,
            classes=classes,
            batch=tile_count(task.batch, array_size),
        )

    def fp32(self, rows: int, columns: int) -> int:
        """Words of a matrix of so many tiles."""
        return rows * columns * self.array_size

    def bf16(self, rows: int, columns: int) -> int:
        """Words of its panels."""
        return rows * columns * self.array_size // 2

    @property
    def first_words(self) -> int:
        """Words of the first layer's weights."""
        return self.fp32(self.features, self.hidden)

    @property
    def weights_words(self) -> int:
        """Words of all weights: first layer, then second."""
        return self.first_words + self.fp32(self.hidden, self.classes)

    @property
    def chunk_words(self) -> int:
        """Words of what travels on the ring: the gradient is cut into two chunks for each node."""
        return -(-self.weights_words // (2 * self.nodes))

    @property
    def panel_words(self) -> int:
        """Words of a batch's inputs, as row panels or as column panels."""
        return self.bf16(self.batch, self.features)

    @property
    def batch_words(self) -> int:
        """Words of a batch: row panels, column panels, targets."""
        return 2 * self.panel_words + self.fp32(self.batch, self.classes)

    @property
    def hidden_words(self) -> int:
        """Words of the hidden layer's activations."""
        return self.fp32(self.batch, self.hidden)

    @property
    def error_words(self) -> int:
        """Words of the output layer's activations."""
        return self.fp32(self.batch, self.classes)

    @property
    def regions(self) -> dict[str, int]:
        """Words of each region, in the order in which they lie from address 0 on; the program follows them.

        Chunks arrive where the activations were, which have served by then.
        """
        return {
            "shard": self.batches * self.batch_words,
            "weights": self.weights_words,
            "gradient": 2 * self.nodes * self.chunk_words,
            "first_columns": self.bf16(self.features, self.hidden),
            "second_columns": self.bf16(self.hidden, self.classes),
            "second_rows": self.bf16(self.hidden, self.classes),
            "hidden_rows": self.bf16(self.batch, self.hidden),
            "hidden_columns": self.bf16(self.batch, self.hidden),
            "error_rows": self.bf16(self.batch, self.classes),
            "error_columns": self.bf16(self.batch, self.classes),
            "delta_columns": self.bf16(self.batch, self.hidden),
            "activations": max(2 * self.hidden_words + self.error_words, 2 * self.chunk_words),
        }

    @property
    def origin(self) -> int:
        """Address of the program."""
        return sum(self.regions.values())

    def check(self, *, scratch_words: int, program_words: int) -> None:
        """Raises :class:`BadTask` where the task and its program do not fit."""
        needed = self.origin + program_words
        if needed > scratch_words:
            raise BadTask(
                f"a node needs {needed} words of scratch memory and has {scratch_words}: "
                "take more nodes, fewer batches or a smaller hidden layer"
            )
