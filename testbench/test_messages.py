"""Clusters of puppets in lockstep: every kind of message, and streams that all run at once."""

import json

import pytest
from campaigns.__main__ import main
from campaigns.messages import ATTACKS, PEACE, REQUESTS, ROLLS, Messages
from campaigns.tally import Tally
from interlock.device.cluster import Cluster
from interlock.device.compare import Mismatch
from interlock.device.joins import End, full_mesh, ring
from interlock.model.credit import Credit
from interlock.model.log import Log
from interlock.model.messages import HEADER, Kind
from interlock.wires import Segment
from lib.golden_puppet import GoldenPuppet
from lib.nodes import BUILDS, puppet_node
from lib.parameters import default_seed
from lib.script import Script, payload_of
from lib.settle import outstanding

TROUBLES = [("wide", REQUESTS), ("sealed", ATTACKS), ("bare", ROLLS), ("bare", PEACE)]
MESSAGES = 600
"""Of each: all of them are about a minute's work for one core."""


@pytest.mark.parametrize(("build", "trouble"), TROUBLES, ids=lambda given: getattr(given, "name", given))
def test_random_messages_never_leave_lockstep(build, trouble):
    seed = default_seed() * 1000
    print(f"Messages({seed}, config={build}, trouble={trouble})")
    tally = Messages(seed, config=BUILDS[build], trouble=trouble, messages=MESSAGES).run()
    print(tally)
    assert tally.messages >= MESSAGES
    assert tally.streams > MESSAGES / 5
    least = {"cut": 50, "abort": 10, "drop": 5, "tx_refuse": 5, "ticks": 5, "release": 50, "grant": 50}
    few = {name: tally.choices[name] for name, count in least.items() if tally.choices[name] < count}
    assert not few, f"too few of {few}"
    assert tally.deltas > 50
    assert (tally.choices["full_request"] > 0) == (trouble.request_full > 0)
    assert (tally.altered > 0) == (trouble.tamper > 0)


def grants_less(credit):
    """16 bytes less than there is room for, once something was released."""
    return credit.staging_bytes + credit.released - 16 * (credit.released > 0)


def test_a_model_that_never_owes_a_full_prefix_is_found_out(monkeypatch):
    monkeypatch.setattr(Log, "require_full", lambda log, slot: None)
    with pytest.raises(Mismatch, match=r"link\d.tx: 0x01 instead of 0x02 \(message \d+, prefix.flags"):
        Messages(5, config=BUILDS["bare"], trouble=REQUESTS, messages=100).run()


def test_a_model_that_grants_too_little_is_found_out(monkeypatch):
    monkeypatch.setattr(Credit, "grantable", property(grants_less))
    with pytest.raises(Mismatch, match="no more is granted than there is staging"):
        Messages(5, config=BUILDS["bare"], trouble=REQUESTS, messages=100).run()


def test_a_puppet_whose_model_works_too_early_is_found_out(monkeypatch):
    put = GoldenPuppet._put

    def put_late(puppet, data):
        put(puppet, data)
        if (
            len(puppet._pieces) > 1
        ):  # as if the events before the last piece had come before the one before it
            puppet._pieces[-2] = puppet._pieces[-2][0], puppet._pieces[-1][1]

    monkeypatch.setattr(GoldenPuppet, "_put", put_late)
    with pytest.raises(Mismatch, match="a sample covers every event before"):
        Messages(5, config=BUILDS["bare"], trouble=REQUESTS, messages=100).run()


TOPOLOGIES = {
    "pair": (2, [(End(0, 0), End(1, 0))]),
    "two-links": (2, ring(2)),
    "ring-3": (3, ring(3)),
    "ring-5": (5, ring(5)),
    "star": (4, [(End(0, leaf - 1), End(leaf, 0)) for leaf in (1, 2, 3)]),
    "mesh": (4, full_mesh(4)),
}
ROUNDS = 6


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_streams_that_all_run_at_once_with_the_least_staging_finish(topology):
    """Everybody streams to all neighbours, each stream as long as staging, all of which it costs."""
    count, joins = TOPOLOGIES[topology]
    config = BUILDS["bare"]
    assert config.staging_messages == 1
    length = config.message_bytes
    far = {(a.node, a.slot): (b.node, b.slot) for one, two in joins for a, b in ((one, two), (two, one))}
    nodes = [puppet_node(config, serial=number) for number in range(count)]
    expected = {place: [] for place in far}
    with Cluster(nodes, joins, quantum=7) as cluster:
        for number, node in enumerate(nodes):
            node.push_random([number, 5])
            script = Script()
            for turn in range(ROUNDS):
                for slot in sorted(slot for at, slot in far if at == number):
                    seed = number << 16 | slot << 12 | turn
                    script.burst(port=0, op_class=0x21, count=16, every=3)
                    script.stream(slot, length, maximum=length, bound=1 << 40, seed=seed)
                    script.burst(every=0)
                    header = HEADER.pack(kind=Kind.PEER, peer=far[number, slot][1])
                    expected[far[number, slot]].append(header + payload_of(seed, length // 16))
            messages = script.messages(config.message_bytes)
            cluster.push_host(number, [Segment(message, True, True) for message in messages])
        for _ in range(400):
            cluster.run(100)
            if cluster.is_quiet and not any(map(outstanding, nodes)):
                break
    for number, node in enumerate(nodes):
        node.finish()
        received = [message for message in node.node.released if message[0] == Kind.PEER]
        for slot in (slot for at, slot in far if at == number):
            assert [message for message in received if message[3] == slot] == expected[number, slot]
        assert node.node.choices["abort"] == 0


def test_a_campaign_ends_when_so_many_messages_were_sent(capsys):
    words = ["--seconds", "600", "--messages", "1", "--kind", "messages", "--build", "bare", "--seed", "1"]
    assert main([*words, "--json"]) == 0
    tally = json.loads(capsys.readouterr().out)
    assert tally["histories"] == 1
    assert tally["messages"] >= 1
    assert {"streams", "deltas", "bytes"} <= tally.keys()


def test_a_tally_says_what_was_sent():
    tally = Tally(histories=1, messages=5, streams=3, deltas=2)
    tally.choices["abort"] = 7
    tally.add(Tally(messages=10, streams=4, deltas=1))
    assert "15 messages, 7 streams, 7 aborts, 3 deltas" in str(tally)
