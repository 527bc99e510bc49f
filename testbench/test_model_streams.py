"""Golden node: credit, streams and their windows, to the byte."""

import pytest
from interlock.model.accelerator import EventRun, SentMessage
from interlock.model.log import Entry
from interlock.model.messages import Kind, Message
from interlock.model.records import Prefix, Record, RecordType, decode_record
from interlock.model.schedule import IllegalChoice, Rule
from interlock.model.session import Alarm
from interlock.wires import Segment
from lib.golden_bench import OWN_ID, GoldenBench, peer_entry, sent_bytes
from lib.scripted import external

PREFIX, PAYLOAD, CREDIT, ABORT, FULL_REQUEST = RecordType
WORK = EventRun(0, 0x21, 16, 3)
"""96 FLOPs."""


@pytest.fixture
def bench() -> GoldenBench:
    bench = GoldenBench()
    bench.open()
    bench.connect(0)
    bench.engine.pop_link(0)
    return bench


def sent(bench: GoldenBench, first: int = 1) -> list[Record]:
    """The records that left on link 0 since the last time."""
    items = [item for item in bench.engine.pop_link(0) if isinstance(item, Segment)]
    return [decode_record(data, seq=first + number) for number, data in enumerate(sent_bytes(items))]


def prefixes(records: list[Record]) -> list[Prefix]:
    return [Prefix.decode(record.body) for record in records if record.type is PREFIX]


# Streams


def test_a_stream_announces_its_count_and_its_bound(bench):
    bench.compute(0, 16, 10)
    bench.stream(0, b"a" * 40, WORK, b"b" * 5000, bound=96)
    bench.run()
    prefix, *payload = sent(bench)
    assert [(record.type, record.eom) for record in payload] == [(PAYLOAD, False), (PAYLOAD, True)]
    assert b"".join(record.body for record in payload) == b"a" * 40 + b"b" * 5000
    assert Prefix.decode(prefix.body) == Prefix((Entry(OWN_ID, 320 + 96, 1, 1, 1),), max_bound=96)
    assert not bench.node.outstanding()


def test_a_count_is_no_more_than_was_sampled_once_the_stream_is_over(bench):
    bench.stream(0, b"x", bound=1000)
    bench.compute(0, 16, 3)
    bench.send(Message(Kind.PEER, 0, b""))
    bench.run()
    assert [prefix.sessions[0].flops for prefix in prefixes(sent(bench))] == [1000, 96]


def test_a_stream_that_overruns_is_aborted_before_what_the_bound_does_not_cover(bench):
    bench.stream(0, b"a" * 4096, WORK, b"b" * 100, bound=95)
    bench.send(Message(Kind.PEER, 0, b"next"))
    bench.run()
    prefix, payload, abort, full, after = sent(bench)
    assert (payload.body, payload.eom) == (b"a" * 4096, False)
    assert abort.type is ABORT
    assert [item.is_delta for item in prefixes([prefix, full])] == [False, False]
    assert after.body == b"next"
    assert not bench.node.outstanding()


@pytest.mark.parametrize("spent", [96, 97], ids=["all", "one_more"])
def test_a_stream_may_spend_what_it_announced_and_no_more(bench, spent):
    bench.stream(0, b"a", WORK, EventRun(1, 0x12, 1, 1) if spent == 97 else b"", b"b", bound=96)
    bench.run()
    assert (sent(bench)[-1].type is ABORT) == (spent == 97)


@pytest.mark.parametrize("maximum", [0, 1, 47, 48, 5039])
def test_a_stream_that_is_longer_than_it_may_be_is_aborted(bench, maximum):
    bench.stream(0, b"a" * 5040, maximum=maximum)
    bench.send(Message(Kind.PEER, 0, b"next"))
    bench.run()
    records = sent(bench)
    cut = [record for record in records if record.type is PAYLOAD][:-1]
    assert sum(len(record.body) for record in cut) <= maximum // 16 * 16
    assert not any(record.eom or len(record.body) % 16 for record in cut)
    assert [record.type for record in records if record.type is not PAYLOAD] == [PREFIX, ABORT, PREFIX]


def test_an_empty_stream_ends_with_its_prefix(bench):
    bench.stream(0, bound=5, maximum=0)
    bench.send(Message(Kind.PEER, 0, b""))
    bench.run()
    first, second = sent(bench)
    assert (first.type, first.eom, second.type) == (PREFIX, True, PREFIX)


def test_nothing_is_released_inside_a_window(bench):
    """From whichever source; it is merged, and released afterwards."""
    bench.connect(1)
    bench.push_link(1, bench.peers[1].message([peer_entry()], b"peer"))
    bench.push_host(external(b"host"))
    bench.stream(0, b"a" * 100)
    bench.choose("tx_accept")
    bench.choose("sample", 0, 0)
    bench.choose("scan", 0)
    bench.choose("take", 1)
    bench.choose("merge", 1)
    bench.choose("take", 1)
    bench.choose("host_accept")
    bench.choose("merge", 2)
    bench.choose("merge", 2)
    assert len(bench.node.ingress[1].complete) == 1
    for source in (1, 2):
        with pytest.raises(IllegalChoice) as error:
            bench.choose("release", source)
        assert error.value.rule is Rule.RELEASE_WINDOW
    bench.run()
    assert [message[16:] for message in bench.node.accelerator.received] == [b"peer", b"host"]
    names = [event.name for event in bench.events]
    assert names.index("release") > len(names) - 1 - names[::-1].index("record")
    assert not bench.node.outstanding()


