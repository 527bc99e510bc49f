"""Attacks on the links of a whole node, in lockstep: what a peer, or anybody on the wire, may try.

In the CLEAR profile a forger can give any record the right number and tag.  What must hold even then: no
payload is released before every entry that came with it is merged, and no count ever falls.
"""

import pytest
from interlock.device.assembler import HOST, Program
from interlock.device.loader import data_message
from interlock.model.records import MAX_LENGTH, RecordType
from interlock.wires import Level
from interlock_hdl.session import Alarm
from lib.attacked import Attacked
from lib.jobs import PROGRAM
from lib.parameters import generator
from lib.peer import entry, renumbered

OTHER = 0xC0
"""A source that both peers have heard of."""
PAYLOAD = RecordType.PAYLOAD
LATE = 16
"""Cycles after which a count that was announced is known as such."""
MESSAGE = (RecordType.PREFIX, RecordType.PAYLOAD)


@pytest.fixture
def bench() -> Attacked:
    return Attacked()


def test_a_message_that_goes_on_after_its_end_is_released_as_it_was(bench):
    peer = bench.peers[0]
    peer.send([*peer.message(b"whole"), peer.record(PAYLOAD, b"more", eom=True)])
    bench.settle()
    assert bench.released in ([], [(0, b"whole")]), "whole, or dropped with its epoch"
    assert not peer.seen.up


def test_no_payload_is_released_before_every_entry_of_its_prefix_is_merged(bench):
    """An old prefix with a new payload, a record of another message, one that was cut out: whatever a forger
    with the right numbers puts together, what comes with it is merged first."""
    peer = bench.peers[0]
    sources = [entry(OTHER + i, 1000 + i) for i in range(6)]
    bench.gateware.forget()
    peer.send(peer.message(b"payload", peer.entry(7), *sources))
    bench.settle()
    events = [event for event in bench.gateware.schedule if event.name in ("merge", "release")]
    assert [event.name for event in events] == ["merge"] * 7 + ["release"]
    assert bench.released == [(0, b"payload")]

    # The prefix of one message, the payload of another: it is the prefix that counts.
    begin = peer.seq
    old = peer.message(b"old", peer.entry(3), entry(OTHER, 5))
    new = peer.message(b"new", peer.entry(8), entry(OTHER, 2000))
    peer.send(renumbered((old[0], new[1], new[0], old[1]), begin))
    bench.settle()
    assert bench.released[1:] == [(0, b"new"), (0, b"old")]
    log = bench.log()
    assert (log[peer.session_id], log[OTHER]) == (8, 2000)

    # A record of the middle was cut out: shorter, and merged all the same.
    begin = peer.seq
    cut = peer.message(bytes(MAX_LENGTH) + b"rest", peer.entry(9))
    peer.send(renumbered((cut[0], cut[2]), begin))
    bench.settle()
    assert bench.released[3:] == [(0, b"rest")]
    assert bench.log()[peer.session_id] == 9


def test_a_prefix_of_an_old_epoch_never_lowers_a_count(bench):
    peer = bench.peers[0]
    first = peer.message(b"first", peer.entry(10), entry(OTHER, 50))
    second = peer.message(b"second", peer.entry(20), entry(OTHER, 70))
    peer.send([*first, *second])
    bench.settle()
    peer.fall()
    bench.settle()
    peer.send(first)  # numbers, id and tags are those of an epoch's first message, behind a first grant
    bench.settle()
    assert bench.released[2:] == [(0, b"first")]
    log = bench.log()
    assert (log[peer.session_id], log[OTHER]) == (20, 70)

    peer.send(renumbered(second, peer.seq + 1))
    bench.settle()
    assert not peer.seen.up, "a record of another place in its epoch"


def test_a_record_of_another_epoch_is_out_of_place(bench):
    peer = bench.peers[0]
    old = [*peer.message(b"first"), *peer.message(b"second")]
    peer.send(old)
    bench.settle()
    peer.fall()
    bench.settle()
    peer.send(old[2:])
    bench.settle()
    assert len(bench.released) == 2
    assert not peer.seen.up


def test_what_one_peer_said_cannot_come_from_another(bench):
    """Spliced between links: entry 0 says who speaks."""
    peer, other = bench.peers
    peer.send(peer.message(b"peer"))
    other.send(other.message(b"other"))
    bench.settle()
    peer.send(renumbered(other.message(b"spliced"), peer.seq))
    bench.settle()
    assert sorted(bench.released) == [(0, b"peer"), (1, b"other")]
    assert (peer.seen.up, other.seen.up) == (False, True)


