"""Whole nodes in lockstep with the golden model: every byte and choice, whatever happens around them."""

import json
from random import Random

import pytest
from campaigns.__main__ import KINDS, main
from campaigns.clusters import ATTACKS, PEACE, ROLLS, History
from campaigns.rogues import Rogues
from campaigns.tally import Tally
from interlock.device.assembler import FOREVER, HOST, Program
from interlock.device.cluster import Cluster
from interlock.device.compare import Mismatch
from interlock.device.joins import ring
from interlock.device.loader import data_message
from interlock.model.messages import HEADER as MESSAGE_HEADER
from interlock.model.messages import Kind
from interlock.model.records import RecordType
from interlock.model.schedule import ARGUMENTS
from interlock.wires import Segment
from interlock_hdl.config import InterlockConfig
from lib.jobs import PROGRAM
from lib.nodes import BUILDS, lockstep_node, small_config
from lib.parameters import default_seed, generator
from lib.peer import Peer, run
from lib.settle import outstanding, settle
from lib.watched import whole

PORTS = (
    "host_in",
    "host_out",
    "links__0__rx",
    "links__0__tx",
    "links__1__rx",
    "links__1__tx",
)


@pytest.mark.parametrize("build", ["narrow", "sealed"])
@pytest.mark.parametrize("trouble", [PEACE, ROLLS, ATTACKS], ids=lambda trouble: trouble.name)
def test_random_clusters_never_leave_lockstep(build, trouble):
    seed = default_seed() * 1000
    tally = Tally()
    for number in range(seed, seed + 2):
        print(f"History({number}, config={build}, nodes={2 + number % 2}, trouble={trouble})")
        tally.add(History(number, config=BUILDS[build], nodes=2 + number % 2, trouble=trouble).run())
    print(tally)
    assert tally.choices["release"] > 50
    assert tally.choices["ticks"] > 10
    assert tally.choices["roll"] >= 5 + 5 * (trouble is ROLLS)
    assert tally.altered > 0 or not trouble.tamper
    assert tally.choices["close"] > 0 or not trouble.tamper
    assert tally.choices["key"] > 10 or build != "sealed"


@pytest.mark.parametrize("build", ["narrow", "sealed"])
def test_rogue_peers_and_hosts_never_break_lockstep(build):
    seed = default_seed() * 1000
    tally = Tally()
    for number in range(seed, seed + 10):
        print(f"Rogues({number}, config={build})")
        tally.add(Rogues(number, config=BUILDS[build]).run())
    print(tally)
    others = {
        "tx_refuse",
        "cut",
        "abort",
        "key",
    }  # programs are honest, and know of no streams; links are CLEAR
    never = (ARGUMENTS.keys() | {"sample"}) - tally.choices.keys() - others
    assert not never, f"these choices were never made: {never}"
    assert tally.choices["close"] > 30


def test_one_thread_and_two_give_equal_digests():
    digests = []
    for threads in (1, 2):
        history = History(default_seed(), config=BUILDS["wide"], nodes=3, threads=threads, trouble=ROLLS)
        history.run()
        digests.append(history.digests)
    assert digests[0] == digests[1]
    other = History(default_seed() + 1, config=BUILDS["wide"], nodes=3, trouble=ROLLS)
    other.run()
    assert other.digests != digests[0]


def echo() -> Program:
    """One message at a time: what its host sends goes around, and comes out with what was computed on it."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    with program.loop(FOREVER):
        program.receive(y=0, source=HOST, words=300)
        program.matmul(y=320, a=0, b=16, rows=1, columns=2, k=4)
        program.send(a=0, slot=1, length=4608)
        program.receive(y=0, source=0, words=300)
        program.add(y=0, a=0, b=320, words=8)
        program.export(a=0, length=4000)
    return program


def relay() -> Program:
    """Gives on what it gets."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    with program.loop(FOREVER):
        program.receive(y=0, source=0, words=300)
        program.relu(y=0, a=0, words=5)
        program.send(a=0, slot=1, length=1000)
    return program


