"""The digits, split into shards and a held-out fifth, and the weights to begin with."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from interlock.demo.task import CLASSES, FEATURES, BadTask, Task

Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Shard:
    """What one node trains on, batch by batch.

    Attributes
    ----------
    inputs : shape (batches, batch, features)
    targets : shape (batches, batch, classes); 1 at the sample's class, else 0
    """

    inputs: Matrix
    targets: Matrix


@dataclass(frozen=True)
class Dataset:
    """The digits, split: a shard for each node, and the fifth that no node ever sees."""

    shards: tuple[Shard, ...]
    held_out: Matrix
    held_out_labels: Labels

    @property
    def batches(self) -> int:
        """Steps an epoch."""
        return len(self.shards[0].inputs)


@dataclass(frozen=True)
class Weights:
    """A network: ``first`` has shape (features, hidden), ``second`` (hidden, classes)."""

    first: Matrix
    second: Matrix

    def accuracy(self, inputs: Matrix, labels: Labels) -> float:
        """Share of the inputs that the network puts into their class."""
        scores = np.maximum(inputs @ self.first, 0) @ self.second
        return float(np.mean(np.argmax(scores, axis=1) == labels))


def load(task: Task) -> Dataset:
    """The data set of ``task``; raises :class:`BadTask` where there are too few samples for it.

    A pixel is 0 … 16.  The mean picture, in whole numbers, is taken off and the rest divided by 8, all of
    which bf16 holds exactly.  The first pixel is blank in all pictures; a constant 1 in its place serves as
    bias.
    """
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng([task.seed, 0]).permutation(len(pixels))
    held_out, training = np.split(order, [len(order) // 5])
    per_node = len(training) // task.nodes // task.batch
    batches = task.batches or per_node
    if not 1 <= batches <= per_node:
        fitting = len(training) // task.nodes
        raise BadTask(f"{batches or 1} batches of {task.batch} are more than a node's {fitting} samples")

    inputs = (pixels - np.rint(pixels[training].mean(axis=0))) / 8
    inputs[:, 0] = 1
    inputs = inputs.astype(np.float32)
    chosen = training[: task.nodes * batches * task.batch].reshape(batches, task.nodes, task.batch)
    targets = np.eye(CLASSES, dtype=np.float32)[labels]
    shards = tuple(Shard(inputs[rows], targets[rows]) for rows in chosen.transpose(1, 0, 2))
    return Dataset(shards, inputs[held_out], labels[held_out])


def initial_weights(task: Task) -> Weights:
    """Normally distributed weights: small enough that the first steps at this learning rate are stable."""
    random = np.random.default_rng([task.seed, 1])
    first = random.standard_normal((FEATURES, task.hidden)) * np.sqrt(1 / FEATURES)
    second = random.standard_normal((task.hidden, CLASSES)) * np.sqrt(0.5 / task.hidden)
    return Weights(first.astype(np.float32), second.astype(np.float32))
