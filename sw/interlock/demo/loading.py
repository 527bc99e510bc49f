"""What the host tells a node: the messages that carry its shard, the initial weights and its program."""

from collections.abc import Iterator

import numpy as np

from interlock.demo.data import Shard, Weights, panels, tiles
from interlock.demo.memory import Memory
from interlock.model.command import LOADER_HEADER, LoaderOption
from interlock.model.messages import Kind, Message


def load_messages(
    memory: Memory, shard: Shard, weights: Weights, program: bytes, *, message_bytes: int
) -> Iterator[bytes]:
    """EXTERNAL messages for the loader; the last one starts the program."""
    size = memory.size
    content = bytearray()
    for inputs, targets in zip(shard.inputs, shard.targets, strict=True):
        content += panels(inputs, size) + panels(np.ascontiguousarray(inputs.T), size) + tiles(targets, size)
    content += tiles(weights.first, size) + tiles(weights.second, size)
    yield from _place(0, bytes(content), size, message_bytes)
    yield from _place(memory.program, program, size, message_bytes)
    yield _external(LOADER_HEADER.pack(LoaderOption.START, 0, memory.program), size)


def _place(address: int, content: bytes, size: int, message_bytes: int) -> Iterator[bytes]:
    word_bytes = 4 * size
    room = message_bytes // word_bytes * word_bytes - word_bytes
    for start in range(0, len(content), room):
        header = LOADER_HEADER.pack(LoaderOption.LOAD, address + start // word_bytes, 0)
        yield _external(header, size, content[start : start + room])


def _external(header: bytes, size: int, data: bytes = b"") -> bytes:
    return Message(Kind.EXTERNAL, 0, header.ljust(4 * size, b"\0") + data).encode()
