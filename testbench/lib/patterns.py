"""When a bench component pauses: named patterns, so that tests can cross them."""

from collections.abc import Iterator
from random import Random

PATTERNS = ("none", "half", "bursts", "long")
"""``none`` never pauses; ``half`` pauses every other cycle on average; ``bursts`` goes and pauses for 1 … 16
cycles in turn; ``long`` pauses seldom, for 60 … 200 cycles."""


def crossings(streams: int) -> list[tuple[str, ...]]:
    """Patterns for a number of streams at once: each comes on each stream, beside others; and none on any."""
    return [("none",) * streams] + [
        tuple(PATTERNS[(first + number) % len(PATTERNS)] for number in range(streams))
        for first in range(len(PATTERNS))
    ]


def pauses(pattern: str, random: Random) -> Iterator[bool]:
    """For each cycle, whether to pause in it."""
    match pattern:
        case "none":
            while True:
                yield False
        case "half":
            while True:
                yield random.random() < 0.5
        case "bursts":
            while True:
                for pause in (False, True):
                    for _ in range(random.randint(1, 16)):
                        yield pause
        case "long":
            while True:
                for _ in range(random.randint(10, 80)):
                    yield False
                for _ in range(random.randint(60, 200)):
                    yield True
        case _:
            raise ValueError(f"no pattern {pattern!r}; there are {', '.join(PATTERNS)}")
