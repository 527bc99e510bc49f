"""What is trained, and how: every choice of a run that changes its result."""

from dataclasses import dataclass

from interlock.errors import InterlockError

FEATURES = 64
CLASSES = 10
MAX_NODES = 8


class BadTask(InterlockError):
    """The options of a demo do not fit together."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Data-parallel training of a network with one hidden layer, by gradient descent on the squared error.

    Parameters
    ----------
    nodes : int
        Nodes of the ring, 2 … 8.  Each holds a shard of the training set and a copy of the weights.
    hidden : int
        Width of the hidden layer.
    batch : int
        Samples that a node takes a step.
    epochs : int
        Times that each node goes through its shard.
    batches : int, optional
        Steps an epoch; by default as many as the shard fills.
    learning_rate : float
        Of plain gradient descent on the mean over the batches of all nodes.
    seed : int
        Fixes split, initial weights and session ids, and with them every byte of the run.
    """

    nodes: int = 4
    hidden: int = 32
    batch: int = 32
    epochs: int = 10
    batches: int | None = None
    learning_rate: float = 0.4
    seed: int = 1

    def validate(self) -> None:
        """Raises :class:`BadTask` with what is wrong and what would be right."""
        if not 2 <= self.nodes <= MAX_NODES:
            raise BadTask(f"a ring has 2 … {MAX_NODES} nodes, not {self.nodes}")
        for name in ("hidden", "batch", "epochs", "batches"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= 0xFFFF:
                raise BadTask(f"{name} must be 1 … 65535, not {value}")
        if not 0 < self.learning_rate < 100:
            raise BadTask(f"the learning rate must be above 0 and below 100, not {self.learning_rate}")
        if self.seed < 0:
            raise BadTask(f"the seed must not be negative, and is {self.seed}")

    @property
    def layers(self) -> tuple[int, int, int]:
        """Widths of input, hidden and output layer."""
        return FEATURES, self.hidden, CLASSES
