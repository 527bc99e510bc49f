"""What the hosts tell a node, and what they read of the weights that come back."""

from itertools import chain

from interlock.demo.data import Shard, Weights
from interlock.demo.memory import Memory
from interlock.demo.task import Task
from interlock.device.assembler import Program
from interlock.device.loader import load_messages
from interlock.device.tiles import from_tiles, to_column_panels, to_row_panels, to_tiles


def host_messages(
    memory: Memory, shard: Shard, weights: Weights, program: Program, *, message_bytes: int
) -> list[bytes]:
    """EXTERNAL messages that bring a node its shard, the initial weights and its program, and start that."""
    n = memory.array_size
    batches = (
        to_row_panels(inputs, n) + to_column_panels(inputs, n) + to_tiles(targets, n)
        for inputs, targets in zip(shard.inputs, shard.targets, strict=True)
    )
    data = b"".join(chain(batches, (to_tiles(weights.first, n), to_tiles(weights.second, n))))
    return [
        *load_messages(0, data, array_size=n, message_bytes=message_bytes),
        *program.messages(message_bytes=message_bytes),
    ]


def weights_of(payload: bytes, task: Task, memory: Memory) -> Weights:
    """The weights that node 0 exported."""
    n = memory.array_size
    features, hidden, classes = task.layers
    split = memory.first_words * 4 * n
    return Weights(
        from_tiles(payload[:split], features, hidden, n), from_tiles(payload[split:], hidden, classes, n)
    )
