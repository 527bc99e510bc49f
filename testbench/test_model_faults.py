"""Golden node: everything by which a peer closes its channel, and what of it is never seen again."""

import pytest
from interlock.model.log import Entry
from interlock.model.records import Record, RecordType, encode_prefix
from interlock.wires import RawBeat, Segment
from lib.golden_bench import OWN_ID, GoldenBench, peer_entry

PREFIX = encode_prefix([peer_entry()])
MESSAGE = [peer_entry()], b"good"
BAD = b"bad"


def after_a_lost_record(peer):
    peer.skip()
    return peer.message([peer_entry()], BAD)


def changed(segment: Segment, **changes: object) -> Segment:
    return Segment(**{"data": segment.data, "first": segment.first, "last": segment.last, **changes})


FAULTS = {
    "prefix_in_a_message": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX, som=True),
        *peer.message([peer_entry()], BAD),
    ],
    "prefix_without_som": lambda peer: [peer.record(RecordType.PREFIX, PREFIX, eom=True)],
    "payload_without_a_prefix": lambda peer: [peer.record(RecordType.PAYLOAD, BAD, eom=True)],
    "payload_with_som": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX, som=True),
        peer.record(RecordType.PAYLOAD, BAD, som=True, eom=True),
    ],
    "short_payload_without_eom": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX, som=True),
        peer.record(RecordType.PAYLOAD, bytes(4095)),
    ],
    "too_much_payload": lambda peer: peer.message([peer_entry()], bytes(8193)),
    "half_an_entry": lambda peer: [peer.record(RecordType.PREFIX, PREFIX + bytes(16), som=True)],
    "one_session_too_many": lambda peer: [
        peer.record(RecordType.PREFIX, b"\0\0\0\2" + PREFIX[4:], som=True, eom=True)
    ],
    "external_entries": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX[:7] + b"\1" + PREFIX[8:], som=True, eom=True)
    ],
    "delta": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX[:11] + b"\2" + PREFIX[12:], som=True, eom=True)
    ],
    "max_bound": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX[:31] + b"\1" + PREFIX[32:], som=True, eom=True)
    ],
    "another_speaker": lambda peer: peer.message([Entry(b"somebody else...", 1, 1, 1, 1)], BAD),
    "this_node_speaks": lambda peer: peer.message([Entry(OWN_ID, 0, 1, 1, 1)], BAD),
    "more_sources_than_the_log_holds": lambda peer: peer.message(
        [peer_entry(), *(Entry(bytes([n]) * 16, 1, 1, 1, 1) for n in range(15))], BAD
    ),
    "another_mode": lambda peer: peer.message([peer_entry(mode=2)], BAD),
    "another_weight_table": lambda peer: peer.message([peer_entry(weight_table=2)], BAD),
    "reserved_provenance_flag": lambda peer: peer.message([peer_entry(flags=2)], BAD),
    "lost_record": after_a_lost_record,
    "repeated_record": lambda peer: [(segment := peer.message([peer_entry()])[0]), segment],
    "wrong_tag": lambda peer: [
        changed(segment, data=segment.data[:-13] + bytes([segment.data[-13] ^ 1]) + segment.data[-12:])
        for segment in peer.message([peer_entry()])
    ],
    "no_first": lambda peer: [changed(peer.message([peer_entry()])[0], first=False)],
    "no_last": lambda peer: [
        changed(peer.message([peer_entry()])[0], last=False),
        changed(peer.message([peer_entry()])[0], first=False),
    ],
    "cut_short": lambda peer: [
        changed(segment, data=segment.data[:-16]) for segment in peer.message([peer_entry()])
    ],
    "hole_in_keep": lambda peer: [RawBeat(bytes(16), 0x7FFF, True, False)],
    "short_header": lambda peer: [Segment(bytes(15), True, True)],
}


# What is wrong, and in which byte of the record.
REASONS = {
    "prefix_in_a_message": ("type", 1),
    "prefix_without_som": ("flags", 2),
    "payload_without_a_prefix": ("type", 1),
    "payload_with_som": ("flags", 2),
    "short_payload_without_eom": ("length", 6),
    "too_much_payload": ("length", 6),
    "half_an_entry": ("length", 6),
    "one_session_too_many": ("n_sessions", 16),
    "external_entries": ("n_externals", 20),
    "delta": ("flags", 24),
    "max_bound": ("max_bound", 36),
    "another_speaker": ("session_id", 48),
    "this_node_speaks": ("session_id", 48),
    "more_sources_than_the_log_holds": ("FULL", 0),
    "another_mode": ("CONFLICT", 0),
    "another_weight_table": ("CONFLICT", 0),
    "reserved_provenance_flag": ("CONFLICT", 0),
    "lost_record": ("seq", 8),
    "repeated_record": ("seq", 8),
    "wrong_tag": ("tag", 112 - 32),
    "no_first": ("first", 0),
    "no_last": ("too long", 96),
    "cut_short": ("cut short", 80),
    "hole_in_keep": ("keep", 0),
    "short_header": ("version", 0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_closes_the_channel_and_releases_nothing(fault):
    bench = GoldenBench()
    bench.open()
    bench.connect(0)
    peer = bench.peers[0]
    bench.push_link(0, peer.message(*MESSAGE))
    bench.push_link(0, FAULTS[fault](peer))
    bench.push_link(0, peer.message([peer_entry()], BAD))
    while not bench.node.links[0].closed:
        assert bench.engine.cycle < 1000, "still open"
        bench.run(1)
    found = bench.node.fault(0)
    assert (found.reason, found.offset) == REASONS[fault]
    bench.run()
    assert not bench.node.links[0].open
    assert {message[16:] for message in bench.node.accelerator.received} <= {b"good"}

    # Only the host brings it back, and nothing of what came before comes with it.
    bench.push_link(0, peer.fall())
    bench.run()
    assert not bench.node.links[0].up
    bench.reopen(0)
    bench.run()
    bench.connect(0)
    bench.push_link(0, peer.message([peer_entry()], b"again"))
    bench.run()
    assert bench.node.accelerator.received[-1][16:] == b"again"
    assert not any(BAD in message for message in bench.node.accelerator.received)


@pytest.mark.parametrize("at", [3, 20, 47])
def test_a_record_that_has_not_ended_closes_as_soon_as_it_cannot_become_right(at):
    bench = GoldenBench(beat_bytes=4)
    bench.open()
    bench.connect(0)
    record = bytearray(Record(RecordType.PAYLOAD, False, True, 0, b"x").encode())
    record[at] ^= 1
    cut = at // 4 * 4 + 4
    bench.push_link(0, [Segment(bytes(record[:cut]), True, last=cut == len(record))])
    bench.run()
    assert bench.node.links[0].closed


def test_the_longest_message_and_the_fullest_log_close_nothing():
    bench = GoldenBench()
    bench.open()
    bench.connect(0)
    others = [Entry(bytes([n]) * 16, 2**96 - 1, 3, 9, 0xD) for n in range(14)]
    bench.push_link(0, bench.peers[0].message([peer_entry(), *others, peer_entry(200)], bytes(8192)))
    bench.run()
    assert bench.node.links[0].open
    assert len(bench.node.known.entries) == 16
    assert bench.node.known.entries[1].flops == 200
    assert len(bench.node.accelerator.received) == 1
