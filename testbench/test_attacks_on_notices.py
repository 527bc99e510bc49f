"""Attacks with DELTA prefixes, ABORT, CREDIT and FULL_REQUEST on a whole node, in lockstep."""

import pytest
from interlock.model.records import MAX_LENGTH, RecordType, encode_prefix
from lib.attacked import Attacked
from lib.attacked_puppet import AttackedPuppet, slow_stream
from lib.forged import MANY, OTHER, long, many
from lib.peer import Peer, entry
from lib.script import Script, payload_of

ABORT, CREDIT, FULL_REQUEST = RecordType.ABORT, RecordType.CREDIT, RecordType.FULL_REQUEST
PAYLOAD, PREFIX = RecordType.PAYLOAD, RecordType.PREFIX


@pytest.fixture
def bench() -> Attacked:
    return Attacked()


@pytest.fixture
def puppet() -> AttackedPuppet:
    return AttackedPuppet()


def again(bench: Attacked, peer: Peer) -> None:
    """The host opens a closed channel again."""
    bench.settle()
    assert not peer.seen.up
    bench.node.reopen(peer.slot)
    bench.settle()
    assert peer.is_open


def test_a_refused_message_followed_by_a_delta_is_refused(bench):
    """What was refused was not merged, and a DELTA does not say it again: only a FULL prefix helps."""
    peer = bench.peers[0]
    peer.send(peer.message(b"good", peer.entry(1)))
    peer.send(peer.message(b"refused", peer.entry(2), entry(OTHER, 7), entry(0xBAD, 1, flags=2)))
    again(bench, peer)
    peer.send(peer.message(b"delta", peer.entry(3), is_delta=True))
    again(bench, peer)
    assert bench.released in ([], [(0, b"good")])
    assert bench.log()[peer.session_id] == 2, "of the DELTA nothing was merged"
    peer.send(peer.message(b"full", peer.entry(4), entry(OTHER, 8)))
    peer.send(peer.message(b"delta", peer.entry(5), is_delta=True))
    bench.settle()
    assert bench.released[-2:] == [(0, b"full"), (0, b"delta")]
    log = bench.log()
    assert (log[peer.session_id], log[OTHER]) == (5, 8)


def test_a_delta_before_a_full_prefix_of_the_epoch_closes_the_channel(bench):
    """What was merged in the epoch before does not count."""
    peer = bench.peers[0]
    peer.send(peer.message(b"full", peer.entry(1)))
    bench.settle()
    peer.fall()
    bench.settle()
    peer.send(peer.message(b"delta", peer.entry(2), is_delta=True))
    again(bench, peer)
    assert bench.log()[peer.session_id] == 1
    assert bench.released == [(0, b"full")]


ABORTED = {
    "after_its_prefix": lambda peer: [peer.prefix(peer.entry(2))],
    "in_its_payload": lambda peer: [peer.prefix(peer.entry(2)), peer.record(PAYLOAD, bytes(64))],
    "in_its_prefix": lambda peer: long(peer)[:1],
    "before_the_last_of_its_prefix": lambda peer: long(peer)[:2],
}


@pytest.mark.parametrize("begun", ABORTED.values(), ids=ABORTED.keys())
@pytest.mark.parametrize("is_delta", [False, True], ids=["full", "delta"])
def test_after_an_abort_a_prefix_must_be_full(bench, begun, is_delta):
    """The message is gone, what it brought of entries stays, and its staging is free again."""
    peer = bench.peers[0]
    peer.send(peer.message(b"first", peer.entry(1), entry(OTHER, 1000)))
    bench.settle()
    begin = peer.seq
    records = begun(peer)
    peer.seq = begin + len(records)
    peer.send([*records, peer.record(ABORT, b"")])
    bench.settle()
    assert peer.seen.up
    assert bench.released == [(0, b"first")]
    merged = bench.log()[peer.session_id]
    assert merged in (2, 6)
    peer.send(peer.message(b"next", peer.entry(9), is_delta=is_delta))
    bench.settle()
    assert peer.seen.up != is_delta
    assert bench.released[1:] == ([] if is_delta else [(0, b"next")])
    log = bench.log()
    assert log[peer.session_id] == (merged if is_delta else 9)
    assert log[OTHER] >= 1000


def test_what_is_aborted_takes_no_room(bench):
    """As often as one likes: nothing of it is released, and in the end a message as long as ever fits."""
    peer = bench.peers[0]
    for _ in range(12):
        begun = [peer.prefix(peer.entry()), *(peer.record(PAYLOAD, bytes(MAX_LENGTH)) for _ in range(4))]
        peer.send([*begun, peer.record(ABORT, b"")])
        bench.settle()
        assert peer.seen.up
    whole = bytes(bench.config.staging_bytes - 16)
    peer.send(peer.message(whole))
    bench.settle()
    assert bench.released == [(0, whole)]
    assert peer.granted == 2 * bench.config.staging_bytes


def test_other_records_stand_between_those_of_a_message_without_harm(bench):
    """Grants and requests, between any two records of a long prefix and of a payload."""
    peer, other = bench.peers
    payload = bytes(range(256)) * 20
    records = []
    data = encode_prefix(many(peer))
    parts = [(PREFIX, data[at : at + MAX_LENGTH]) for at in range(0, len(data), MAX_LENGTH)]
    parts += [(PAYLOAD, payload[at : at + MAX_LENGTH]) for at in range(0, len(payload), MAX_LENGTH)]
    for number, (type, part) in enumerate(parts):
        records.append(peer.grant(peer.credit + number))
        records.append(peer.record(FULL_REQUEST, b""))
        records.append(peer.record(type, part, som=not number, eom=number == len(parts) - 1))
    bench.gateware.forget()
    peer.send(records)
    other.send(other.message(b"meanwhile"))
    bench.settle()
    assert sorted(bench.released) == [(0, payload), (1, b"meanwhile")]
    merges = [event for event in bench.gateware.schedule if event.name == "merge"]
    assert sum(event.arguments == (0,) for event in merges) == MANY
    assert bench.log()[OTHER] == 1000 + MANY - 2


