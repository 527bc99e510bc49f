"""Clusters: what leaves in one quantum arrives in the next, and nothing depends on threads."""

from dataclasses import replace
from random import Random

import pytest
from interlock.device.cluster import Cluster
from interlock.device.golden import GoldenEngine
from interlock.device.joins import End, full_mesh, ring
from interlock.device.lockstep import LockstepNode
from interlock.model.messages import Kind, Message
from interlock.model.node import GoldenNode
from interlock.model.parameters import NodeParameters
from interlock.model.scheduler import PlainScheduler, SeededScheduler
from interlock.wires import Level, RawBeat, Rolled, Segment
from lib.scripted import ScriptedAccelerator, external

PARAMETERS = NodeParameters(links=2, message_bytes=8192)
CLEAR = replace(PARAMETERS, is_sealed=False)
"""Where it is counted when what happens: no keys, nothing to wait for."""


class Chatter(ScriptedAccelerator):
    """Answers each message with a few others, as its seed says."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        super().__init__()

    def receive(self, message: bytes) -> None:
        for _ in range(self.random.randrange(3)):
            port = self.random.randrange(2)
            self.compute(port, self.random.randint(1, 2), self.random.randint(1, 50))
        for _ in range(self.random.choice([0, 1, 1, 2])):
            export = self.random.random() < 0.3
            size = self.random.choice([0, 5, 4100, 8193])
            slot = self.random.randrange(3)  # one too many
            self.send(
                Message(Kind.EXPORT, 0, bytes(size)) if export else Message(Kind.PEER, slot, bytes(size))
            )


def cluster_of(seed: int, *, lockstep: bool) -> list[GoldenEngine | LockstepNode]:
    nodes: list[GoldenEngine | LockstepNode] = []
    for serial in range(3):
        golden = [
            GoldenNode(
                parameters=PARAMETERS, accelerator=Chatter(seed + serial), maker=1, serial=serial, watch=True
            )
            for _ in range(2)
        ]
        engine = GoldenEngine(golden[0], SeededScheduler(seed + serial))
        nodes.append(LockstepNode(engine, golden[1], name=f"node {serial}") if lockstep else engine)
        nodes[-1].push_random(range(100 * serial, 100 * serial + 20))
    return nodes


def history(nodes: list, seed: int, threads: int) -> tuple[list[str], list[int]]:
    """Hashes of all wires, and bytes that hosts got, after some hundred messages and some new sessions."""
    random = Random(seed)
    with Cluster(nodes, full_mesh(3), quantum=50, threads=threads) as cluster:
        for quantum in range(60):
            cluster.push_host(random.randrange(3), [external(bytes(random.randrange(40)))])
            if quantum % 20 == 10:
                nodes[random.randrange(3)].roll()
            cluster.run()
        while not (cluster.is_quiet and all(is_idle(node) for node in nodes)):
            assert cluster.cycles < 100_000, "never comes to rest"
            cluster.run()
        for node in nodes:
            if isinstance(node, LockstepNode):
                node.finish()
        got = [
            sum(len(item.data) for item in cluster.pop_host(n) if isinstance(item, Segment)) for n in range(3)
        ]
        return [cluster.digest(n) for n in range(3)], got


def is_idle(node) -> bool:
    golden = node.golden if isinstance(node, LockstepNode) else node.node
    return not golden.outstanding()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_cluster_in_lockstep_agrees_and_threads_change_nothing(seed):
    alone, got = history(cluster_of(seed, lockstep=True), seed, threads=1)
    assert history(cluster_of(seed, lockstep=True), seed, threads=2) == (alone, got)
    assert history(cluster_of(seed, lockstep=False), seed, threads=2) == (alone, got)
    assert all(got)
    assert len(set(alone)) == 3


def test_another_history_has_other_hashes():
    assert history(cluster_of(1, lockstep=False), 1, threads=1) != history(
        cluster_of(1, lockstep=False), 2, threads=1
    )


def test_what_leaves_in_one_quantum_arrives_in_the_next():
    nodes = [
        GoldenEngine(
            GoldenNode(parameters=CLEAR, accelerator=ScriptedAccelerator(), maker=1, serial=n),
            PlainScheduler(),
        )
        for n in range(2)
    ]
    for node in nodes:
        node.push_random([1, 2])
    with Cluster(nodes, [(End(0, 0), End(1, 1))], quantum=100) as cluster:
        cluster.run()
        assert [nodes[0].node.links[0].up, nodes[1].node.links[1].up] == [True, True]
        assert not nodes[0].node.links[0].level_is_next
        assert not nodes[0].node.links[0].peer.up
        cluster.run(2)
        assert nodes[0].node.links[0].open
        assert nodes[1].node.links[1].open
        assert not nodes[0].node.links[1].open
        assert cluster.cycles == 300


def test_a_slot_has_one_link():
    with pytest.raises(ValueError, match="slot 0 of node 1 is joined twice"):
        Cluster([], [(End(0, 0), End(1, 0)), (End(2, 0), End(1, 0))], quantum=10)


@pytest.mark.parametrize("nodes", [2, 3, 5])
def test_in_a_mesh_any_two_nodes_have_one_link(nodes):
    joins = full_mesh(nodes)
    assert {frozenset((a.node, b.node)) for a, b in joins} == {
        frozenset((a, b)) for a in range(nodes) for b in range(a)
    }
    ends = [end for join in joins for end in join]
    assert len(set(ends)) == len(ends)
    assert {end.slot for end in ends} == set(range(nodes - 1))


def test_a_ring_is_closed():
    assert ring(3) == [(End(0, 1), End(1, 0)), (End(1, 1), End(2, 0)), (End(2, 1), End(0, 0))]


class Mouth:
    """A node that says one thing."""

    def __init__(self, item: object) -> None:
        self.items = [item]

    def push_link(self, slot, items):
        """Hears nothing."""

    def push_host(self, items):
        """Hears nothing."""

    def wants_keys(self, slot):
        return False

    def run(self, cycles):
        """Does nothing."""

    def pop_link(self, slot):
        items, self.items = self.items, []
        return [item for item in items if not isinstance(item, Rolled)]

    def pop_host(self):
        return [item for item in self.items if isinstance(item, Rolled)]


def test_whatever_is_said_and_where_is_in_the_hash():
    said = [
        Segment(b"a", True, True),
        Segment(b"b", True, True),
        Segment(b"a", False, True),
        Segment(b"a", True, False),
        Segment(b"aa", True, True),
        RawBeat(b"a", 1, True, True),
        RawBeat(b"a", 3, True, True),
        RawBeat(b"b", 1, True, True),
        Level(up=True, heard=False),
        Level(up=False, heard=True),
        Rolled(),
    ]
    digests = []
    for item in said:
        with Cluster([Mouth(item), Mouth(None)], [(End(0, 0), End(1, 0))], quantum=1) as cluster:
            cluster.nodes[1].items = []
            cluster.run(2)
            digests += [cluster.digest(0), cluster.digest(1)]
    heard_nothing = digests.pop()  # a host's news does not reach the other node
    assert len(set(digests)) == len(digests)
    assert heard_nothing not in digests
