"""Clusters of puppets in lockstep: every kind of message, legal or not, and every trouble around them."""

from dataclasses import dataclass
from random import Random

from interlock.device.cluster import Cluster
from interlock.device.compare import Mismatch
from interlock.device.joins import full_mesh, ring
from interlock.device.lockstep import LockstepNode
from interlock.model.session import State
from interlock.wires import Segment
from interlock_hdl.config import InterlockConfig
from lib.garbage import garbage
from lib.nodes import SCRIPT_WORDS, puppet_node
from lib.script import Script
from lib.settle import outstanding
from lib.talk import Talk
from lib.tampering import TamperedLinks

from campaigns.tally import Tally

PATIENCE = 400_000
"""Cycles after which everything must have come to rest."""
NODES = 4
FEW_WORDS = 100
"""Random words below which a node gets more."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What happens beside the messages: probabilities for each quantum and node, or each piece on a link."""

    name: str
    roll: float = 0
    garbage: float = 0
    request_full: float = 0
    tamper: float = 0
    breaks_peaks: float = 0


PEACE = Trouble(name="peace")
REQUESTS = Trouble(name="requests", garbage=0.05, request_full=0.1)
ROLLS = Trouble(name="rolls", roll=0.02, garbage=0.02, request_full=0.02, breaks_peaks=0.01)
ATTACKS = Trouble(name="attacks", roll=0.005, garbage=0.02, request_full=0.02, tamper=0.1)


class Messages:
    """One random history of four nodes, the same again for the same arguments.

    With two links a node has the neighbours of a ring, with three all other nodes.

    Parameters
    ----------
    seed : int
    config : InterlockConfig
        With two links at least.
    trouble : Trouble, optional
        Any, by the seed.
    messages : int
        At least so many are sent, in rounds from quiet to quiet.
    """

    def __init__(
        self, seed: int, *, config: InterlockConfig, trouble: Trouble | None = None, messages: int = 500
    ) -> None:
        self.random = random = Random(seed)
        self.trouble = trouble or random.choice((PEACE, REQUESTS, ROLLS, ATTACKS))
        self.config = config
        self.messages = messages
        self.nodes: list[LockstepNode] = [puppet_node(config, serial=number) for number in range(NODES)]
        self.links = [
            TamperedLinks(node, random, beat_bytes=config.beat_bytes, probability=0) for node in self.nodes
        ]
        slots = list(range(3 if config.links >= 3 else 2))
        joins = full_mesh(NODES) if config.links >= 3 else ring(NODES)
        self.cluster = Cluster(self.links, joins, quantum=1)
        self.talks = [
            Talk(random, config=config, slots=slots, breaks_peaks=self.trouble.breaks_peaks)
            for _ in self.nodes
        ]

    def run(self) -> Tally:
        """Runs it all; raises :class:`Mismatch` where anything is not as it must be."""
        with self.cluster:
            while sum(node.node.messages for node in self.nodes) < self.messages:
                self._round()
        for node in self.nodes:
            node.node.rtl.close()
        return Tally.of(self.nodes, altered=sum(link.altered for link in self.links))

    def _round(self) -> None:
        """Scripts of a few messages, from quiet to quiet."""
        random = self.random
        if random.random() < 0.1 or any(self._is_almost_full(node) for node in self.nodes):
            self._begin_sessions()
        self._pause()
        waiting = [self._script(talk).messages(self.config.message_bytes) for talk in self.talks]
        for link in self.links:
            link.probability = self.trouble.tamper
        while any(waiting):
            for number, messages in enumerate(waiting):
                if messages and random.random() < 0.3:
                    self.cluster.push_host(number, [Segment(messages.pop(0), True, True)])
            self._quantum()
        for _ in range(random.randint(0, 50)):
            self._quantum()
        for link in self.links:
            link.probability = 0
        self._settle()

    def _is_almost_full(self, node: LockstepNode) -> bool:
        """The log has little room left; seldom, that is let go on."""
        log = node.golden.log
        return log is not None and log.size + NODES > self.config.log_entries and self.random.random() < 0.7

    def _script(self, talk: Talk) -> Script:
        script = Script()
        for _ in range(self.random.choice((3, 30, 100))):
            talk.say(script)
            if script.words > SCRIPT_WORDS * 3 // 4:
                break
        return script

    def _begin_sessions(self) -> None:
        """All nodes roll in one cycle, so that none tells another of the past."""
        for node in self.nodes:
            node.roll()
        self._settle()

    def _pause(self) -> None:
        """Other pauses on every port, or none at all: they cost time."""
        probabilities = self.random.choice(((0,), (0,), (0, 0, 0.1, 0.5), (0, 0, 0, 0.1, 0.5, 0.9)))
        for node in self.nodes:
            ports = ["host_in", "host_out", "random"]
            ports += [f"links__{slot}__{way}" for slot in range(self.config.links) for way in ("rx", "tx")]
            for port in ports:
                node.node.rtl.pause(port, self.random.choice(probabilities), seed=self.random.getrandbits(30))

    def _quantum(self) -> None:
        random, trouble, config = self.random, self.trouble, self.config
        for number, node in enumerate(self.nodes):
            if random.random() < trouble.roll:
                node.roll()
            if random.random() < trouble.garbage:
                items = garbage(random, beat_bytes=config.beat_bytes, message_bytes=config.message_bytes)
                self.cluster.push_host(number, items)
            if random.random() < trouble.request_full:
                node.request_full(random.randrange(config.links))
            if trouble.tamper and random.random() < 0.1:
                node.reopen(random.randrange(config.links))
        self.cluster.quantum = random.choice((1, 7, 16, 64, 200, 1000))
        self._run()

    def _run(self) -> None:
        for node in self.nodes:
            node.node.forget()
            if len(node.golden.random) < FEW_WORDS:
                node.push_random(self.random.getrandbits(32) for _ in range(FEW_WORDS))
        self.cluster.run()
        for number in range(NODES):
            self.cluster.pop_host(number)

    def _settle(self) -> None:
        """Runs until nothing is outstanding, and every script was carried out.

        What closed is opened again: a channel, or by way of a new session the gates.
        """
        begin = self.cluster.cycles
        while True:
            self.cluster.quantum = 500
            for _ in range(2):
                self._run()
            for node in self.nodes:
                if node.golden.session.state is State.CLOSED:
                    node.roll()
                for slot, link in enumerate(node.golden.links):
                    if link.closed:
                        node.reopen(slot)
            problem = "the wires do not come to rest"
            if self.cluster.is_quiet:
                problem = "; ".join(filter(None, (outstanding(node) or busy(node) for node in self.nodes)))
            if not problem:
                return
            if self.cluster.is_quiet and self.trouble.tamper:
                self._say_something()
            if self.cluster.cycles - begin > PATIENCE:
                raise Mismatch("cluster", f"after {PATIENCE} cycles: {problem}")

    def _say_something(self) -> None:
        """A record that was removed from a wire shows when the next one comes; both ends may wait for it."""
        for node in self.nodes:
            for slot in range(self.config.links):
                node.request_full(slot)


def busy(node: LockstepNode) -> str:
    """What a node's puppet has still to do, if anything."""
    golden = node.golden
    is_idle = not (golden.egress.accepted or golden.sent or golden.accelerator.running)
    return "" if is_idle else f"{node.name} has not said all that it has to say"
