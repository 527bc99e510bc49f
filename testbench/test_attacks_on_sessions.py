"""Attacks on the sessions of a whole node: rolls at every moment, and what must not outlive a session."""

from dataclasses import dataclass, field

import pytest
from interlock.device.assembler import FOREVER, HOST, Program
from interlock.device.loader import data_message
from interlock.wires import Event, Level, Rolled, Segment
from interlock_hdl.session import Alarm
from lib.attacked import Attacked, exporter
from lib.jobs import PROGRAM
from lib.nodes import MAKER, rtl_node, small_config
from lib.parameters import generator
from lib.peer import Peer, entry, run
from lib.watched import whole

SECRET = b"old secret data!"
FRESH = b"of a new session"
SETTLED = {16: 300, 4: 1200}
"""Cycles after the opening, by which what came too late for the old session is gone."""


def busy() -> Program:
    """Gives on what it gets, to both links and the host, and computes."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    with program.loop(FOREVER):
        program.receive(y=0, source=HOST, words=80)
        program.matmul(y=100, a=0, b=0, rows=2, columns=2, k=8)
        program.send(a=0, slot=0, length=1200)
        program.receive(y=80, source=0, words=10)
        program.send(a=80, slot=1, length=700)
        program.export(a=80, length=600)
    return program


@dataclass
class Story:
    """A node that is gateware alone, with peers and a host, and everything that came out of it."""

    beat_bytes: int
    words: tuple[int, ...]
    from_host: list[Segment | Rolled] = field(default_factory=list)

    OUTPUTS = ("links__0__tx", "links__1__tx", "host_out")

    def __post_init__(self) -> None:
        self.node = rtl_node(small_config(self.beat_bytes), serial=1)
        self.node.push_random(self.words)
        self.peers = [
            Peer(self.node, slot, session_id=0xA0 + slot, beat_bytes=self.beat_bytes) for slot in range(2)
        ]

    def run(self, cycles: int, *, step: int = 20) -> None:
        run(self.node, self.peers, cycles, step=step)
        self.from_host += self.node.pop_host()
        for take in (self.node.pop_schedule, self.node.pop_tx, self.node.pop_rx):
            take()

    def forget(self) -> None:
        self.node.forget()
        self.from_host = []

    def until_open(self) -> int:
        """The cycle in which the gates opened."""
        for _ in range(100):
            self.run(100)
            if self.node.is_open:
                return max(event.cycle for event in self.node.schedule if event.name == "opened")
        pytest.fail("the gates do not open")

    def fill(self, cycles: int) -> None:
        """Old data goes everywhere, for so many cycles, and gets out slowly."""
        for port in self.OUTPUTS:
            self.node.rtl.pause(port, 0.8, seed=5)
        for message in (*busy().messages(), *[data_message(SECRET * 75)] * 5):
            self.node.push_host([Segment(message, True, True)])
        while not self.node.choices["tx_accept"]:  # the program has come through the digest core, and runs
            self.run(100)
        pace = 1600 // self.beat_bytes
        for begin in range(0, cycles, pace):
            for peer in self.peers:
                peer.send(peer.message(SECRET * 40, peer.entry(77), entry(0xC0, 1234)))
            self.run(min(pace, cycles - begin))

    def roll(self) -> None:
        """A new session, in which peers and host are silent at first."""
        self.node.roll()
        for port in self.OUTPUTS:
            self.node.rtl.pause(port, 0)
        for peer in self.peers:
            peer.wants_up = False

    def tell(self, opened: int) -> tuple[list[Event], list]:
        """The same in every session: what happened, in cycles since the gates opened, and what came out."""
        self.run(opened + SETTLED[self.beat_bytes] - self.node.cycles)
        assert all(self.node.rtl.waiting(f"links__{slot}__rx") == 0 for slot in range(2))
        self.forget()
        for peer in self.peers:
            peer.wants_up = True
        self.run(200)
        for message in (*busy().messages(), data_message(FRESH * 30)):
            self.node.push_host([Segment(message, True, True)])
        for peer in self.peers:
            assert peer.is_open
            peer.send(peer.message(FRESH, peer.entry(5)))
        self.run(4000)
        events = [Event(event.cycle - opened, event.name, event.arguments) for event in self.node.schedule]
        outputs = [whole(self.from_host), self.node.sent, self.node.released]
        return events, outputs + [peer.records for peer in self.peers]


@pytest.mark.parametrize(("beat_bytes", "stride", "last"), [(16, 13, 1500), (4, 499, 8000)])
def test_a_roll_at_any_moment_leaves_a_node_like_one_fresh_from_reset(beat_bytes, stride, last):
    """Whenever it rolls, with old data in every buffer: not one event, cycle or byte of the new session tells
    that there was another one before."""
    fresh = Story(beat_bytes, (3, 4))
    for peer in fresh.peers:
        peer.wants_up = False
    events, outputs = fresh.tell(fresh.until_open())
    assert {event.name for event in events} >= {"open", "merge", "release", "sample", "record", "ticks"}
    assert len(outputs[0]) == 3
    assert all(outputs)

    got_out = 0
    for moment in range(generator().randrange(stride), last, stride):
        story = Story(beat_bytes, (1, 2, 3, 4))
        story.until_open()
        story.fill(moment)
        story.roll()
        story.run(4, step=1)
        got_out += any(SECRET in record for peer in story.peers for record in peer.records)
        story.forget()
        opened = story.until_open()
        assert story.from_host == story.node.released == story.node.sent == [], f"rolled after {moment}"
        assert story.tell(opened) == (events, outputs), f"rolled after {moment} cycles"
    assert got_out > 3, "there was data on its way out"


def test_an_alarm_stops_every_port_at_once():
    """Somebody counts under this node's id, at any moment of a transfer: with the alarm every gate closes."""
    gates = ("host_in", "host_out", "links__0__tx", "links__1__tx", "monitor__tx", "monitor__rx")
    stopped = dict.fromkeys(gates, 0)
    for moment in range(generator().randrange(29), 1800, 29):
        story = Story(16, (1, 2, 3, 4))
        story.until_open()
        story.fill(moment)
        story.node.push_host([Segment(data_message(SECRET * 75), True, True)] * 3)
        node, peer = story.node, story.peers[moment % 2]
        own = (MAKER << 96) + (1 << 64) + (1 << 32) + 2
        peer.send(peer.message(b"", peer.entry(), entry(own, (1 << 96) - 1)))
        before: list[dict[str, int]] = []
        while not node.alarm:
            before = [*before[-30:], node.byte_counts()]
            story.run(1)
        assert node.alarm == 1 << Alarm.OWN_AHEAD
        counts = node.byte_counts()
        story.run(1500)
        after = node.byte_counts()
        assert {gate: after[gate] for gate in gates} == {gate: counts[gate] for gate in gates}
        assert not any(peer.seen.up for peer in story.peers)
        for gate in gates:
            stopped[gate] += before[0][gate] != counts[gate]
    assert min(stopped.values()) > 3, f"through each gate something was on its way: {stopped}"


