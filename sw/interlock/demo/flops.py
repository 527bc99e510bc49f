"""How many FLOPs a task costs, from the shapes of its layers alone.

The rule is that of docs/specification.md, *Counting*: a multiply-add is 2, an add, sub, mul, scale, ReLU or
mask is 1 an element, and padding that is executed is counted.  What is padded: a matrix of the accelerator
consists of whole tiles, so each of its sides is rounded up to the size of a tile; the ring cuts the gradient
into equal chunks of whole words.  Nothing here looks at a program or a counter: this is what they are checked
against.
"""

from dataclasses import asdict, dataclass
from math import ceil

from interlock.demo.task import Task


@dataclass(frozen=True)
class StepFlops:
    """FLOPs of one node in one step, by what they are spent on."""

    forward: int
    activation: int
    error: int
    backward: int
    all_reduce: int
    update: int

    @property
    def total(self) -> int:
        return sum(asdict(self).values())


def step_flops(task: Task, *, tile: int) -> StepFlops:
    """FLOPs of one step of one node whose matrices consist of tiles of ``tile`` x ``tile``."""
    features, hidden, classes = (_whole_tiles(width, tile) for width in task.layers)
    batch = _whole_tiles(task.batch, tile)
    weights = features * hidden + hidden * classes
    # Both halves of the gradient travel in as many chunks as there are nodes.  A node adds its part to all
    # chunks of a half but the one that starts with it.
    chunk = ceil(weights / tile / (2 * task.nodes)) * tile
    return StepFlops(
        forward=2 * batch * features * hidden + 2 * batch * hidden * classes,
        activation=batch * hidden,
        error=2 * batch * classes,  # subtract the target, divide by the number of samples
        # Gradient of the second layer; error at the hidden layer, masked; gradient of the first layer.
        backward=2 * hidden * batch * classes
        + 2 * batch * classes * hidden
        + batch * hidden
        + 2 * features * batch * hidden,
        all_reduce=2 * (task.nodes - 1) * chunk,
        update=2 * weights,  # scale by the learning rate, subtract
    )


def analytic_flops(task: Task, *, steps: int, tile: int) -> int:
    """FLOPs of ``steps`` steps on all nodes."""
    return step_flops(task, tile=tile).total * steps * task.nodes


def torch_flops(task: Task, *, steps: int) -> int:
    """What ``torch.utils.flop_counter`` would report: 2 m n k of the matrix products, without any padding."""
    features, hidden, classes = task.layers
    multiply_adds = 2 * features * hidden + 3 * hidden * classes
    return 2 * task.batch * multiply_adds * steps * task.nodes


def _whole_tiles(length: int, tile: int) -> int:
    return ceil(length / tile) * tile
