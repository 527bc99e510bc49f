"""Sealed links of the golden model: keys, epochs under them, and what is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlock.device.cluster import Cluster
from interlock.device.golden import GoldenEngine
from interlock.device.joins import End
from interlock.device.key_exchange import KeyExchange
from interlock.model.channel import CLEAR, SealedChannel, following
from interlock.model.keys import KEYS, LinkKeys
from interlock.model.messages import Kind, Message
from interlock.model.node import GoldenNode
from interlock.model.parameters import NodeParameters
from interlock.model.records import Record, RecordError, RecordType, check_record, decode_record
from interlock.model.schedule import IllegalChoice, Rule
from interlock.model.scheduler import PlainScheduler
from interlock.wires import Event, Segment
from lib.scripted import ScriptedAccelerator
from lib.sealing import sealed_record

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
LIMITS = {"rekey_bits": 2, "stop_bits": 4}
PARAMETERS = NodeParameters(links=1, message_bytes=8192, **LIMITS)
RECORD = Record(RecordType.PAYLOAD, False, True, 3, b"hello")


def engine(serial: int) -> GoldenEngine:
    node = GoldenNode(
        parameters=PARAMETERS, accelerator=ScriptedAccelerator(), maker=1, serial=serial, watch=True
    )
    node.push_random(range(8))
    return GoldenEngine(node, PlainScheduler())


def pair() -> tuple[Cluster, GoldenNode, GoldenNode]:
    engines = [engine(1), engine(2)]
    cluster = Cluster(engines, [(End(0, 0), End(1, 0))], quantum=50)
    return cluster, *(one.node for one in engines)


def opened(serial: int = 1) -> GoldenNode:
    """A node with open gates and no keys."""
    one = engine(serial)
    one.run(10)
    return one.node


def message(**fields: object) -> list[Segment]:
    keys = replace(LinkKeys(slot=0, channel=7, peer=b"sixteen bytes...", send=KEY, receive=OTHER), **fields)
    return [Segment(keys.encode(), first=True, last=True)]


def apply(node: GoldenNode, name: str, *arguments: int) -> None:
    node.apply(Event(node.cycle, name, arguments))


# Records


@given(st.binary(max_size=100), st.integers(0, 15), st.integers(0, 0xFFFF))
def test_a_sealed_record_is_what_the_library_makes_of_it(body, seq, number):
    channel = SealedChannel(KEY, number, **LIMITS)
    record = Record(RecordType.PAYLOAD, True, False, seq, body)
    key = KEY
    for _ in range(seq // 4):
        key = following(key)
    data = record.encode(channel)
    assert data == sealed_record(key, seq, data[:16], body)
    assert data[:8] == bytes([1, 3, 1, 0]) + number.to_bytes(2) + len(body).to_bytes(2)
    if body:
        assert decode_record(data, seq=seq, channel=channel) == replace(record, som=False) or record.som


@pytest.mark.parametrize("at", range(len(RECORD.encode())))
def test_a_changed_byte_is_noticed_and_not_before_the_tag_is_whole(at):
    channel = SealedChannel(KEY, 7)
    data = bytearray(RECORD.encode(channel))
    data[at] ^= 1
    with pytest.raises(RecordError) as error:
        decode_record(bytes(data), seq=3, channel=channel)
    if error.value.reason == "tag":
        assert check_record(bytes(data[:-1]), seq=3, complete=False, channel=channel) == 5


def test_profiles_do_not_take_each_others_records():
    channel = SealedChannel(KEY, 0)
    for data, other in ((RECORD.encode(channel), CLEAR), (RECORD.encode(CLEAR), channel)):
        with pytest.raises(RecordError, match="flags"):
            decode_record(data, seq=3, channel=other)


def test_no_number_is_legal_beyond_the_stop():
    channel = SealedChannel(KEY, 0, **LIMITS)
    data = replace(RECORD, seq=16).encode(channel)
    with pytest.raises(RecordError, match="seq"):
        decode_record(data, seq=16, channel=channel)


# Keys


def test_without_keys_there_is_no_epoch():
    node = opened()
    with pytest.raises(IllegalChoice) as error:
        apply(node, "up", 0)
    assert error.value.rule is Rule.UP_KEYED
    assert node.wants_keys(0)
    node.push_keys(message())
    assert not node.wants_keys(0)
    apply(node, "key")
    apply(node, "up", 0)


def test_keys_that_were_not_sent_are_not_taken():
    node = opened()
    node.push_keys([replace(message()[0], data=message()[0].data[:40], last=False)])
    with pytest.raises(IllegalChoice) as error:
        apply(node, "key")
    assert error.value.rule is Rule.KEY_SENT


def test_keys_are_taken_between_epochs_and_end_the_one_that_is_open():
    cluster, node, _ = pair()
    with cluster:
        cluster.run(6)
        assert node.links[0].open
        with pytest.raises(IllegalChoice) as error:
            apply(node, "end", 0)
        assert error.value.rule is Rule.END_REASON
        node.push_keys(message())
        with pytest.raises(IllegalChoice) as error:
            apply(node, "key")
        assert error.value.rule is Rule.KEY_OPEN
        apply(node, "end", 0)
        assert node.links[0].keys is None
        apply(node, "key")
        assert node.links[0].keys.send == KEY


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(message()[0].data[:-4], id="too-short"),
        pytest.param(message()[0].data + bytes(4), id="too-long"),
        pytest.param(message()[0].data[:4], id="a-word"),
        pytest.param(message(slot=1)[0].data, id="another-slot"),
    ],
)
def test_a_message_that_is_none_gives_no_keys(data):
    node = opened()
    node.push_keys([Segment(data, first=True, last=True)])
    apply(node, "key")
    assert node.links[0].keys is None
    assert node.wants_keys(0)


def test_other_keys_take_the_place_of_those_that_no_epoch_has_used():
    node = opened()
    for key in (KEY, OTHER):
        node.push_keys(message(send=key))
        apply(node, "key")
        assert not node.links[0].up
        assert node.links[0].keys.send == key
        apply(node, "up", 0)


def test_keys_end_with_their_session():
    node = opened()
    node.push_keys(message())
    apply(node, "key")
    node.push_keys(message())
    node.roll()
    assert not node.keys_in.queue
    apply(node, "roll", 0)
    assert node.links[0].keys is None


def test_the_layout_is_that_of_the_specification():
    assert KEYS.size == 84
    assert message()[0].data == bytes([0, 0, 0, 7]) + b"sixteen bytes..." + KEY + OTHER


# Epochs


def test_two_nodes_talk_and_get_other_keys_when_theirs_are_used_up():
    cluster, one, other = pair()
    with cluster:
        cluster.run(6)
        first = one.links[0].keys
        assert first.peer == other.session_id
        assert (first.send, first.receive) == (other.links[0].keys.receive, other.links[0].keys.send)
        for number in range(20):
            one.accelerator.send(Message(Kind.PEER, 0, bytes([number])))
            cluster.run(12)
        assert one.links[0].open
        assert other.links[0].open
        assert one.links[0].keys != first
        assert not one.outstanding()
    got = [item.data for item in other.rx.take() if isinstance(item, Segment)]
    assert len(got) > 14  # what was on its way when numbers ran out is lost
    assert [data[16] for data in got] == sorted(data[16] for data in got)


def test_a_session_that_ends_takes_its_keys_along_on_both_ends():
    cluster, one, other = pair()
    with cluster:
        cluster.run(6)
        before = one.links[0].keys
        other.roll()
        cluster.run(12)
        assert one.links[0].open
        assert one.links[0].keys.peer == other.session_id != before.peer
        assert one.links[0].keys.send != before.send


def test_entry_0_must_be_the_one_that_the_keys_came_with():
    cluster, one, other = pair()
    with cluster:
        cluster.run(6)
        one.links[0].keys = replace(one.links[0].keys, peer=b"somebody else...")
        one.ingress[0].begin_epoch(one.links[0].keys.peer)
        other.accelerator.send(Message(Kind.PEER, 0, b"hello"))
        cluster.run(4)
        assert one.links[0].closed
    assert not [item for item in one.rx.take() if isinstance(item, Segment)]


def test_no_key_is_given_twice():
    class Waiting:
        session_id = bytes(16)

        def wants_keys(self, slot: int) -> bool:
            return True

    exchange = KeyExchange([(End(0, 0), End(1, 0)), (End(0, 1), End(1, 1))])
    keys = [
        LinkKeys.decode(item.data)
        for _ in range(10)
        for _, items in exchange.serve([Waiting(), Waiting()])
        for item in items
    ]
    assert len({key.send for key in keys}) == len(keys) == 40
    assert {key.send for key in keys} == {key.receive for key in keys}
