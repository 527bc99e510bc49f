"""A node in lockstep whose host and peers are in the hands of a test."""

from collections.abc import Sequence

from interlock.device.assembler import FOREVER, HOST, Program
from interlock.device.loader import data_message
from interlock.model.log import ENTRY_BYTES, Entry
from interlock.model.messages import HEADER, Kind
from interlock.model.summary import Summary
from interlock.wires import Rolled, Segment

from lib.jobs import PROGRAM
from lib.nodes import lockstep_node, small_config
from lib.peer import Peer, run
from lib.settle import outstanding
from lib.watched import whole

WORDS = (0x11111111, 0x22222222)
"""What the noise source says first."""
PATIENCE = 60_000


def exporter() -> Program:
    """Exports an empty message whenever the host says something."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    with program.loop(FOREVER):
        program.receive(y=0, source=HOST, words=1)
        program.export(a=0, length=0)
    return program


class Attacked:
    """A node with two links, its peers, and its host.

    Parameters
    ----------
    beat_bytes : int
    program : Program, optional
        What its accelerator runs; :func:`exporter`, for :meth:`log`, unless given.
    words : sequence of int
        Everything that the noise source says.

    Attributes
    ----------
    node : LockstepNode
    gateware : WatchedNode
    peers : list of Peer
    """

    def __init__(
        self, *, beat_bytes: int = 16, program: Program | None = None, words: Sequence[int] = WORDS
    ) -> None:
        self.config = small_config(beat_bytes)
        self.node = lockstep_node(self.config, serial=1)
        self.gateware = self.node.node
        self.peers = [
            Peer(self.node, slot, session_id=0xA0 + slot, beat_bytes=beat_bytes) for slot in range(2)
        ]
        self._from_host: list[Segment | Rolled] = []
        self.node.push_random(words)
        self.host(*(program or exporter()).messages())
        self.settle()

    def run(self, cycles: int, *, step: int = 20) -> None:
        """Runs the node and the ends of its links."""
        run(self.node, self.peers, cycles, step=step)
        self._from_host += self.node.pop_host()

    def settle(self) -> None:
        """Runs until nothing is outstanding, in the node or on its links."""
        begin = self.node.cycles
        while True:
            self.run(200)
            problem = outstanding(self.node)
            if not problem:
                return
            assert self.node.cycles - begin < PATIENCE, problem

    def host(self, *messages: bytes) -> None:
        """The host sends whole messages."""
        self.node.push_host([Segment(message, True, True) for message in messages])

    def roll(self) -> None:
        self.node.roll()

    @property
    def is_open(self) -> bool:
        """The gates are open."""
        return self.gateware.is_open

    @property
    def alarm(self) -> int:
        return self.gateware.alarm

    @property
    def session_id(self) -> int:
        """The node's own, as the golden model knows it."""
        return int.from_bytes(self.node.golden.session.session_id)

    @property
    def released(self) -> list[tuple[int, bytes]]:
        """Slot and payload of every PEER message that the accelerator got in this session."""
        messages = self.gateware.released
        while Rolled() in messages:
            del messages[: messages.index(Rolled()) + 1]
        return [
            (int.from_bytes(message[2:4]), message[HEADER.size :])
            for message in messages
            if message[0] == Kind.PEER
        ]

    def exported(self) -> list[bytes | Rolled]:
        """The messages that the host got since it was last asked."""
        items, self._from_host = self._from_host, []
        return whole(items)

    def export(self) -> tuple[list[Entry], Summary]:
        """Has the accelerator export something; the log that goes with it, and the summary."""
        self.host(data_message(b""))
        self.settle()
        *_, log, summary, payload = self.exported()
        assert [message[0] for message in (log, summary, payload)] == [Kind.LOG, Kind.SUMMARY, Kind.EXPORT]
        entries = [
            Entry.decode(log[at : at + ENTRY_BYTES]) for at in range(HEADER.size, len(log), ENTRY_BYTES)
        ]
        return entries, Summary.decode(summary[HEADER.size :])

    def log(self) -> dict[int, int]:
        """FLOPs of every source that the node knows of."""
        entries, _ = self.export()
        return {int.from_bytes(entry.session_id): entry.flops for entry in entries}
