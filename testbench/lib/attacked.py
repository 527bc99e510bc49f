"""A node in lockstep whose host and peers are in the hands of a test."""

from collections.abc import Sequence

from interlock.device.assembler import FOREVER, HOST, Program
from interlock.device.loader import data_message
from interlock.device.lockstep import LockstepNode
from interlock.model.log import ENTRY_BYTES, Entry
from interlock.model.messages import HEADER, Kind
from interlock.model.summary import Summary
from interlock.wires import Rolled, Segment
from interlock_hdl.config import InterlockConfig

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
        Of the small node that it is, unless ``config`` says something else.
    config : InterlockConfig, optional
    program : Program, optional
        What its accelerator runs; :func:`exporter`, for :meth:`log`, unless given.
    words : sequence of int
        Everything that the noise source says.

    Attributes
    ----------
    node : LockstepNode
    gateware : WatchedNode
    peers : list of Peer
    externals : list of bytes
        The digests in the log of the last export.
    """

    def __init__(
        self,
        *,
        beat_bytes: int = 16,
        config: InterlockConfig | None = None,
        program: Program | None = None,
        words: Sequence[int] = WORDS,
    ) -> None:
        self.config = config or small_config(beat_bytes)
        self.node = self.make()
        self.gateware = self.node.node
        self.peers = [
            Peer(self.node, slot, session_id=0xA0 + slot, beat_bytes=self.config.beat_bytes)
            for slot in range(2)
        ]
        self.externals: list[bytes] = []
        self._from_host: list[Segment | Rolled] = []
        self.node.push_random(words)
        self.begin(program)
        self.settle()

    def make(self) -> LockstepNode:
        """The node."""
        return lockstep_node(self.config, serial=1)

    def begin(self, program: Program | None) -> None:
        """What its accelerator is told first."""
        self.host(*(program or exporter()).messages())

    def ask(self) -> None:
        """Has the accelerator export an empty message."""
        self.host(data_message(b""))

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
        """Has the accelerator export something; the sources in the log that goes with it, and the summary."""
        self.ask()
        self.settle()
        *_, log, summary, payload = self.exported()
        assert [message[0] for message in (log, summary, payload)] == [Kind.LOG, Kind.SUMMARY, Kind.EXPORT]
        told = Summary.decode(summary[HEADER.size :])
        words = [log[at : at + ENTRY_BYTES] for at in range(HEADER.size, len(log), ENTRY_BYTES)]
        assert len(words) == told.n_sessions + told.n_externals
        self.externals = words[told.n_sessions :]
        return [Entry.decode(word) for word in words[: told.n_sessions]], told

    def log(self) -> dict[int, int]:
        """FLOPs of every source that the node knows of."""
        entries, _ = self.export()
        return {int.from_bytes(entry.session_id): entry.flops for entry in entries}
