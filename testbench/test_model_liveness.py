"""No deadlock: nodes that all stream at each other at once, with room for one message each, finish."""

from collections import deque
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interlock.device.cluster import Cluster
from interlock.device.golden import GoldenEngine
from interlock.device.joins import End, Join, ring
from interlock.model.accelerator import EventRun, SentMessage
from interlock.model.credit import Credit
from interlock.model.egress import Egress
from interlock.model.messages import Kind, Message
from interlock.model.node import GoldenNode
from interlock.model.parameters import NodeParameters
from interlock.model.scheduler import SeededScheduler

ROOM = 96
"""Most bytes of payload; staging holds one such message."""
MESSAGES = 6
"""To each link of each node."""
QUANTUM = 50
PATIENCE = 1000
"""Quanta: many times as many as a slow seed takes."""
AMPLE = 1 << 60
"""A bound that nobody outruns."""


def pair() -> list[Join]:
    return [(End(0, 0), End(1, 0))]


def star(leaves: int) -> list[Join]:
    return [(End(0, leaf), End(1 + leaf, 0)) for leaf in range(leaves)]


TOPOLOGIES = {
    "pair": pair(),
    "double_pair": [(End(0, 0), End(1, 0)), (End(0, 1), End(1, 1))],
    "ring_of_3": ring(3),
    "ring_of_5": ring(5),
    "star_of_4": star(4),
}


class Streamer:
    """Sends a number of messages to each link, mostly streams, and never waits for anything.

    Attributes
    ----------
    received : list of int
        How many messages came from each link.
    """

    def __init__(self, *, links: int, random: Random) -> None:
        self.received = [0] * links
        self.events: list[EventRun] = []
        self.sent: deque[SentMessage] = deque()
        self._events_made = 0
        self._random = random
        self._slots = [slot for slot in range(links) for _ in range(MESSAGES)]
        random.shuffle(self._slots)

    def clear(self) -> None:
        """There is one session only."""

    def receive(self, message: bytes) -> None:
        self.received[int.from_bytes(message[2:4])] += 1

    def advance(self) -> bool:
        if not self._slots:
            return False
        random = self._random
        slot, payload = self._slots.pop(), random.randbytes(random.randint(0, ROOM))
        before, cut = (0, self._events_made), random.randint(0, len(payload))
        events = random.randint(1, 5)
        self.events.append(EventRun(1, 0x12, 1, events))
        self._events_made += events
        if random.random() < 0.2:
            message, earlier = Message(Kind.PEER, slot, payload), ()
        else:
            message = Message(Kind.PEER, slot, payload, AMPLE, ROOM)
            earlier = ((message.header_size + cut, before),)
        self.sent.append(SentMessage(message.encode(), (0, self._events_made), earlier))
        return True


def quanta(joins: list[Join], seed: int) -> int:
    """How many quanta all of it takes; fails the test where it takes too many."""
    random = Random(seed)
    ends = [end for join in joins for end in join]
    engines, accelerators = [], []
    for serial in range(1 + max(end.node for end in ends)):
        links = sum(end.node == serial for end in ends)
        accelerators.append(Streamer(links=links, random=Random(random.random())))
        parameters = NodeParameters(links=links, message_bytes=ROOM, staging_bytes=16 + ROOM)
        node = GoldenNode(parameters=parameters, accelerator=accelerators[-1], maker=1, serial=serial)
        node.push_random([serial, serial])
        engines.append(GoldenEngine(node, SeededScheduler(random.randrange(1 << 32))))
    with Cluster(engines, joins, quantum=QUANTUM) as cluster:
        for number in range(PATIENCE):
            cluster.run()
            everything = all(
                received == MESSAGES for streamer in accelerators for received in streamer.received
            )
            if everything and cluster.is_quiet and not any(engine.node.outstanding() for engine in engines):
                return number
    pytest.fail(
        f"{[streamer.received for streamer in accelerators]}, {[e.node.outstanding() for e in engines]}"
    )


@pytest.mark.parametrize("topology", TOPOLOGIES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_all_streams_arrive(topology, seed):
    assert quanta(TOPOLOGIES[topology], seed)


def nothing_is_granted_again(monkeypatch):
    monkeypatch.setattr(Credit, "grantable", property(lambda credit: credit.staging_bytes))


def a_stream_that_waits_has_its_window_open(monkeypatch):
    """What the credit is there to avoid: everybody waits for the others' releases."""
    is_open = Egress.is_window_open
    monkeypatch.setattr(
        Egress,
        "is_window_open",
        property(
            lambda egress: (
                is_open.fget(egress) or (bool(egress.accepted) and egress.accepted[0].message.is_stream)
            )
        ),
    )


@pytest.mark.parametrize(
    "flaw",
    [nothing_is_granted_again, a_stream_that_waits_has_its_window_open],
    ids=lambda flaw: flaw.__name__,
)
def test_a_deadlock_would_be_noticed(flaw, monkeypatch):
    flaw(monkeypatch)
    with pytest.raises(pytest.fail.Exception):
        sum(quanta(TOPOLOGIES["pair"], seed) for seed in range(10))
