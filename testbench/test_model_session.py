"""Golden node: sessions, alarms and epochs: what ends, what is forgotten, and what comes back."""

import re
from pathlib import Path

import pytest
from interlock.model.log import Entry
from interlock.model.messages import Kind, Message
from interlock.model.records import RecordType
from interlock.model.schedule import IllegalChoice, Rule
from interlock.model.session import Alarm, State
from interlock.wires import Level, Rolled, Segment
from lib.golden_bench import OWN_ID, GoldenBench, of, peer_entry, sent_bytes
from lib.scripted import external

SPECIFICATION = Path(__file__).resolve().parents[1] / "docs" / "specification.md"


@pytest.fixture
def bench() -> GoldenBench:
    bench = GoldenBench()
    bench.open()
    return bench


def test_a_roll_starts_anew_and_forgets_the_log(bench):
    bench.connect(0)
    bench.push_link(0, bench.peers[0].message([peer_entry()], b"x"))
    bench.compute(0, 16, 10)
    bench.send(Message(Kind.EXPORT, 0, b""))
    bench.run()
    bench.engine.pop_host()
    bench.roll()
    bench.open(3, 4)
    bench.send(Message(Kind.EXPORT, 0, b""))
    bench.run()
    rolled, log, *_ = bench.engine.pop_host()
    assert rolled == Rolled()
    assert log.data[16:] == OWN_ID[:8] + of("00000003 00000004 000000000000000000000000 01 01 0001")


def test_a_roll_takes_along_what_the_host_had_half_sent(bench):
    whole = external(bytes(32)).data
    bench.push_host(Segment(whole[:32], True, False))
    bench.roll()
    bench.choose("roll", 1)
    bench.open()
    bench.push_host(Segment(whole[32:], False, True), external(b"next"))
    bench.run()
    assert [event.name for event in bench.events if event.name.startswith("host_")] == [
        "host_refuse",
        "host_accept",
    ]
    assert [message[16:] for message in bench.node.accelerator.received] == [b"next"]


def test_a_roll_leaves_alone_what_the_host_sent_and_the_node_did_not_take(bench):
    bench.push_host(Segment(external(b"").data, True, False))
    bench.roll()
    bench.choose("roll", 0)
    bench.open()
    bench.push_host(Segment(b"rest", False, True))
    bench.run()
    assert [message[16:] for message in bench.node.accelerator.received] == [b"rest"]


def test_after_a_roll_all_channels_come_up_again(bench):
    bench.connect(0)
    bench.engine.pop_link(0)
    bench.roll()
    bench.run()
    assert bench.engine.pop_link(0) == [Level(up=False, heard=True)]
    bench.push_link(0, bench.peers[0].fall())
    bench.open()
    assert bench.engine.pop_link(0) == [Level(up=False, heard=False), Level(up=True, heard=False)]
    bench.connect(0)


@pytest.mark.parametrize("ending", ["roll", "alarm"])
def test_a_link_that_waits_for_its_peer_goes_down_with_the_session(bench, ending):
    assert bench.engine.pop_link(1) == [Level(up=True, heard=False)]
    if ending == "roll":
        bench.roll()
    else:
        bench.compute(0, count=17)  # above the peak
    bench.run()
    assert bench.engine.pop_link(1) == [Level(up=False, heard=False)]
    assert not bench.node.links[1].up


def test_a_fault_closes_the_channel_until_the_host_reopens_it(bench):
    bench.connect(0)
    bench.push_link(0, [Segment(bytes(48), True, True), *bench.peers[0].message([peer_entry()], b"x")])
    bench.run()
    assert not bench.node.links[0].open
    bench.push_link(0, bench.peers[0].fall())
    bench.run()
    assert not bench.node.links[0].up
    bench.reopen(0)
    bench.run()
    assert bench.node.links[0].up
    bench.connect(0)
    assert bench.node.log.entries == [bench.node.log.own]
    assert not bench.node.accelerator.received


@pytest.mark.parametrize("announced", [False, True], ids=["never_announced", "announced"])
def test_a_peer_that_knows_more_of_this_session_than_it_announced_is_an_alarm(bench, announced):
    bench.connect(0)
    bench.compute(0, 1, 1)
    if announced:
        bench.send(Message(Kind.EXPORT, 0, b""))
    bench.run()
    bench.push_link(0, bench.peers[0].message([peer_entry(), Entry(OWN_ID, 2, 1, 1, 1)]))
    bench.run()
    assert bench.node.alarms == (0 if announced else Alarm.OWN_AHEAD)
    assert bench.node.session.state is (State.OPEN if announced else State.CLOSED)
    assert bench.node.links[0].up is announced


