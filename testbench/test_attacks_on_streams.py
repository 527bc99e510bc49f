"""Attacks on a node while it streams, in lockstep: by its accelerator, its peers and its host."""

import pytest
from interlock.device.loader import data_message
from interlock.model.messages import HEADER
from interlock.model.records import RecordType
from interlock.wires import Level, Segment
from interlock_hdl.session import Alarm
from lib.attacked_puppet import LONGEST, AttackedPuppet, slow_stream
from lib.parameters import generator
from lib.peer import Peer, entry
from lib.script import Script, Work, payload_of

OTHER = 0xC0
WORD_FLOPS = 32
"""Of one op event of class 0x21 with a count of 16."""


@pytest.fixture
def bench() -> AttackedPuppet:
    return AttackedPuppet()


def work(*, after: int = 0, repeat: int = 1) -> Work:
    return Work(after=after, port=0, op_class=0x21, count=16, repeat=repeat)


def events_of(bench: AttackedPuppet, *names: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(event.name, event.arguments) for event in bench.gateware.schedule if event.name in names]


def types_of(peer: Peer) -> list[RecordType]:
    """Of everything but grants."""
    return [record.type for record in peer.decoded if record.type is not RecordType.CREDIT]


PREFIX, PAYLOAD, ABORT = RecordType.PREFIX, RecordType.PAYLOAD, RecordType.ABORT


def test_nothing_is_released_while_a_stream_is_open(bench):
    """Host and peers send all that they may; it is merged, and waits for the end of the stream."""
    bench.tell(slow_stream(0, pause=3000))
    bench.until("cut")
    bench.gateware.forget()
    for peer in bench.peers:
        peer.send(
            [*peer.message(b"one", peer.entry(5), entry(OTHER, 9)), *peer.message(b"two", peer.entry(6))]
        )
    bench.host(data_message(b"from the host"))
    bench.run(2500)
    assert bench.gateware.count("cut") == 0, "the stream is open"
    assert bench.gateware.count("release") == 0
    assert bench.gateware.count("merge") == 2 * 3 + 2
    bench.settle()
    assert bench.peers[0].payloads == [payload_of(0, 4)]
    order = [name for name, _ in events_of(bench, "cut", "record", "release")]
    assert order.index("release") > max(at for at, name in enumerate(order) if name == "record")
    assert len(bench.released) == 4
    assert data_message(b"from the host") in bench.gateware.released
    (prefix,) = bench.peers[0].prefixes
    assert OTHER not in {int.from_bytes(one.session_id) for one in prefix}


def test_a_message_meets_the_start_of_a_stream_in_every_cycle(bench):
    """It is released before the scan, and then it is in the prefix, or not before the stream has ended."""
    far, peer = bench.peers
    begin = bench.node.cycles
    bench.tell(slow_stream(0, pause=300))
    bench.settle()
    (scan,) = (event.cycle - begin for event in bench.gateware.schedule if event.name == "scan")
    before = after = 0
    for delay in range(scan - 50, scan + 10):
        known = len(far.prefixes)
        bench.tell(slow_stream(0, pause=300))
        bench.run(delay, step=delay)
        bench.gateware.forget()
        peer.send(peer.message(b"x", peer.entry(1 + delay)))
        if delay < scan:
            bench.run(scan - delay + 50, step=1)
        bench.settle()
        order = [event for event in events_of(bench, "scan", "release", "record") if event[1][0] != 2]
        release = order.index(("release", (1,)))
        is_before = ("scan", (0,)) in order[release:]
        last = max(at for at, (name, _) in enumerate(order) if name == "record")
        assert is_before or release > last
        told = {int.from_bytes(one.session_id): one.flops for one in far.prefixes[known]}
        if is_before:
            before += 1
            assert told[peer.session_id] == 1 + delay
        else:
            after += 1
    assert before > 3
    assert after > 3