def counting() -> Program:
    """Sends one number after another, many times each."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    program.receive(y=0, source=HOST, words=101)  # a hundred words of zeros, and a word of ones
    with program.loop(FOREVER):
        program.add(y=0, a=0, b=100, words=100, broadcast=True)
        program.send(a=0, slot=0, length=1600)
    return program


def test_an_epoch_that_ends_at_any_moment_leaves_nothing_of_it():
    """The peer lets go of the link again and again, at any moment of a transfer: what comes in the next epoch
    begins with a record 0 and a whole message, and no message comes twice."""
    random = generator()
    bench = Attacked(program=counting())
    bench.gateware.rtl.pause("links__0__tx", 0.3, seed=random.randrange(1000))
    one = (0x3F800000).to_bytes(4) * 4
    bench.host(data_message(bytes(1600) + one))
    peer = bench.peers[0]
    payloads, cut = [], 0
    for _ in range(150):
        bench.run(random.randint(20, 600), step=7)
        whole_ones = peer.payloads  # raises where a record is not as it must be
        cut += len(peer.records) > 2 * len(whole_ones)
        payloads += whole_ones
        peer.fall()
        bench.run(60)
    numbers = [payload[:4] for payload in payloads]
    assert all(payload == payload[:4] * 400 for payload in payloads)
    assert numbers == sorted(set(numbers)), "positive floats are ordered like their bytes"
    assert len(numbers) > 30
    assert cut > 10


def test_counts_stay_with_the_session_that_made_them():
    """A roll takes no FLOP back: its peers go on counting the old session, and so does the node itself as
    soon as it hears of it."""
    program = exporter()
    program.commands.clear()
    with program.loop(FOREVER):
        program.receive(y=0, source=HOST, words=1)
        program.matmul(y=0, a=0, b=0, rows=1, columns=1, k=8)
        program.export(a=0, length=0)
    bench = Attacked(program=program, words=range(4))
    old = bench.session_id
    spent = bench.log()[old]
    assert spent == 2 * 4 * 4 * 8
    bench.roll()
    bench.settle()
    bench.host(*program.messages())
    new = bench.session_id
    assert bench.log() == {new: spent}
    bench.peers[0].send(bench.peers[0].message(b"", bench.peers[0].entry(), entry(old, spent)))
    bench.settle()
    entries, summary = bench.export()
    assert summary.total == sum(e.flops for e in entries) == 3 * spent


def test_a_noise_source_that_repeats_itself_is_found_out_by_the_next_peer():
    """Two sessions get one id.  As soon as somebody tells of what the first one spent, the second closes."""
    bench = Attacked(words=[7, 7, 7, 7])
    assert bench.session_id == (bench.session_id >> 64 << 64) + (7 << 32) + 7
    first = bench.session_id
    bench.roll()
    bench.settle()
    assert bench.session_id == first
    peer = bench.peers[0]
    peer.send(peer.message(b"", peer.entry(), entry(first, 1000)))
    bench.run(1000)
    assert (bench.is_open, bench.alarm) == (False, 1 << Alarm.OWN_AHEAD)


def test_after_a_roll_the_rest_of_a_host_message_is_refused():
    bench = Attacked(words=range(4))
    message = data_message(SECRET * 100)
    bench.node.push_host([Segment(message[:800], True, False)])
    bench.run(200)
    assert bench.gateware.rtl.waiting("host_in") == 0
    bench.roll()
    bench.run(3000)
    bench.gateware.forget()
    bench.node.push_host([Segment(message[800:], False, True)])
    bench.settle()
    assert bench.gateware.count("host_refuse") == 1
    assert bench.gateware.released == []
    bench.host(*exporter().messages())
    assert bench.log() == {bench.session_id: 0}


def test_strobes_of_the_host_in_any_order_at_any_time():
    """Rolls and reopens, in bursts, in every state of the session and of the links."""
    random = generator()
    bench = Attacked(words=[random.getrandbits(32) for _ in range(1000)])
    for _ in range(400):
        for _ in range(random.randint(0, 3)):
            bench.node.reopen(random.randrange(2))
        if random.random() < 0.3:
            bench.roll()
        for peer in bench.peers:
            if peer.is_open and random.random() < 0.5:
                peer.send([*peer.message(b"payload"), bytes(48)][: random.randint(1, 3)])
        bench.host(data_message(bytes(40)))
        bench.run(random.choice((1, 2, 3, 5, 1540, 1545, 1550, 1700)))
    bench.roll()
    bench.node.reopen(0)
    bench.node.reopen(1)
    bench.settle()
    bench.host(*exporter().messages())
    assert bench.log() == {bench.session_id: 0}
    assert bench.gateware.choices["opened"] > 20


def test_gates_stay_closed_as_long_as_the_host_asks_for_a_roll():
    node = rtl_node(small_config(), serial=1)
    node.push_random(range(100))
    node.run(3000)
    assert node.is_open
    node.rtl.set("roll", 1)
    node.run(2)
    for _ in range(200):
        node.run(50)
        assert not node.is_open
    items = [item for slot in range(2) for item in node.pop_link(slot)]
    assert all(item == Level(up=False, heard=False) for item in items[-1:])
    node.rtl.set("roll", 0)
    node.run(3000)
    assert node.is_open