@pytest.mark.parametrize(
    ("claimed", "delay", "may_alarm"),
    [(32, 16, True), (32, 17, False), (20, 1, True), (19, 1, False)],
    ids=["in_time", "too_late", "more_than_before", "no_more_than_before"],
)
def test_a_claim_that_meets_the_scan_which_announces_it_may_be_an_alarm(bench, claimed, delay, may_alarm):
    """19 FLOPs are announced, then 32; a claim that is answered at once can meet either."""
    bench.connect(0)
    bench.compute(1, count=1, op_class=0x12, repeat=19)
    bench.send(Message(Kind.EXPORT, 0, b""))
    bench.run()
    bench.compute(1, count=1, op_class=0x12, repeat=13)
    bench.send(Message(Kind.EXPORT, 0, b""))
    bench.choose("tx_accept")
    bench.choose("sample", 0, 32)
    bench.push_link(0, bench.peers[0].message([peer_entry(), Entry(OWN_ID, claimed, 1, 1, 1)]))
    bench.choose("take", 0)
    bench.choose("merge", 0)
    bench.choose("scan", 2)
    bench.engine.cycle += delay - 1
    bench.choose("merge", 0)
    assert not bench.node.alarms
    if may_alarm:
        bench.choose("alarm", Alarm.OWN_AHEAD)
    else:
        with pytest.raises(IllegalChoice) as error:
            bench.choose("alarm", Alarm.OWN_AHEAD)
        assert error.value.rule is Rule.ALARM_REASON


def test_after_an_alarm_nothing_leaves_until_a_roll(bench):
    bench.compute(0, count=17)  # 34 FLOPs: above the peak of 32
    bench.send(Message(Kind.EXPORT, 0, b"secret"))
    bench.push_host(external(b"data"))
    bench.run()
    assert bench.node.alarms == Alarm.OVER_PEAK
    assert bench.engine.pop_host() == []
    bench.send(Message(Kind.EXPORT, 0, b"more"))
    bench.push_host(external(b"more"))
    bench.run()
    assert bench.engine.pop_host() == []
    bench.roll()
    bench.open()
    assert bench.engine.pop_host() == [Rolled()]
    assert bench.node.session.state is State.OPEN


def test_what_leaves_of_a_message_whose_epoch_ends_is_its_beginning(bench):
    bench.connect(0)
    bench.engine.pop_link(0)
    bench.send(Message(Kind.PEER, 0, bytes(5000)), Message(Kind.PEER, 0, b"second"))
    bench.choose("tx_accept")
    bench.choose("sample", 0, 0)
    bench.choose("scan", 0)
    bench.choose("record", 0, RecordType.PREFIX, 64)
    bench.push_link(0, bench.peers[0].fall())
    bench.choose("level", 0)
    bench.choose("end", 0)
    bench.run()
    first, *levels = bench.engine.pop_link(0)
    assert (len(first.data), first.first, first.last) == (48, True, False)
    assert first.data[15] == 1
    assert levels == [Level(True, False), Level(False, False), Level(True, False)]

    bench.connect(0)
    credit, *second = sent_bytes(bench.engine.pop_link(0))
    assert credit[1] == RecordType.CREDIT
    assert [int.from_bytes(record[8:16], "big") for record in second] == [1, 2]
    assert second[1][16:22] == b"second"


def test_alarms_have_the_bits_that_the_specification_gives_them():
    text = re.search(
        r"Alarm bits, latched until the next CLEAR: (.*?)\.\n", SPECIFICATION.read_text(), re.DOTALL
    )
    assert text
    bits = {name: 1 << int(bit) for bit, name in re.findall(r"(\d+) ([A-Z_]+)", text[1])}
    assert bits == {alarm.name: alarm.value for alarm in Alarm}


def test_a_hashed_log_draws_a_key_after_the_session_id():
    bench = GoldenBench(key_words=4)
    bench.open(1, 2, 3, 4, 5)
    assert bench.node.session.state is State.DRAW
    bench.open(6)
    assert bench.node.session.state is State.OPEN
    assert bench.node.session.session_id == OWN_ID[:8] + of("00000001 00000002")


def export(bench, flops):
    """A scan that announces so many FLOPs, and what goes with it: 6 cycles."""
    bench.compute(1, count=1, op_class=0x12, repeat=10)
    bench.send(Message(Kind.EXPORT, 0, b""))
    bench.choose("tx_accept")
    bench.choose("sample", 0, flops)
    bench.choose("scan", 2)
    bench.choose("ticks", bench.engine.cycle - bench.node.session.opened_at)
    bench.choose("read", 0, 0)
    bench.choose("read", 0, 1)


@pytest.mark.parametrize(("wait", "may_alarm"), [(3, True), (7, False)], ids=["just_now", "long_ago"])
def test_a_claim_may_miss_every_scan_of_the_last_16_cycles(bench, wait, may_alarm):
    """10, 20 and 30 FLOPs are announced, and 11 are claimed: more than 10, not more than 20."""
    bench.connect(0)
    bench.push_link(0, bench.peers[0].message([peer_entry(), Entry(OWN_ID, 11, 1, 1, 1)]))
    bench.choose("take", 0)
    bench.choose("merge", 0)
    export(bench, 10)
    bench.engine.cycle += 20
    export(bench, 20)
    export(bench, 30)
    bench.engine.cycle += wait
    bench.choose("merge", 0)
    assert not bench.node.alarms
    assert bench.node.possible_alarms == (Alarm.OWN_AHEAD if may_alarm else 0)


def test_a_request_for_a_full_prefix_is_forgotten_with_its_epoch(bench):
    bench.connect(0)
    bench.request_full(0)
    bench.push_link(0, bench.peers[0].fall())
    bench.choose("level", 0)
    bench.choose("end", 0)
    bench.run()
    bench.connect(0)
    assert not bench.node.outstanding()
    assert "full_request" not in [event.name for event in bench.events]