@pytest.mark.parametrize(("spent", "bound"), [(3, 3), (3, 2), (1, 0), (40, 39)])
def test_a_stream_gets_no_further_than_its_bound_covers(bench, spent, bound):
    """One event more than was announced, and nothing of what comes after it leaves."""
    script = Script()
    script.stream(
        0,
        16 * 600,
        maximum=16 * 600,
        bound=bound * WORD_FLOPS,
        work=[work(after=n + 300) for n in range(spent)],
    )
    script.peer(0, 32)
    bench.tell(script)
    bench.settle()
    far = bench.peers[0]
    stream, behind = far.prefixes
    assert stream[0].flops == bound * WORD_FLOPS
    assert behind[0].flops == spent * WORD_FLOPS, "and the next message counts everything"
    if spent <= bound:
        assert far.payloads == [payload_of(0, 600), payload_of(0, 2)]
        return
    assert far.payloads == [payload_of(0, 2)]
    assert types_of(far)[-3:] == [ABORT, PREFIX, PAYLOAD]
    left = b"".join(record.body for record in far.decoded if record.type is PAYLOAD)[: -2 * 16]
    assert len(left) <= 16 * (300 + bound)
    assert left == payload_of(0, 600)[: len(left)]
    assert not behind_is_delta(far)


def behind_is_delta(peer: Peer) -> bool:
    return peer.whole_prefixes[-1].is_delta


def test_a_stream_longer_than_its_maximum_or_broken_is_aborted(bench):
    script = Script()
    script.stream(0, 16 * 5, maximum=16 * 4, bound=0)
    script.stream(1, 16 * 5, maximum=16 * 5, bound=0, spoiled=True)
    script.peer(0, 16)
    script.peer(1, 16)
    bench.tell(script)
    bench.settle()
    for peer in bench.peers:
        assert types_of(peer)[-3:] == [ABORT, PREFIX, PAYLOAD]
        assert peer.payloads == [payload_of(0, 1)]
        assert not behind_is_delta(peer)


def test_what_cannot_be_announced_does_not_leave(bench):
    """A bound as large as counts are is no way around the count."""
    script = Script()
    script.stream(0, 64, maximum=64, bound=(1 << 96) - 1)
    script.events(port=0, op_class=0x21, count=16)
    script.stream(0, 64, maximum=64, bound=(1 << 96) - 1 - WORD_FLOPS)
    script.stream(0, 64, maximum=64, bound=(1 << 96) - 2 - WORD_FLOPS)
    bench.tell(script)
    bench.settle()
    assert bench.gateware.choices["drop"] == 2
    (prefix,) = bench.peers[0].prefixes
    assert prefix[0].flops == (1 << 96) - 2


def end_epoch(bench: AttackedPuppet) -> None:
    bench.peers[0].fall()


def forge(bench: AttackedPuppet) -> None:
    bench.peers[0].send([bytes(48)])


def reopen(bench: AttackedPuppet) -> None:
    bench.peers[0].send([bytes(48)])
    bench.run(100)
    bench.node.reopen(0)


@pytest.mark.parametrize("end", [end_epoch, forge, reopen])
@pytest.mark.parametrize("delay", [0, 1, 2, 3, 7, 40, 200])
def test_a_window_closes_when_its_channel_does(bench, end, delay):
    """Whatever ends the epoch in the middle of a stream: the rest of it goes nowhere, and releases go on."""
    bench.tell(slow_stream(0, pause=600, words=120))
    bench.until("scan", step=1)
    bench.run(delay, step=1)
    end(bench)
    peer = bench.peers[1]
    peer.send(peer.message(b"after"))
    bench.settle()
    assert bench.released == [(1, b"after")]
    assert payload_of(0, 120) not in bench.peers[0].payloads
    assert (bench.is_open, bench.alarm) == (True, 0)


def test_an_alarm_in_a_stream_stops_it_at_once(bench):
    bench.tell(slow_stream(0, pause=600, words=40))
    bench.until("record")
    peer = bench.peers[1]
    peer.send(peer.message(b"", peer.entry(), entry(bench.session_id, 1 << 95)))
    bench.run(2000)
    assert bench.alarm == 1 << Alarm.OWN_AHEAD
    assert not any(other.seen.up for other in bench.peers)
    assert bench.peers[0].payloads == []
    assert bench.gateware.rtl.byte_count("monitor__tx") < 32 + 40 * 16