def test_what_a_node_said_does_not_come_back_to_it():
    """Spliced between directions: a node's own records, sent back to it."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    program.send(a=0, slot=0, length=40)
    program.halt()
    bench = Attacked(program=program)
    peer = bench.peers[0]
    assert peer.payloads == [bytes(40)]
    sent = [data for data, record in zip(peer.records, peer.decoded, strict=True) if record.type in MESSAGE]
    assert len(sent) == 2
    peer.send(renumbered(sent, peer.seq))
    bench.settle()
    assert bench.released == []
    assert not peer.seen.up
    assert bench.alarm == 0


def test_inflated_counts_of_others_are_believed(bench):
    """Over-counting is what an attacker may do; the sum is wide enough for it."""
    peer = bench.peers[0]
    most = (1 << 96) - 1
    peer.send(peer.message(b"", peer.entry(most), *(entry(OTHER + i, most) for i in range(5))))
    bench.settle()
    entries, summary = bench.export()
    assert [e.flops for e in entries[1:]] == [most] * 6
    assert summary.total == 6 * most + entries[0].flops


def test_sources_cannot_be_pushed_out_of_a_full_log(bench):
    """The message that brings one entry more than fits is refused, and its channel closes."""
    peer, other = bench.peers
    taken = len(bench.log()) + len(bench.externals)
    sources = [entry(OTHER + i, 100 + i) for i in range(bench.config.log_entries - taken - 2)]
    peer.send(peer.message(b"fits", peer.entry(1), *sources))
    bench.settle()
    before = bench.log()
    other.send(other.message(b"fits too", other.entry(2)))
    bench.settle()
    assert len(bench.log()) + len(bench.externals) == bench.config.log_entries
    other.send(other.message(b"does not", other.entry(3), sources[0], entry(0xDEAD, 4)))
    bench.settle()
    assert bench.released == [(0, b"fits"), (1, b"fits too")]
    assert (peer.seen.up, other.seen.up) == (True, False)
    log = bench.log()
    assert all(log[source] >= count for source, count in before.items())
    assert 0xDEAD not in log
    assert len(log) + len(bench.externals) == bench.config.log_entries
    assert log[other.session_id] == 3, "what was merged before the refusal stays"
    peer.send(peer.message(b"known sources only", peer.entry(5), *sources))
    bench.settle()
    assert bench.released[2:] == [(0, b"known sources only")]
    assert bench.log()[peer.session_id] == 5


def test_a_node_hears_nothing_new_about_itself(bench):
    """A peer knows a node's count from the node: what it says of it is not merged."""
    peer = bench.peers[0]
    own = bench.session_id
    announced = bench.log()[own]
    peer.send(peer.message(b"", peer.entry(), entry(own, announced, mode=3, weight_table=9, flags=0xFFFF)))
    bench.settle()
    entries, _ = bench.export()
    assert (entries[0].mode, entries[0].weight_table) == (1, 1)
    assert entries[0].flops == announced
    assert (bench.is_open, bench.alarm) == (True, 0)


def test_two_sessions_of_one_id_are_an_alarm(bench):
    """Somebody counts under this session's id, and has counted more: every gate closes until a roll."""
    peer = bench.peers[0]
    announced = bench.log()[bench.session_id]
    bench.node.push_random([3, 4])
    peer.send(peer.message(b"", peer.entry(), entry(bench.session_id, announced + 1)))
    bench.run(2000)
    assert bench.alarm == 1 << Alarm.OWN_AHEAD
    assert not bench.is_open
    assert bench.released == []
    assert not any(other.seen.up for other in bench.peers)
    bench.host(data_message(b""))
    bench.run(5000)
    assert bench.exported() == []
    bench.roll()
    bench.settle()
    assert (bench.is_open, bench.alarm) == (True, 0)


def test_levels_at_any_time_never_open_an_old_epoch(bench):
    """A peer toggles its levels at random, also within records; messages come out whole, in order, once."""
    random = generator()
    peer = bench.peers[0]
    numbers = iter(range(10_000))
    for _ in range(300):
        if peer.is_open and random.random() < 0.7:
            payload = next(numbers).to_bytes(4) * random.randint(1, 30)
            peer.send(peer.message(payload))
        elif random.random() < 0.5:
            peer.show(Level(up=random.random() < 0.5, heard=random.random() < 0.7))
        else:
            bench.node.reopen(0)
        bench.run(random.choice((1, 3, 20, 100)), step=7)
    bench.node.reopen(0)
    bench.settle()
    got = [int.from_bytes(payload[:4]) for _, payload in bench.released]
    assert got == sorted(set(got))
    assert all(payload == payload[:4] * (len(payload) // 4) for _, payload in bench.released)
    assert 20 < len(got) <= next(numbers)


def test_a_count_can_be_known_from_when_it_is_announced():
    """A claim of a count meets the scan that announces it, in every cycle around that: an alarm before, none
    after, and gateware and model agree on which."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    program.receive(y=0, source=HOST, words=1)
    program.matmul(y=0, a=0, b=0, rows=1, columns=1, k=4)
    program.export(a=0, length=0)
    flops = 2 * 16 * 4

    def story(delay: int, claim: int) -> tuple[int, int]:
        """The alarm, and how much later than the claim's merge the scan was."""
        bench = Attacked(program=program)
        peer = bench.peers[0]
        bench.gateware.forget()
        bench.host(data_message(b""))
        bench.run(delay, step=1)
        peer.send(peer.message(b"", peer.entry(), entry(bench.session_id, claim)))
        bench.run(1000)
        scans = [event.cycle for event in bench.gateware.schedule if event.name == "scan"]
        merges = [
            event.cycle
            for event in bench.gateware.schedule
            if event.name == "merge" and event.arguments == (peer.slot,)
        ]
        return bench.alarm, scans[0] - merges[-1] if scans else 0

    alarm, meeting = story(0, 0)
    assert alarm == 0
    assert meeting > 6
    alarms = [story(meeting + late, flops)[0] for late in range(-3, LATE + 1)]
    assert alarms == sorted(alarms, reverse=True)
    assert alarms[0] == 1 << Alarm.OWN_AHEAD
    assert alarms[-1] == 0
