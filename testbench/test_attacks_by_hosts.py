"""Attacks on a whole node by its host, its noise source, and its own accelerator, in lockstep."""

import re

import pytest
from interlock import rtlil
from interlock.device.assembler import FOREVER, Program
from interlock.device.loader import data_message
from interlock.model.command import Command, Opcode, Operand
from interlock.model.digest import tree_digest
from interlock.model.messages import HEADER, Kind
from interlock.wires import HostItem, RawBeat, Segment
from lib.attacked import Attacked, exporter
from lib.jobs import PROGRAM
from lib.nodes import gateware, rtl_node, small_config
from lib.parameters import generator
from lib.peer import Peer, entry, run

MESSAGE_BYTES = 4608


def legal(**fields: int) -> bytes:
    """The header of an EXTERNAL message, of which some fields may be wrong."""
    return HEADER.pack(**{"kind": Kind.EXTERNAL, **fields})


def one(data: bytes) -> list[HostItem]:
    return [Segment(data, True, True)]


def headers() -> dict[str, list[HostItem]]:
    """Every field of a message's header, with values that are not legal at host in."""
    wrong = {
        "kind": (0, 1, 2, 4, 5, 6, 7, 8, 0x83, 0xFF),
        "flags": (1, 2, 0x80),
        "peer": (1, 0x0100, 0xFFFF),
        "bound": (1, 1 << 95),
    }
    assert wrong.keys() == HEADER.fields.keys()
    return {
        f"{name}={value:#x}": one(legal(**{name: value}) + b"payload")
        for name, values in wrong.items()
        for value in values
    }


def frames(beat_bytes: int) -> dict[str, list[HostItem]]:
    """Messages that are too short, too long, or not framed as they must be."""
    full = (1 << beat_bytes) - 1
    begin = Segment(legal(), True, False)

    def beat(keep: int = full, *, first: bool = False, last: bool = False) -> RawBeat:
        return RawBeat(bytes(beat_bytes), keep, first, last)

    return {
        "a_byte": one(b"\3"),
        "header_cut_short": one(legal()[:15]),
        "a_byte_too_long": one(legal() + bytes(MESSAGE_BYTES + 1)),
        "much_too_long": one(legal() + bytes(20 * MESSAGE_BYTES)),
        "without_first": [Segment(legal() + bytes(32), False, True)],
        "first_again": [begin, beat(first=True), beat(last=True)],
        "a_message_in_a_message": [begin, *one(legal() + b"inner")],
        "a_hole_in_keep": [begin, beat(full ^ 2), beat(last=True)],
        "keep_without_byte_0": [begin, beat(0b0110, last=True)],
        "keep_of_nothing": [begin, beat(0, last=True)],
        "half_a_beat_inside": [begin, beat(3), beat(last=True)],
        "a_header_with_a_hole": [
            RawBeat(legal()[:beat_bytes], full ^ 4, True, False),
            Segment(legal()[beat_bytes:] + bytes(beat_bytes), False, True),
        ],
    }


BAD = {f"header-{name}": (16, name) for name in headers()}
BAD |= {f"frame-{name}-{width}": (width, name) for width in (4, 16) for name in frames(width)}