@pytest.mark.parametrize("ending", ["abort", "end"])
def test_a_window_closes_however_its_stream_ends(bench, ending):
    bench.push_host(external(b"data"))
    bench.stream(0, b"a" * 100, maximum=16 if ending == "abort" else 100)
    bench.choose("tx_accept")
    bench.choose("sample", 0, 0)
    bench.choose("scan", 0)
    bench.choose("host_accept")
    bench.choose("merge", 2)
    bench.choose("merge", 2)
    if ending == "end":
        bench.push_link(0, bench.peers[0].fall())
        bench.choose("level", 0)
        bench.choose("end", 0)
    else:
        bench.choose("record", 0, PREFIX, 64)
        bench.choose("read", 0, 0)
        bench.choose("abort", 0)
    bench.choose("release", 2)


def test_what_was_aborted_is_not_released_and_costs_nothing(bench):
    peer = bench.peers[0]
    bench.run()
    second = Entry(b"a second source.", 5, 1, 1, 1)
    for _ in range(5):
        prefix, payload, _ = peer.message([peer_entry(), second], bytes(8192))
        peer.seq -= 1  # the last one is not sent
        bench.push_link(0, [prefix, payload, peer.abort(), *peer.message([peer_entry()], bytes(8192))])
        bench.run()
    assert bench.node.links[0].open
    assert bench.node.accelerator.received == [Message(Kind.PEER, 0, bytes(8192)).encode()] * 5
    assert second in bench.node.known.entries


def test_what_never_could_be_announced_is_dropped(bench):
    bench.stream(0, b"x", bound=2**96 - 2)
    bench.compute(0, 1, 1, op_class=0x22)
    bench.stream(0, b"y", bound=2**96 - 2)
    bench.send(Message(Kind.PEER, 0, b"next"))
    bench.run()
    assert [record.body for record in sent(bench) if record.type is PAYLOAD] == [b"x", b"next"]
    assert [event.name for event in bench.events].count("drop") == 1
    assert not bench.node.outstanding()


# Credit


def test_a_node_grants_its_staging_and_then_what_it_released():
    bench = GoldenBench(staging_bytes=100)
    bench.open()
    bench.connect(0)
    for size in (80, 0, 1, 16):
        bench.push_link(0, bench.peers[0].message([peer_entry()], bytes(size)))
        bench.run()
    grants = [int.from_bytes(record.body) for record in sent(bench, first=0)]
    assert grants == [100, 100 + 96, 100 + 96 + 16, 100 + 96 + 16 + 32, 100 + 96 + 16 + 32 + 32]


def test_a_message_waits_until_it_was_granted():
    bench = GoldenBench()
    bench.open()
    bench.connect(0, credit=None)
    bench.send(Message(Kind.PEER, 0, bytes(33)), Message(Kind.PEER, 0, b""))
    bench.run()
    assert [record.type for record in sent(bench, first=0)] == [CREDIT]
    for granted, types in ((64, [PREFIX, PAYLOAD]), (79, []), (80, [PREFIX])):
        bench.push_link(0, [bench.peers[0].credit(granted)])
        seq = bench.node.links[0].send_seq
        bench.run()
        assert [record.type for record in sent(bench, first=seq)] == types
    assert not bench.node.outstanding()


def test_a_stream_waits_for_its_maximum_and_is_charged_for_what_it_sent():
    bench = GoldenBench()
    bench.open()
    bench.connect(0, credit=1024)
    bench.stream(0, b"x", maximum=1000)
    bench.stream(0, b"y", maximum=1008)
    bench.stream(0, b"z", maximum=1009)
    bench.run()
    assert [record.body for record in sent(bench, first=0) if record.type is PAYLOAD] == [b"x"]
    bench.push_link(0, [bench.peers[0].credit(32 + 1024)])
    seq = bench.node.links[0].send_seq
    bench.run()
    assert [record.body for record in sent(bench, first=seq) if record.type is PAYLOAD] == [b"y"]
    assert [event.name for event in bench.events].count("drop") == 1
    assert not bench.node.outstanding()


def test_a_message_for_another_slot_waits_behind_one_that_has_no_credit():
    bench = GoldenBench()
    bench.open()
    bench.connect(0, credit=None)
    bench.connect(1)
    bench.send(Message(Kind.PEER, 0, b""), Message(Kind.PEER, 1, b""))
    bench.run()
    assert not any(event.name == "scan" for event in bench.events)
    bench.push_link(0, [bench.peers[0].credit(16)])
    bench.run()
    assert [event.arguments for event in bench.events if event.name == "scan"] == [(0,), (1,)]


# Deltas