def one_at_a_time(beat_bytes: int, stalled: str | None = None) -> list[bytes]:
    """Every message that leaves a ring of two in which one thing happens at a time; ticks are cut off."""
    random = Random(1)
    nodes = [lockstep_node(small_config(beat_bytes), serial=number) for number in range(2)]
    sent = {(number, slot): [] for number in range(2) for slot in range(2)}
    for number, node in enumerate(nodes):
        node.push_random([random.getrandbits(32), random.getrandbits(32)])
        take = node.pop_link

        def pop_link(slot, number=number, take=take):
            items = take(slot)
            sent[number, slot] += [item for item in items if isinstance(item, Segment)]
            return items

        node.pop_link = pop_link
        if stalled:
            node.node.rtl.pause(stalled, 0.95, seed=7)
    exported = []
    with Cluster(nodes, ring(2), quantum=50) as cluster:

        def rest() -> None:
            for _ in range(4000):
                cluster.run(8)
                exported.extend(cluster.pop_host(0))
                if cluster.is_quiet and not any(map(outstanding, nodes)):
                    return
            pytest.fail("the cluster does not come to rest")

        cluster.push_host(0, [Segment(message, True, True) for message in echo().messages()])
        cluster.push_host(1, [Segment(message, True, True) for message in relay().messages()])
        rest()
        for length in (4608, 1, 0, 500):
            cluster.push_host(0, [Segment(data_message(random.randbytes(length)), True, True)])
            rest()
    messages = whole(exported)
    assert len(messages) == 3 * 4
    summaries = [message[:-9] for message in messages if message[0] == Kind.SUMMARY]  # ticks come last
    others = [message for message in messages if message[0] != Kind.SUMMARY]
    records = [record for place in sorted(sent) for record in whole(sent[place])]
    grants = [record for record in records if record[1] == RecordType.CREDIT]
    assert len(records) - len(grants) == 4 * 3 + 4 * 2
    assert len(grants) == 4 + 4 * (2 + 1)  # as epochs open, and for each part of a message
    return [*summaries, *others, *records]


def test_bytes_on_the_wires_do_not_depend_on_the_width_of_a_beat():
    assert one_at_a_time(4) == one_at_a_time(16)


@pytest.mark.parametrize("stalled", PORTS)
def test_a_stalled_port_changes_no_byte(stalled):
    assert one_at_a_time(16, stalled) == one_at_a_time(16)


def test_a_reopen_works_from_the_cycle_after_the_close():
    """The host's strobe meets a channel that closes, in every cycle around that."""
    reopened = set()
    for moment in range(60):
        node = lockstep_node(small_config(), serial=1)
        node.push_random([1, 2])
        peers = [Peer(node, 0, session_id=5)]
        run(node, peers, 2000)
        assert peers[0].is_open
        peers[0].send([bytes(64)])
        node.run(moment)
        node.reopen(0)
        run(node, peers, 200)
        settle(node)
        (close,) = (event.cycle for event in node.node.schedule if event.name == "close")
        (reopen,) = (event.cycle for event in node.node.schedule if event.name == "reopen")
        assert peers[0].is_open == (reopen > close), f"closed in {close}, reopened in {reopen}"
        reopened.add(reopen - close)
    assert {-1, 0, 1} <= reopened


def test_a_run_may_end_in_any_cycle():
    """Nothing hangs on where a run is cut: all of it in one piece, or cycle by cycle."""

    def story(cuts: int) -> tuple:
        random = generator()
        node = lockstep_node(small_config(), serial=1)
        node.push_random([1, 2])
        node.push_host([Segment(message, True, True) for message in echo().messages()])
        node.push_host([Segment(data_message(random.randbytes(600)), True, True)])
        node.push_host([Segment(MESSAGE_HEADER.pack(kind=9), True, True)])
        for _ in range(4000 // cuts):
            node.run(cuts)
        return node.pop_link(0), node.pop_link(1), node.pop_host(), node.node.schedule

    assert story(1) == story(4000)


def test_a_campaign_says_what_it_did(capsys):
    words = ["--seconds", "0", "--seed", str(default_seed()), "--kind", "rogues", "--build", "wide"]
    assert main([*words, "--json"]) == 0
    tally = json.loads(capsys.readouterr().out)
    assert tally["histories"] == 1
    assert tally["choices"]["opened"] > 1


def test_a_campaign_ends_at_a_mismatch_and_says_how_to_repeat_it(capsys, monkeypatch):
    class Broken:
        def __init__(self, seed: int, *, config: InterlockConfig) -> None:
            self.seed = seed

        def run(self) -> Tally:
            if self.seed == 12:
                raise Mismatch("wire", "broken")
            return Tally(histories=1)

    monkeypatch.setitem(KINDS, "rogues", Broken)
    assert main(["--seconds", "60", "--seed", "10", "--kind", "rogues", "--build", "narrow"]) == 1
    complaint = capsys.readouterr().err
    assert "wire: broken" in complaint
    assert "--kind rogues --build narrow --seed 12 --seconds 0" in " ".join(complaint.split())
