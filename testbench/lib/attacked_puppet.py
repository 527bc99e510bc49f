"""A node in lockstep of which a test has everything in its hands: host, peers, and every beat of ``tx``."""

from collections.abc import Sequence

from interlock.device.assembler import Program
from interlock.device.lockstep import LockstepNode
from interlock.model.messages import HEADER, STREAM, STREAM_HEADER, Kind

from lib.attacked import PATIENCE, WORDS, Attacked
from lib.nodes import BUILDS, puppet_node
from lib.script import Script

LONGEST = 4096
"""Bytes that a slow stream may have."""


class AttackedPuppet(Attacked):
    """An :class:`Attacked` node whose accelerator is a puppet."""

    def __init__(self, *, words: Sequence[int] = WORDS) -> None:
        super().__init__(config=BUILDS["wide"], words=words)

    def make(self) -> LockstepNode:
        return puppet_node(self.config, serial=1)

    def begin(self, program: Program | None) -> None:
        """Nothing."""

    def ask(self) -> None:
        script = Script()
        script.export(0)
        self.tell(script)

    def tell(self, script: Script) -> None:
        """The host sends a script."""
        self.host(*script.messages(self.config.message_bytes))

    def until(self, event: str, *, step: int = 5) -> None:
        """Runs until this happens once more."""
        before = self.gateware.choices[event]
        begin = self.node.cycles
        while self.gateware.choices[event] == before:
            assert self.node.cycles - begin < PATIENCE, f"no {event}"
            self.run(step, step=step)


def slow_stream(slot: int, *, pause: int, words: int = 4, bound: int = 1 << 40) -> Script:
    """A STREAM that stops for ``pause`` cycles after half of its ``words``, which count up from 0."""
    script = Script()
    header = HEADER.pack(kind=Kind.PEER, flags=STREAM, peer=slot, bound=bound)
    script.raw([header, STREAM_HEADER.pack(maximum=LONGEST)], last=False)
    script.data(words // 2)
    script.wait(pause)
    script.data(words - words // 2, seed=words // 2 * 4, last=True)
    return script