def test_a_prefix_has_what_changed_since_the_one_before(bench):
    others = [Entry(bytes([n]) * 16, n, 1, 1, 1) for n in range(5)]
    bench.push_link(0, bench.peers[0].message([peer_entry(), *others]))
    bench.send(Message(Kind.PEER, 0, b""))
    bench.run()
    changed = [peer_entry(101), Entry(bytes([2]) * 16, 3, 1, 1, 1)]
    bench.push_link(0, bench.peers[0].message(changed, is_delta=True, externals=[bytes(32)]))
    bench.run()
    bench.send(Message(Kind.PEER, 0, b""), Message(Kind.PEER, 0, b""))
    bench.run()
    records = [record for record in sent(bench) if record.type is not CREDIT]
    full, delta, least = prefixes(records)
    own = Entry(OWN_ID, 0, 1, 1, 1)
    assert full == Prefix((own, peer_entry(), *others))
    assert delta == Prefix((own, *changed), (bytes(32),), is_delta=True)
    assert least == Prefix((own,), is_delta=True)


def test_a_request_is_answered_by_a_full_prefix(bench):
    bench.send(Message(Kind.PEER, 0, b""))
    bench.run()
    bench.push_link(0, [bench.peers[0].full_request()])
    bench.run()
    bench.send(Message(Kind.PEER, 0, b""), Message(Kind.PEER, 0, b""))
    bench.run()
    assert [prefix.is_delta for prefix in prefixes(sent(bench))] == [False, False, True]


def test_the_host_asks_once_for_a_full_prefix(bench):
    for _ in range(3):
        bench.request_full(0)
    assert "asking for a FULL prefix of link 0" in bench.node.outstanding()
    bench.run()
    assert [record.type for record in sent(bench)] == [FULL_REQUEST]
    assert not bench.node.outstanding()


def test_a_long_prefix_leaves_in_records_of_4096_bytes():
    bench = GoldenBench(log_entries=200)
    bench.open()
    bench.connect(0)
    others = [Entry(bytes([1, n]) * 8, n, 1, 1, 1) for n in range(150)]
    digests = [bytes([n] * 32) for n in range(40)]
    bench.push_link(0, bench.peers[0].message([peer_entry(), *others], externals=digests))
    bench.run(1000)
    bench.engine.pop_link(0)
    bench.send(Message(Kind.PEER, 0, b"x"))
    bench.run(1000)
    first, second, payload = sent(bench, first=2)
    assert [(record.som, record.eom, len(record.body)) for record in (first, second)] == [
        (True, False, 4096),
        (False, False, 32 + 32 * 192 - 4096),
    ]
    assert Prefix.decode(first.body + second.body) == Prefix(
        (Entry(OWN_ID, 0, 1, 1, 1), peer_entry(), *others), tuple(digests)
    )
    assert payload.body == b"x"


# Framing


@pytest.mark.parametrize(
    ("firsts", "sizes"),
    [((0,), [4096, 904]), ((0, 32), []), ((0, 32 + 40), [32]), ((0, 32 + 4096), [4096]), ((0, 4096), [4064])],
    ids=["good", "at_once", "in_a_word", "at_a_record", "at_a_word"],
)
def test_a_stream_with_first_in_its_midst_is_broken_there(firsts, sizes):
    bench = GoldenBench(beat_bytes=4)
    bench.open()
    bench.connect(0)
    message = Message(Kind.PEER, 0, bytes(5000), maximum=5000).encode()
    bench.do(lambda node: node.accelerator.sent.append(SentMessage(message, (0, 0), (), firsts)))
    bench.choose("tx_accept")
    bench.choose("sample", 0, 0)
    bench.choose("scan", 0)
    bench.choose("record", 0, PREFIX, 64)
    bench.choose("read", 0, 0)
    for size in sizes:
        with pytest.raises(IllegalChoice):
            bench.choose("cut", size + 16, 0)
        bench.choose("cut", size, int(firsts == (0,) and size == 904))
        bench.choose("sample", 0, 0)
        bench.choose("record", 0, PAYLOAD, size)
    assert bench.node.egress.is_window_open == (firsts != (0,))
    bench.run()
    assert (sent(bench, first=0)[-1].type is ABORT) == (firsts != (0,))


@pytest.mark.parametrize("firsts", [(), (16,), (0, 16), (0, 28), (32,)])
def test_a_message_with_first_elsewhere_is_refused(firsts):
    """What is judged by: all of a buffered message, 32 bytes of a STREAM."""
    bench = GoldenBench(beat_bytes=4)
    bench.open()
    for message in (Message(Kind.PEER, 0, bytes(100), maximum=100), Message(Kind.PEER, 0, bytes(100))):
        data = message.encode()
        bench.do(lambda node, data=data: node.accelerator.sent.append(SentMessage(data, (0, 0), (), firsts)))
    bench.choose("tx_refuse")
    bench.choose("tx_refuse")
    assert bench.node.alarms == (0 if 0 in firsts else Alarm.NO_FIRST)
    beginnings = [(item.first, item.last) for item in bench.engine.pop_tx()]
    assert beginnings.count((True, False)) + beginnings.count((True, True)) == 2 * len(firsts)
