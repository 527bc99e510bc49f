"""How nodes are joined by links."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class End:
    """One end of a link: a slot of a node."""

    node: int
    slot: int


Join = tuple[End, End]
"""A link between two nodes."""


def full_mesh(nodes: int) -> list[Join]:
    """A link between any two of ``nodes``; the slots of each are in the order of the others."""
    return [(End(a, b - 1), End(b, a)) for a in range(nodes) for b in range(a + 1, nodes)]


def ring(nodes: int) -> list[Join]:
    """A link from slot 1 of each node to slot 0 of the next."""
    return [(End(a, 1), End((a + 1) % nodes, 0)) for a in range(nodes)]
