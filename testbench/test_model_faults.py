"""Golden node: everything by which a peer closes its channel, and what of it is never seen again."""

import pytest
from interlock.model.log import Entry
from interlock.model.parameters import NodeParameters
from interlock.model.records import Record, RecordType, decode_record, encode_prefix
from interlock.wires import RawBeat, Segment
from lib.golden_bench import OWN_ID, GoldenBench, peer_entry

PREFIX = encode_prefix([peer_entry()])
MESSAGE = [peer_entry()], b"good"
BAD = b"bad"
GRANTED = NodeParameters().staging_bytes
"""What the node grants before it has released anything."""


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
    "half_a_word_without_eom": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX, som=True),
        peer.record(RecordType.PAYLOAD, bytes(4095)),
    ],
    "payload_inside_a_prefix": lambda peer: [
        peer.message([peer_entry()] * 200)[0],
        peer.record(RecordType.PAYLOAD, BAD, eom=True, seq=peer.seq - 1),
    ],
    "prefix_goes_on_after_its_end": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX, som=True),
        peer.record(RecordType.PREFIX, PREFIX[32:], eom=True),
    ],
    "prefix_cut_in_two": lambda peer: [
        peer.record(RecordType.PREFIX, encode_prefix([peer_entry()] * 2)[:64], som=True),
        peer.record(RecordType.PREFIX, encode_prefix([peer_entry()] * 2)[64:], eom=True),
    ],
    "end_in_a_prefix": lambda peer: [
        peer.record(RecordType.PREFIX, encode_prefix([peer_entry()] * 200)[:4096], som=True, eom=True)
    ],
    "more_payload_than_granted": lambda peer: peer.message([peer_entry()], bytes(GRANTED - 32 - 16 + 1)),
    "more_messages_than_granted": lambda peer: [
        *peer.message([peer_entry()], bytes(GRANTED - 32 - 16)),
        *peer.message([peer_entry()]),
    ],
    "half_an_entry": lambda peer: [peer.record(RecordType.PREFIX, PREFIX + bytes(16), som=True)],
    "one_session_too_many": lambda peer: [
        peer.record(RecordType.PREFIX, b"\0\0\0\2" + PREFIX[4:], som=True, eom=True)
    ],
    "one_external_too_many": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX[:7] + b"\1" + PREFIX[8:], som=True, eom=True)
    ],
    "full_and_delta": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX[:11] + b"\3" + PREFIX[12:], som=True, eom=True)
    ],
    "reserved_bit": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX[:19] + b"\1" + PREFIX[20:], som=True, eom=True)
    ],
    "delta_after_an_abort": lambda peer: [
        peer.record(RecordType.PREFIX, PREFIX, som=True),
        peer.abort(),
        *peer.message([peer_entry()], BAD, is_delta=True),
    ],
    "abort_outside_a_message": lambda peer: [peer.abort()],
    "credit_falls": lambda peer: [peer.credit(100), peer.credit(99)],
    "more_externals_than_the_log_holds": lambda peer: peer.message(
        [peer_entry()], BAD, externals=[bytes([n]) * 32 for n in range(15)]
    ),
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
    "prefix_in_a_message": ("flags", 2),
    "prefix_without_som": ("flags", 2),
    "payload_without_a_prefix": ("type", 1),
    "payload_with_som": ("flags", 2),
    "half_a_word_without_eom": ("length", 6),
    "payload_inside_a_prefix": ("type", 1),
    "prefix_goes_on_after_its_end": ("flags", 2),
    "prefix_cut_in_two": ("length", 6),
    "end_in_a_prefix": ("flags", 2),
    "more_payload_than_granted": ("length", 6),
    "more_messages_than_granted": ("length", 6),
    "half_an_entry": ("length", 6),
    "one_session_too_many": ("length", 6),
    "one_external_too_many": ("length", 6),
    "full_and_delta": ("flags", 24),
    "reserved_bit": ("reserved", 28),
    "delta_after_an_abort": ("flags", 24),
    "abort_outside_a_message": ("type", 1),
    "credit_falls": ("granted", 16),
    "more_externals_than_the_log_holds": ("FULL", 0),
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
    bench.connect(0, credit=None)
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


def test_a_delta_before_a_full_prefix_closes_the_channel():
    bench = GoldenBench()
    bench.open()
    bench.connect(0)
    bench.push_link(0, bench.peers[0].message([peer_entry()], BAD, is_delta=True))
    bench.run()
    assert bench.node.links[0].closed
    assert bench.node.known.entries == [bench.node.known.own]


def test_a_prefix_of_many_records_may_be_merged_by_halves():
    """What came of it stays merged, and is not released."""
    bench = GoldenBench(log_entries=300)
    bench.open()
    bench.connect(0)
    others = [Entry(bytes([1, n]) * 8, n, 1, 1, 1) for n in range(200)]
    bench.push_link(0, bench.peers[0].message([peer_entry(), *others], b"x")[:1])
    bench.push_link(0, bench.peers[0].fall())
    bench.run(1000)
    assert not bench.node.links[0].open
    assert len(bench.node.known.entries) == 128


def test_control_records_may_stand_between_any_two_others():
    bench = GoldenBench(log_entries=300)
    bench.open()
    bench.connect(0)
    peer = bench.peers[0]
    others = [Entry(bytes([1, n]) * 8, n, 1, 1, 1) for n in range(200)]
    first, *rest = peer.message([peer_entry(), *others], bytes(5000), externals=[bytes([9] * 32)])
    peer.seq = 1
    records = [
        peer.credit(),
        peer.record(RecordType.PREFIX, decode_record(first.data, seq=1).body, som=True),
    ]
    for segment in rest:
        record = Record(RecordType(segment.data[1]), False, bool(segment.data[2] & 2), 0, b"")
        length = int.from_bytes(segment.data[6:8])
        records += [
            peer.full_request(),
            peer.record(record.type, segment.data[16 : 16 + length], eom=record.eom),
            peer.credit(),
        ]
    bench.push_link(0, records)
    bench.run(1000)
    assert bench.node.links[0].open
    assert bench.node.accelerator.received == [bytes.fromhex("01000000") + bytes(12 + 5000)]
    assert len(bench.node.known.entries) == 202
    assert bench.node.known.externals == [bytes([9] * 32)]


def test_the_longest_message_and_the_fullest_log_close_nothing():
    bench = GoldenBench()
    bench.open()
    bench.connect(0)
    others = [Entry(bytes([n]) * 16, 2**96 - 1, 3, 9, 0xD) for n in range(12)]
    externals = [bytes([1] * 32), bytes([2] * 32), bytes([1] * 32)]
    prefix = [peer_entry(), *others, peer_entry(200)]
    bench.push_link(0, bench.peers[0].message(prefix, bytes(GRANTED - 16), externals=externals))
    bench.run()
    assert bench.node.links[0].open
    assert len(bench.node.known.entries) == 14
    assert bench.node.known.externals == externals[:2]
    assert bench.node.known.entries[1].flops == 200
    assert len(bench.node.accelerator.received) == 1