def test_what_a_stream_announced_may_be_told_and_no_more(bench):
    """Its bound counts as announced as soon as its prefix may have left."""
    bench.tell(slow_stream(0, pause=2000, bound=1000))
    bench.until("cut")
    peer = bench.peers[1]
    peer.send(peer.message(b"", peer.entry(), entry(bench.session_id, 1000)))
    bench.run(200)
    assert bench.alarm == 0
    peer.send(peer.message(b"", peer.entry(), entry(bench.session_id, 1001)))
    bench.run(200)
    assert bench.alarm == 1 << Alarm.OWN_AHEAD


def test_floods_and_stalls_while_streams_are_open_change_no_byte(bench):
    """Grants, requests and garbage at any time, links that hardly take anything: all streams arrive."""
    random = generator()
    for port in ("links__0__tx", "links__1__tx", "host_out"):
        bench.gateware.rtl.pause(port, 0.9, seed=random.randrange(1000))
    for turn in range(3):
        for slot in range(2):
            bench.tell(slow_stream(slot, pause=500, words=100, bound=turn))
    granted = [peer.credit for peer in bench.peers]
    for _ in range(150):
        number = random.randrange(2)
        peer = bench.peers[number]
        for _ in range(random.randint(1, 6)):
            if random.random() < 0.5:
                granted[number] += random.choice((0, 1, 1 << 30))
                peer.send([peer.grant(granted[number])])
            else:
                peer.send([peer.record(RecordType.FULL_REQUEST, b"")])
        if random.random() < 0.3:
            bench.node.push_host([Segment(HEADER.pack(kind=9) + bytes(40), True, True)])
        bench.node.request_full(number)
        bench.run(random.choice((1, 10, 40)))
    bench.settle()
    for peer in bench.peers:
        assert peer.payloads == [payload_of(0, 100)] * 3
        assert all(not prefix.is_delta for prefix in peer.whole_prefixes[:1])
        assert RecordType.FULL_REQUEST in types_of(peer)
    assert (bench.is_open, bench.alarm) == (True, 0)


def test_a_peer_that_takes_nothing_of_a_stream_holds_up_no_merge(bench):
    """And nothing is released, however long it takes."""
    bench.gateware.rtl.pause("links__0__tx", 0.999999)
    bench.tell(slow_stream(0, pause=1, words=120))
    bench.until("scan")
    bench.gateware.forget()
    peer = bench.peers[1]
    for number in range(6):
        peer.send(peer.message(bytes(1000), peer.entry(number)))
        bench.run(500)
    assert (bench.gateware.count("merge"), bench.gateware.count("release")) == (6, 0)
    bench.gateware.rtl.pause("links__0__tx", 0)
    bench.settle()
    assert bench.released == [(1, bytes(1000))] * 6
    assert bench.peers[0].payloads == [payload_of(0, 120)]


def test_a_stream_that_waits_for_credit_opens_no_window(bench):
    peer = bench.peers[0]
    peer.credit = None
    peer.fall()
    bench.settle()
    bench.tell(slow_stream(0, pause=1))
    bench.run(500)
    other = bench.peers[1]
    other.send(other.message(b"meanwhile"))
    bench.run(500)
    assert bench.released == [(1, b"meanwhile")]
    peer.send([peer.grant(16 + LONGEST)])
    bench.settle()
    assert peer.payloads == [payload_of(0, 4)]


def test_levels_may_toggle_at_any_time_of_a_stream(bench):
    random = generator()
    for _ in range(20):
        bench.tell(slow_stream(0, pause=50, words=random.randrange(2, 100, 2)))
        for _ in range(5):
            if random.random() < 0.5:
                bench.peers[0].show(Level(up=random.random() < 0.5, heard=random.random() < 0.5))
            bench.run(random.randrange(1, 80), step=7)
    bench.settle()
    assert (bench.is_open, bench.alarm) == (True, 0)
    assert bench.gateware.choices["cut"] > 10
