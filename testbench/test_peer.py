"""The software end of a link, on a golden node."""

import pytest
from interlock.device.golden import GoldenEngine
from interlock.model.messages import Kind, Message
from interlock.model.node import GoldenNode
from interlock.model.parameters import NodeParameters
from interlock.model.records import RecordType
from interlock.model.scheduler import PlainScheduler
from lib.peer import Peer, entry, run
from lib.scripted import ScriptedAccelerator

PARAMETERS = NodeParameters(links=1, log_entries=300, is_sealed=False)


@pytest.fixture
def node() -> GoldenEngine:
    golden = GoldenNode(parameters=PARAMETERS, accelerator=ScriptedAccelerator(), maker=1, serial=2)
    engine = GoldenEngine(golden, PlainScheduler())
    engine.push_random([3, 4])
    return engine


def settle(node: GoldenEngine, peer: Peer) -> None:
    run(node, [peer], 2000)
    assert not node.node.outstanding()


def test_a_peer_grants_and_is_granted(node):
    peer = Peer(node, 0, session_id=7)
    settle(node, peer)
    assert peer.granted == PARAMETERS.staging_bytes
    node.node.accelerator.send(Message(Kind.PEER, 0, b"hello"))
    settle(node, peer)
    assert peer.payloads == [b"hello"]
    peer.send(peer.message(bytes(100)))
    settle(node, peer)
    assert node.node.accelerator.received == [Message(Kind.PEER, 0, bytes(100)).encode()]
    assert peer.granted == PARAMETERS.staging_bytes + 16 + 112


def test_without_a_grant_nothing_is_sent(node):
    peer = Peer(node, 0, session_id=7, credit=None)
    node.node.accelerator.send(Message(Kind.PEER, 0, b"hello"))
    settle(node, peer)
    assert [record.type for record in peer.decoded] == [RecordType.CREDIT]
    peer.send([peer.grant(32)])
    settle(node, peer)
    assert peer.payloads == [b"hello"]


def test_a_peer_reads_and_writes_long_prefixes_and_deltas(node):
    peer = Peer(node, 0, session_id=7)
    settle(node, peer)
    others = [entry(100 + number, number) for number in range(200)]
    peer.send(peer.message(b"x", peer.entry(), *others, externals=[bytes(32)]))
    settle(node, peer)
    node.node.accelerator.send(Message(Kind.PEER, 0, b""))
    settle(node, peer)
    peer.send(peer.message(b"y", peer.entry(5), is_delta=True))
    settle(node, peer)
    node.node.accelerator.send(Message(Kind.PEER, 0, b""))
    settle(node, peer)
    full, delta = peer.whole_prefixes
    assert (len(full.sessions), full.externals, full.is_delta) == (202, (bytes(32),), False)
    assert (delta.sessions[1:], delta.externals, delta.is_delta) == ((peer.entry(5),), (), True)
    assert peer.prefixes == [list(full.sessions), list(delta.sessions)]


def test_payloads_are_those_of_messages_that_were_not_aborted(node):
    peer = Peer(node, 0, session_id=7)
    settle(node, peer)
    node.node.accelerator.stream(0, bytes(5000), bound=0, maximum=4999)
    node.node.accelerator.stream(0, bytes(5000), bound=0, maximum=5000)
    settle(node, peer)
    assert peer.payloads == [bytes(5000)]
    assert [record.type for record in peer.decoded].count(RecordType.ABORT) == 1
