"""Whether nodes in lockstep have come to rest."""

from interlock.device.compare import Mismatch
from interlock.device.lockstep import LockstepNode
from interlock.model.session import State


def outstanding(node: LockstepNode) -> str:
    """What has to happen still before ``node`` is at rest, or nothing.  With entropy left, gates open."""
    if node.golden.session.state in (State.CLEAR, State.DRAW) and node.golden.random:
        return "the gates are to open"
    return "; ".join(node.outstanding())


def settle(node: LockstepNode, *, patience: int = 400_000) -> None:
    """Runs a node until nothing is outstanding."""
    begin = node.cycles
    while problem := outstanding(node):
        if node.cycles - begin > patience:
            raise Mismatch(node.name, f"after {patience} cycles: {problem}")
        node.run(500)
