"""Somebody on the wire between two nodes."""

from collections.abc import Sequence
from random import Random

from interlock.wires import Level, Node, RawBeat, Segment


class TamperedLinks:
    """A node whose links pass through the hands of an attacker, who alters now and then what it sends.

    Levels are left alone: they are how the other end learns of what comes.

    Parameters
    ----------
    node : Node
    random : Random
    beat_bytes : int
    probability : float
        For each piece that leaves between two looks.

    Attributes
    ----------
    altered : int
        How many were altered.
    """

    def __init__(self, node: Node, random: Random, *, beat_bytes: int, probability: float) -> None:
        self._node = node
        self._random = random
        self._beat_bytes = beat_bytes
        self._before = Segment(bytes(16), True, True)
        self.probability = probability
        self.altered = 0

    def __getattr__(self, name: str):
        return getattr(self._node, name)

    def pop_link(self, slot: int) -> Sequence[Segment | RawBeat | Level]:
        items = []
        for item in self._node.pop_link(slot):
            if isinstance(item, Segment) and self._random.random() < self.probability:
                self.altered += 1
                items += self._alter(item)
            else:
                items.append(item)
            if isinstance(item, Segment):
                self._before = item
        return items

    def _alter(self, segment: Segment) -> list[Segment | RawBeat]:
        random, size = self._random, self._beat_bytes
        data = bytearray(segment.data)
        match random.randrange(7):
            case 0:  # a flipped bit
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
                return [Segment(bytes(data), segment.first, segment.last)]
            case 1:  # replayed
                return [segment, segment]
            case 2:  # lost
                return []
            case 3:  # the end is cut off
                cut = data[: random.randint(1, len(data))]
                return [Segment(bytes(cut), segment.first, last=True)]
            case 4:  # swapped for something older
                return [self._before]
            case 5:  # longer
                return [Segment(segment.data + bytes(-len(data) % size + size), segment.first, segment.last)]
            case _:  # a beat with holes
                keep = random.randrange(1 << size)
                return [segment, RawBeat(random.randbytes(size), keep, random.random() < 0.5, False)]