def test_more_than_was_granted_closes_the_channel_at_the_first_record_too_many(puppet):
    """In a window nothing is released, so nothing gets free: the peer may send what staging holds."""
    peer = puppet.peers[1]
    staging, size = puppet.config.staging_bytes, puppet.config.message_bytes
    puppet.tell(slow_stream(0, pause=8000))
    puppet.until("cut")
    count = staging // (16 + size)
    for number in range(count):
        peer.send(peer.message(bytes([number]) * size))
    peer.send(peer.message(bytes(staging - count * (16 + size) - 16)))
    puppet.run(3000)
    assert peer.is_open
    peer.send(peer.message(b""))
    puppet.run(100)
    assert not peer.seen.up
    puppet.settle()
    assert puppet.released == [], "their epoch has ended"

    puppet.node.reopen(1)
    puppet.settle()
    for number in range(3 * count):
        peer.send(peer.message(bytes([number]) * size))
        puppet.settle()
    assert puppet.released == [(1, bytes([number]) * size) for number in range(3 * count)]
    assert peer.granted == staging + 3 * count * (16 + size)


def limited(puppet: AttackedPuppet, granted: int) -> Peer:
    """A peer that has granted so much in a new epoch."""
    peer = puppet.peers[0]
    peer.credit = granted
    peer.fall()
    puppet.settle()
    return peer


def test_a_grant_that_is_said_again_grants_nothing(puppet):
    peer = limited(puppet, 160)
    script = Script()
    for seed in range(4):
        script.peer(0, 64, seed=seed)
    puppet.tell(script)
    puppet.run(2000)
    assert peer.payloads == [payload_of(seed, 4) for seed in range(2)]
    peer.send([peer.grant(160) for _ in range(50)])
    puppet.run(2000)
    assert len(peer.payloads) == 2
    peer.send([peer.grant(239)])
    puppet.run(2000)
    assert len(peer.payloads) == 2
    peer.send([peer.grant(240)])
    puppet.run(2000)
    assert len(peer.payloads) == 3
    peer.send([peer.grant(239)])
    puppet.run(100)
    assert not peer.seen.up


def test_grants_as_large_as_they_can_be_are_believed(puppet):
    peer = limited(puppet, 80)
    script = Script()
    for seed in range(3):
        script.peer(0, 64, seed=seed)
    puppet.tell(script)
    puppet.run(2000)
    assert len(peer.payloads) == 1
    peer.send([peer.grant((1 << 64) - 1)])
    puppet.settle()
    assert len(peer.payloads) == 3
    peer.send([peer.grant((1 << 64) - 1), peer.grant(0)])
    puppet.settle()
    assert not peer.seen.up


def test_a_peer_that_grants_too_little_holds_up_nobody_else(puppet):
    """What never can be sent to it is dropped, and what is for others leaves."""
    peer = limited(puppet, 64)
    script = Script()
    script.peer(0, 64)
    script.stream(0, 16, maximum=49, bound=0)
    script.peer(0, 48, seed=1)
    script.peer(1, 64, seed=2)
    puppet.tell(script)
    puppet.settle()
    assert puppet.gateware.choices["drop"] == 2
    assert peer.payloads == [payload_of(1, 3)]
    assert puppet.peers[1].payloads == [payload_of(2, 4)]


def test_floods_of_requests_make_the_next_prefix_full_and_no_other(puppet):
    peer = puppet.peers[0]
    other = puppet.peers[1]
    other.send(other.message(b"", other.entry(5), entry(OTHER, 3)))
    puppet.settle()
    script = Script()
    script.peer(0, 16)
    expected = []
    for turn in range(6):
        if turn % 2:
            peer.send([peer.record(FULL_REQUEST, b"") for _ in range(100)])
            puppet.settle()
        puppet.tell(script)
        puppet.settle()
        expected.append(bool(turn) and not turn % 2)
    prefixes = peer.whole_prefixes
    assert [prefix.is_delta for prefix in prefixes] == expected
    assert all(len(prefix.sessions) == 3 for prefix in prefixes if not prefix.is_delta)
    assert len(prefixes[2].sessions) == 1


def test_requests_of_the_host_at_any_time_are_no_flood(puppet):
    """However often it asks, one FULL_REQUEST answers all of it since the last one, in an open epoch."""
    peer = puppet.peers[0]
    for _ in range(200):
        puppet.node.request_full(0)
        puppet.node.request_full(1)
        puppet.run(1, step=1)
    puppet.settle()
    asked = sum(record.type is FULL_REQUEST for record in peer.decoded)
    assert 1 < asked < 200
    peer.wants_up = False
    peer.fall()
    puppet.node.request_full(0)
    puppet.run(100)
    peer.wants_up = True
    puppet.settle()
    assert FULL_REQUEST not in {record.type for record in peer.decoded}


def test_a_request_of_the_host_meets_one_that_leaves_in_every_cycle(puppet):
    """It is answered by that one, or by one of its own."""
    sent = []
    for delay in range(1, 40):
        before = puppet.gateware.choices["full_request"]
        puppet.node.request_full(0)
        puppet.run(delay, step=delay)
        puppet.node.request_full(0)
        puppet.settle()
        sent.append(puppet.gateware.choices["full_request"] - before)
    assert sent == sorted(sent)
    assert set(sent) == {1, 2}