@pytest.mark.parametrize(("beat_bytes", "name"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_and_the_next_good_message_is_not(beat_bytes, name):
    bench = Attacked(beat_bytes=beat_bytes)
    bench.gateware.forget()
    bench.node.push_host((headers() | frames(beat_bytes))[name])
    bench.settle()
    assert bench.gateware.count("host_refuse") == 1
    assert bench.gateware.count("host_accept") == 0
    assert bench.gateware.released == []
    assert bench.exported() == []
    assert (bench.is_open, bench.alarm) == (True, 0)
    assert bench.log() == {bench.session_id: 0}
    assert len(bench.gateware.released) == 1


def test_the_longest_message_passes():
    bench = Attacked()
    payload = generator().randbytes(MESSAGE_BYTES)
    bench.gateware.forget()
    bench.host(data_message(payload))
    bench.settle()
    assert bench.gateware.released == [data_message(payload)]


def test_garbage_right_after_reset_waits_until_the_gates_open_and_is_refused():
    node = rtl_node(small_config(), serial=1)
    for items in [*headers().values(), *frames(16).values()]:
        node.push_host(items)
    waiting = node.rtl.waiting("host_in")
    node.run(5000)
    node.pop_schedule()
    assert node.rtl.waiting("host_in") == waiting, "without entropy the gates are closed"
    node.push_random([1, 2])
    node.run(20_000)
    node.pop_schedule()
    assert node.count("host_refuse") == len(headers()) + len(frames(16))
    assert node.count("host_accept") == 0
    assert node.pop_host() == node.pop_rx() == []
    assert (node.is_open, node.alarm) == (True, 0)


@pytest.mark.parametrize("words", [[], [1]], ids=["never", "after_one_word"])
def test_a_noise_source_that_falls_silent_keeps_the_gates_closed(words):
    """Peers and host do all that they can; nothing is taken, and nothing comes out."""
    node = rtl_node(small_config(), serial=1)
    node.push_random(words)
    peers = [Peer(node, slot, session_id=5 + slot) for slot in range(2)]
    node.push_host(one(data_message(b"payload")))
    for _ in range(100):
        for peer in peers:
            peer.send(peer.message(b"payload"))
        run(node, peers, 200)
        assert not node.is_open
    assert not any(peer.seen.up for peer in peers)
    assert node.pop_host() == node.pop_rx() == node.pop_tx() == []
    assert node.byte_counts()["host_in"] == 0
    assert [event.name for event in node.pop_schedule() if event.name not in ("level", "draw")] == []


def test_a_host_that_takes_nothing_holds_up_no_peer():
    """Exports pile up; what peers send is merged and released all the same."""
    bench = Attacked()
    bench.gateware.rtl.pause("host_out", 0.999999)
    bench.host(*[data_message(b"")] * 20)
    bench.run(1000)
    for number in range(30):
        for peer in bench.peers:
            peer.send(peer.message(bytes(1000), peer.entry(number), entry(0xC0, number)))
        bench.run(600)
    assert len(bench.released) == 60
    assert bench.gateware.count("merge") >= 120
    bench.gateware.rtl.pause("host_out", 0)
    bench.settle()
    assert bench.log()[0xC0] == 29


def test_a_host_that_floods_holds_up_no_peer():
    random = generator()
    bench = Attacked()
    bad = [items for name, items in (headers() | frames(16)).items() if name != "much_too_long"]
    for _ in range(300):
        bench.node.push_host(random.choice(bad))
        if random.random() < 0.5:
            bench.host(data_message(b""))
    for number in range(20):
        for peer in bench.peers:
            peer.send(peer.message(bytes(100), peer.entry(number)))
        bench.run(100)
    assert bench.gateware.rtl.waiting("host_in") > 0, "it is still at it"
    assert len(bench.released) == 40
    bench.settle()
    assert bench.log()[bench.peers[0].session_id] == 19


def test_a_peer_that_takes_nothing_holds_up_no_merge():
    """One link's records wait for ever; what comes in on any link is merged and released all the same, and
    once the peer takes again everything is there."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    with program.loop(6):
        program.send(a=0, slot=0, length=2000)
    program.halt()
    bench = Attacked(program=program, words=range(4))
    assert bench.peers[0].payloads == [bytes(2000)] * 6
    bench.roll()
    bench.settle()
    bench.gateware.rtl.pause("links__0__tx", 0.999999)
    bench.host(*program.messages())
    for number in range(10):
        for peer in bench.peers:
            peer.send(peer.message(bytes(100), peer.entry(number)))
        bench.run(300)
    assert len(bench.released) == 20
    assert bench.peers[0].payloads == []
    bench.gateware.rtl.pause("links__0__tx", 0)
    bench.settle()
    assert bench.peers[0].payloads == [bytes(2000)] * 6


REFUSED = {
    "external": {"kind": 3},
    "log": {"kind": 5},
    "summary": {"kind": 7},
    "no_kind": {"kind": 0},
    "streamed_export": {"kind": 2, "flags": 1},
    "flags": {"kind": 2, "flags": 0x80},
    "no_such_slot": {"kind": 1, "peer": 2},
    "slot_of_an_export": {"kind": 2, "peer": 1},
    "too_long": {"kind": 2, "length": MESSAGE_BYTES + 1},
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED.keys())
def test_what_an_accelerator_may_not_send_is_refused(fields):
    """Nothing of it leaves on any port; the message after it does, behind a count of everything before it."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    program.matmul(y=0, a=0, b=0, rows=1, columns=1, k=4)
    program.commands.append(Command(opcode=Opcode.SEND, a=Operand(base=256), **{"length": 64, **fields}))
    program.matmul(y=0, a=0, b=0, rows=1, columns=1, k=2)
    program.send(a=0, slot=0, length=8)
    program.halt()
    bench = Attacked(program=program)
    assert bench.gateware.count("tx_refuse") == 1
    assert bench.exported() == []
    peer, other = bench.peers
    assert (len(peer.prefixes), len(other.prefixes)) == (1, 0)
    assert peer.payloads == [bytes(8)]
    assert peer.prefixes[0][0].flops == 2 * 16 * (4 + 2)


def test_work_that_is_done_while_a_message_waits_does_not_leave_uncounted():
    """A message waits for its link, and is sampled; the next one waits behind it.  Each prefix counts
    everything before its own message."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    with program.loop(5):
        program.matmul(y=0, a=0, b=0, rows=1, columns=1, k=2)
        program.send(a=0, slot=0, length=8)
    program.matmul(y=0, a=0, b=0, rows=1, columns=1, k=100)
    program.halt()
    bench = Attacked(words=range(4))
    bench.peers[0].wants_up = False
    bench.roll()
    bench.settle()
    bench.host(*program.messages())
    bench.run(3000)
    bench.peers[0].wants_up = True
    bench.settle()
    flops = [entries[0].flops for entries in bench.peers[0].prefixes]
    assert all(known >= 64 * number for number, known in enumerate(flops, 1))
    assert flops == sorted(flops)


def test_what_the_host_brings_in_is_marked_for_ever():
    """An EXTERNAL message that nobody admitted leaves its digest in the log, and its mark on the node's own
    entry, before it is released; both go wherever the count goes."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    with program.loop(FOREVER):
        program.receive(y=0, source=0, words=1)
        program.send(a=0, slot=1, length=8)
    bench = Attacked(program=program)
    bench.peers[0].send(bench.peers[0].message(b"x"))
    bench.settle()
    clear, unadmitted = 1, 4
    (prefix,) = bench.peers[1].whole_prefixes
    own, other = prefix.sessions
    assert own.flags == clear | unadmitted
    assert other.flags == clear
    assert list(prefix.externals) == [tree_digest(message[HEADER.size :]) for message in program.messages()]


def test_what_is_brought_in_twice_is_logged_once():
    bench = Attacked()
    for payload in (b"once", b"twice", b"once", b"twice", b"once"):
        bench.host(data_message(payload))
    bench.settle()
    bench.log()
    digests = [tree_digest(payload) for payload in (b"once", b"twice", b"")]
    program = [tree_digest(message[HEADER.size :]) for message in exporter().messages()]
    assert bench.externals == program + digests


def test_external_data_that_a_full_log_cannot_hold_is_dropped():
    """It is neither released nor logged, and pushes nothing out; what is known is released as before."""
    bench = Attacked()
    peer = bench.peers[0]
    peer.send(peer.message(b"", peer.entry(1), *(entry(0xC0 + i, 100 + i) for i in range(3))))
    bench.settle()
    log = bench.log()
    room = bench.config.log_entries - len(log) - len(bench.externals)
    payloads = [bytes([number]) * 40 for number in range(room + 5)]
    bench.gateware.forget()
    bench.host(*map(data_message, payloads))
    bench.settle()
    assert bench.gateware.count("host_accept") == len(payloads)
    assert bench.gateware.released == [data_message(payload) for payload in payloads[:room]]
    assert bench.log().keys() == log.keys()
    assert bench.externals[-room:] == [tree_digest(payload) for payload in payloads[:room]]
    bench.gateware.forget()
    bench.host(*map(data_message, payloads))
    bench.settle()
    assert bench.gateware.released == [data_message(payload) for payload in payloads[:room]]
    # A peer's sources find no room either, and close its channel.
    peer.send(peer.message(b"new", peer.entry(2), entry(0xDEAD, 5)))
    bench.settle()
    assert not peer.seen.up
    assert 0xDEAD not in bench.log()
    assert (bench.is_open, bench.alarm) == (True, 0)


def test_the_interlock_is_the_only_way_to_an_accelerator():
    """Every input of the accelerator, but clock and reset, is an output of the Interlock, in the netlist."""
    netlist = rtlil.convert(gateware(small_config()), name="top")
    top = netlist[netlist.index("module \\top\n") :]

    def connections(cell: str) -> dict[str, str]:
        (body,) = re.findall(rf"^  cell \\top\.{cell} \\{cell}\n(.*?)^  end", top, re.MULTILINE | re.DOTALL)
        return dict(re.findall(r"connect \\(\S+) (.+)", body))

    def ports(cell: str, direction: str) -> set[str]:
        (module,) = re.findall(rf"^module \\top\.{cell}\n(.*?)^end$", netlist, re.MULTILINE | re.DOTALL)
        return set(re.findall(rf"^  wire .*\b{direction} \d+ +\\(\S+)", module, re.MULTILINE))

    inputs = ports("accelerator", "input")
    assert inputs == {"clk", "rst", "clear_request", "rx__payload", "rx__valid", "tx__ready"}
    accelerator, interlock = connections("accelerator"), connections("interlock")
    given = {interlock[port] for port in ports("interlock", "output")}
    assert {accelerator[port] for port in inputs - {"clk", "rst"}} <= given
    assert {accelerator[port] for port in ("clk", "rst")} == {interlock[port] for port in ("clk", "rst")}
    # And its outputs: the Interlock, and a monitor that only benches have.
    outputs = ports("accelerator", "output")
    assert outputs <= {"clear_done", "tx__payload", "tx__valid", "events__0", "events__1", "busy"}
