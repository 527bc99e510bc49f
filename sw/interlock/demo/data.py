"""The digits, as the accelerators want them: shards, initial weights, and their layout in scratch memory."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from interlock.demo.task import CLASSES, FEATURES, BadTask, Task
from interlock.model import floats

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


def padded(length: int, size: int) -> int:
    """``length`` rounded up to a multiple of ``size``."""
    return -(-length // size) * size


def pad(matrix: Matrix, size: int) -> Matrix:
    """``matrix`` with zeros at its ends, so that both sides are multiples of ``size``."""
    rows, columns = matrix.shape
    return np.pad(matrix, ((0, padded(rows, size) - rows), (0, padded(columns, size) - columns)))


def panels(matrix: Matrix, size: int) -> bytes:
    """bf16 panels of ``matrix``, shape (lanes, k): for each ``size`` lanes, step k after step k."""
    full = pad(matrix, size)
    steps = full.reshape(-1, size, full.shape[1]).transpose(0, 2, 1)
    return floats.to_bf16(np.ascontiguousarray(steps).view(np.uint32)).astype(">u2").tobytes()


def tiles(matrix: Matrix, size: int) -> bytes:
    """fp32 tiles of ``matrix``: tile after tile along its rows, each ``size`` words of ``size`` values."""
    full = pad(matrix, size)
    return full.reshape(-1, size, full.shape[1] // size, size).transpose(0, 2, 1, 3).astype(">f4").tobytes()


def from_tiles(data: bytes, rows: int, columns: int, size: int) -> Matrix:
    """The matrix whose :func:`tiles` are ``data``."""
    down, across = padded(rows, size) // size, padded(columns, size) // size
    grid = np.frombuffer(data, ">f4").reshape(down, across, size, size).transpose(0, 2, 1, 3)
    return grid.reshape(down * size, across * size)[:rows, :columns].astype(np.float32)
