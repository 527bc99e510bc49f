"""Random clusters in lockstep: jobs, pauses, requests, rolls, garbage of hosts, attackers on the links."""

from dataclasses import dataclass
from random import Random

from interlock.device.cluster import Cluster
from interlock.device.compare import Mismatch
from interlock.device.joins import ring
from interlock.device.lockstep import LockstepNode
from interlock.model.messages import Kind
from interlock.wires import Rolled, Segment
from interlock_hdl.config import InterlockConfig
from lib.garbage import garbage
from lib.jobs import HostPlan, Job, load_bytes, solo
from lib.nodes import lockstep_node
from lib.settle import outstanding
from lib.tampering import TamperedLinks

from campaigns.tally import Tally

PATIENCE = 400_000
"""Cycles after which everything must have come to rest."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What happens to a cluster beside its work: probabilities for each quantum, or each piece on a link."""

    name: str
    roll: float = 0
    garbage: float = 0
    tamper: float = 0


PEACE = Trouble(name="peace")
ROLLS = Trouble(name="rolls", roll=0.01, garbage=0.02)
ATTACKS = Trouble(name="attacks", roll=0.003, garbage=0.02, tamper=0.08)
SOLOS = 3
"""Jobs of its own that a node may get after a roll in the middle of a common one."""


class History:
    """One random history of a ring of nodes, the same again for the same arguments.

    Parameters
    ----------
    seed : int
    config : InterlockConfig
        With two links at least.
    nodes, threads : int
    trouble : Trouble
    messages : int
        About as many are sent in each job.
    jobs : int
        Before each but the first, every node begins a new session.
    """

    def __init__(
        self,
        seed: int,
        *,
        config: InterlockConfig,
        nodes: int = 2,
        threads: int = 1,
        trouble: Trouble = PEACE,
        messages: int = 60,
        jobs: int = 2,
    ) -> None:
        self.random = random = Random(seed)
        self.trouble = trouble
        self.messages = messages
        self.jobs = jobs
        self.config = config
        self.nodes: list[LockstepNode] = [
            lockstep_node(self.config, serial=number) for number in range(nodes)
        ]
        self.links = [
            TamperedLinks(node, random, beat_bytes=config.beat_bytes, probability=0) for node in self.nodes
        ]
        self.joins = ring(nodes)
        self.load_bytes = load_bytes(config.message_bytes)
        self.cluster = Cluster(self.links, self.joins, quantum=1, threads=threads)
        self.plans: list[HostPlan] = [HostPlan([]) for _ in range(nodes)]
        self.exports = [0] * nodes
        self.solos = [0] * nodes
        for node in self.nodes:
            node.push_random(random.getrandbits(32) for _ in range(1000))

    def run(self) -> Tally:
        """Runs it all; raises :class:`Mismatch` where anything is not as it must be."""
        with self.cluster:
            for job in range(self.jobs):
                if job:
                    self._begin_sessions()
                self._work()
        for node in self.nodes:
            node.node.rtl.close()
        return Tally.of(self.nodes, altered=sum(link.altered for link in self.links))

    @property
    def digests(self) -> list[str]:
        """One of each node, of everything that its wires carried."""
        return [self.cluster.digest(number) for number in range(len(self.nodes))]

    def _work(self) -> None:
        """One job, from quiet to quiet."""
        job = Job(
            self.random,
            {(e.node, e.slot): (f.node, f.slot) for a, b in self.joins for e, f in ((a, b), (b, a))},
            nodes=len(self.nodes),
            messages=self.messages,
            message_bytes=self.config.message_bytes,
        )
        self.plans = job.hosts
        self.exports = [0] * len(self.nodes)
        self.solos = [0] * len(self.nodes)
        self._pause()
        for number, plan in enumerate(self.plans):
            self.cluster.push_host(number, [Segment(message, True, True) for message in plan.load])
        for link in self.links:
            link.probability = self.trouble.tamper
        for quantum in range(self.random.randint(50, 500)):
            self._quantum()
            if not quantum % 32 and not any(map(outstanding, self.nodes)):
                break
        for link in self.links:
            link.probability = 0
        self._settle()

    def _begin_sessions(self) -> None:
        """Every node rolls, one now and one later; nothing of the last job is left."""
        for node in self.random.sample(self.nodes, len(self.nodes)):
            node.roll()
            self.cluster.quantum = self.random.choice((1, 50, 3000))
            self.cluster.run()
        self._settle()

    def _pause(self) -> None:
        """Other pauses on every port."""
        probabilities = (0, 0, 0.1, 0.5, 0.9, 0.97)
        for node in self.nodes:
            ports = ["host_in", "host_out", "random"]
            ports += [f"links__{slot}__{way}" for slot in range(self.config.links) for way in ("rx", "tx")]
            for port in ports:
                node.node.rtl.pause(port, self.random.choice(probabilities), seed=self.random.getrandbits(30))

    def _quantum(self) -> None:
        random, trouble = self.random, self.trouble
        for number, node in enumerate(self.nodes):
            node.node.forget()
            if random.random() < trouble.roll:
                self._roll(number)
            if random.random() < trouble.garbage:
                items = garbage(
                    random, beat_bytes=self.config.beat_bytes, message_bytes=self.config.message_bytes
                )
                self.cluster.push_host(number, items)
            if random.random() < 0.03:
                node.request_full(random.randrange(self.config.links))
            if trouble.tamper and random.random() < 0.15:
                node.reopen(random.randrange(self.config.links))
        self.cluster.quantum = random.choice((1, 7, 16, 64, 200, 1000))
        self._run()

    def _roll(self, number: int) -> None:
        """One node loses its part in the common job, and gets another one."""
        self.nodes[number].roll()
        self.plans[number].data.clear()
        if self.solos[number] < SOLOS:
            self.solos[number] += 1
            program = solo(self.random, links=self.config.links)
            self.cluster.push_host(
                number,
                [Segment(message, True, True) for message in program.messages(message_bytes=self.load_bytes)],
            )

    def _run(self) -> None:
        """One quantum, and what the hosts do about what came out."""
        self.cluster.run()
        for number, plan in enumerate(self.plans):
            for item in self.cluster.pop_host(number):
                if isinstance(item, Rolled):
                    self.exports[number] = 0
                elif item.first and item.data[0] == Kind.EXPORT:
                    self.exports[number] += 1
            while plan.data and plan.data[0][0] <= self.exports[number]:
                _, message = plan.data.popleft()
                self.cluster.push_host(number, [Segment(message, True, True)])

    def _settle(self) -> None:
        """Runs until nothing is outstanding."""
        begin = self.cluster.cycles
        while True:
            self.cluster.quantum = 500
            for _ in range(4):
                self._run()
            problem = "the wires do not come to rest"
            if self.cluster.is_quiet:
                problem = "; ".join(filter(None, map(outstanding, self.nodes)))
            if not problem:
                return
            if self.cluster.cycles - begin > PATIENCE:
                raise Mismatch("cluster", f"after {PATIENCE} cycles: {problem}")


def any_history(seed: int, *, config: InterlockConfig) -> History:
    """A history of any kind."""
    random = Random(seed)
    trouble = random.choice((PEACE, ROLLS, ATTACKS))
    return History(seed, config=config, nodes=random.choice((2, 2, 3)), trouble=trouble)
