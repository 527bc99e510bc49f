"""The batch engine on small components: nothing lost, nothing reordered, every cycle number exact."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from random import Random

import pytest
from interlock.device.rtl import Rtl
from interlock.device.rtl_node import RtlNode
from interlock.device.state import KEPT, cells_of, keep
from interlock.device.tokens import items_of, tokens_of
from interlock.errors import BuildFailed, Malformed
from interlock.wires import Event, Level, OpRun, RawBeat, Rolled, Segment
from interlock_hdl.trace import EVENTS
from lib.flips import flip_flops, memories
from lib.parameters import generator
from lib.toys import Loopback, Table, ToyNode

LATENCY = 3
STROBE = {name: 1 << i for i, name in enumerate(EVENTS)}


def message(data):
    return Segment(data, True, True)


@pytest.fixture
def node():
    with Rtl(ToyNode(counter_latency=LATENCY)) as rtl:
        yield rtl


@pytest.mark.parametrize("stall", [0, 0.5, 0.95], ids=lambda p: f"stall {p}")
@pytest.mark.parametrize("idle", [0, 0.5, 0.95], ids=lambda p: f"idle {p}")
@pytest.mark.parametrize("beat_bytes", [4, 16])
def test_pauses_neither_lose_nor_reorder(beat_bytes, idle, stall):
    random = generator()
    messages = [message(random.randbytes(random.randint(1, 100))) for _ in range(200)]
    with Rtl(Loopback(beat_bytes=beat_bytes)) as rtl:
        rtl.pause("i", idle, seed=random.randrange(1000))
        rtl.pause("o", stall, seed=random.randrange(1000))
        received = []
        rtl.push("i", messages)
        while len(received) < len(messages) and rtl.cycles < 200_000:
            rtl.run(random.randint(1, 5000))
            received += rtl.pop("o")
            received = joined(received)
        assert received == messages
        total = sum(len(segment.data) for segment in messages)
        counts = rtl.byte_counts()
        assert counts["i"] == counts["o"] == total
        beats = sum(-(-len(segment.data) // beat_bytes) for segment in messages)
        if idle == stall == 0:
            assert rtl.cycles < beats + 5010
        else:
            assert rtl.cycles > beats / (1 - max(idle, stall)) * 0.9


def joined(items):
    """Consecutive segments of one message made one."""
    result = []
    for item in items:
        pair = [*result[-1:], item]
        if len(pair) == 2 and all(isinstance(part, Segment) for part in pair) and not pair[0].last:
            result[-1] = Segment(pair[0].data + item.data, pair[0].first, item.last)
        else:
            result.append(item)
    return result


def test_a_beat_a_cycle():
    with Rtl(Loopback(beat_bytes=4)) as rtl:
        rtl.push("i", [message(bytes(400))])
        rtl.run(100)
        assert rtl.byte_counts()["i"] == 400
        assert rtl.waiting("i") == 0


def test_illegal_beats_pass_as_they_are():
    beats = [
        Segment(b"abcd", True, False),
        RawBeat(b"efgh", 0b0101, False, False),
        RawBeat(b"ijkl", 0, True, False),
        RawBeat(b"mnop", 0b0011, False, False),
        Segment(b"qr", False, True),
    ]
    with Rtl(Loopback(beat_bytes=4)) as rtl:
        rtl.push("i", beats)
        rtl.run(20)
        assert rtl.pop("o") == beats


def test_words_pass_in_order():
    words = [0, 1, 0xFFFFFFFF, 0x12345678]
    with Rtl(Loopback(beat_bytes=4)) as rtl:
        rtl.push("words_in", words)
        rtl.run(20)
        assert rtl.pop_words("words_out") == words
        assert rtl.pop_words("words_out") == []


def test_plain_ports_of_any_width():
    with Rtl(Loopback(beat_bytes=4)) as rtl:
        rtl.set("wide_in", (1 << 99) + 0x1122334455667788)
        assert rtl.get("wide_out") == 0
        rtl.run(1)
        assert rtl.get("wide_out") == (1 << 99) + 0x1122334455667788


def test_translation_keeps_initial_words_constants_and_masks():
    random = generator()
    words = [0, 5, 0, 0, 0xFFFF, 0, 0x1234, 0]
    mask = random.getrandbits(128)
    with Rtl(Table(words=words, mask=mask)) as rtl:
        for address, word in enumerate(words):
            value = random.getrandbits(128)
            rtl.set("address", address)
            rtl.set("i", value)
            rtl.run(1)
            assert rtl.get("word") == word
            assert rtl.get("parity") == (value & mask).bit_count() % 2
            assert rtl.get("constant") == 0xA5


def test_a_pulse_lasts_one_cycle():
    with Rtl(Loopback(beat_bytes=4)) as rtl:
        rtl.pulse("pulse")
        rtl.run(5)
        assert rtl.get("pulses") == 1
        rtl.set("pulse", 1)
        rtl.run(5)
        assert rtl.get("pulses") == 6


def test_what_is_withdrawn_is_not_taken():
    """Neither what waits nor what is offered already."""
    with Rtl(Loopback(beat_bytes=4)) as rtl:
        rtl.push("i", [message(b"never")])
        rtl.withdraw("i")
        rtl.pause("o", 0.99999)
        rtl.push("i", [message(bytes([number] * 4)) for number in range(20)])
        rtl.run(50)
        taken = rtl.byte_count("i") // 4
        assert 0 < taken < 19
        rtl.withdraw("i")
        assert rtl.waiting("i") == 0
        rtl.pause("o", 0)
        rtl.run(50)
        rtl.push("i", [message(b"last")])
        rtl.run(10)
        assert rtl.pop("o") == [message(bytes([number] * 4)) for number in range(taken)] + [message(b"last")]


def test_every_register_and_every_word_can_be_read():
    """Their list is that of ``lib.flips``, which finds them in other Verilog and in other ways."""
    component = Loopback(beat_bytes=4)
    inside = "TOP.top.component."
    with Rtl(component, state=True) as rtl:
        before = rtl.state()
        cells = {cell.name.removeprefix(inside): cell for cell in before.cells if inside in cell.name}
        shapes = {name: (cell.words, cell.bits) for name, cell in cells.items() if cell.words > 1}
        assert shapes == {".".join(m.path): (m.depth, m.width) for m in memories(component)}
        names = {".".join(flip_flop.path) for flip_flop in flip_flops(component, memories=True)}
        assert cells.keys() - shapes.keys() == names

        wide = (1 << 99) + 5
        rtl.set("wide_in", wide)
        rtl.push("words_in", [0x12345678, 0x9ABCDEF0])
        rtl.run(4)
        after = rtl.state()
        different = {(d.cell.name.removeprefix(inside), d.word): d.after for d in before.differences(after)}
        assert different["wide_out", 0] == wide
        assert {different["U$1.storage", word] for word in range(2)} == {0x12345678, 0x9ABCDEF0}
        assert ("U$1.storage", 2) not in different
        assert before.differences(before) == []
        rtl.set("wide_in", 0)
        rtl.run(2)
        assert after.word(cells["wide_out"]) == wide, "a state stays as it was"
        assert f"{inside}wide_out: {wide:#x}, 0x0" in map(str, after.differences(rtl.state()))


def test_a_register_that_is_not_found_is_an_error():
    with pytest.raises(BuildFailed, match="no declaration of b was found"):
        keep("module x(clk);\n  reg a;\n  always @(posedge clk)\n    a <= 1;\n    b <= 1;\nendmodule\n")
    with pytest.raises(BuildFailed, match="of 2 registers and memories the model shows 1"):
        cells_of("TOP.top 1 8 1 \\a \n", f"{KEPT} {KEPT}")


def test_levels_keep_their_place_among_beats(node):
    random = generator()
    for slot in (0, 1):
        node.pause(f"links__{slot}__rx", 0.3, seed=random.randrange(1000))
        node.pause(f"links__{slot}__tx", 0.3, seed=random.randrange(1000))
    sent = {slot: [item for _ in range(100) for item in levels_and_records(random)] for slot in (0, 1)}
    for slot, items in sent.items():
        node.push(f"links__{slot}__rx", items)
    node.run(20_000)
    for slot, items in sent.items():
        assert node.pop(f"links__{slot}__tx") == changes(items)


def levels_and_records(random):
    yield Level(random.random() < 0.5, random.random() < 0.5)
    for _ in range(random.randint(1, 3)):
        yield message(random.randbytes(4 * random.randint(1, 5)))


def changes(items):
    """Without levels that are as they were."""
    level, kept = Level(False, False), []
    for item in items:
        if item == level:
            continue
        level = item if isinstance(item, Level) else level
        kept.append(item)
    return kept


def test_a_level_is_alone_in_its_cycle_and_reported(node):
    items = [Level(True, False), Level(True, True), message(b"abcd"), Level(False, True), message(b"efgh")]
    node.push("links__1__rx", items)
    node.run(20)
    # The levels in cycles 0 and 1, the beat offered in 2 and taken in 2, the next level in 3.
    assert node.pop_schedule() == [Event(cycle, "level", (1,)) for cycle in (0, 1, 3)]
    assert node.pop("links__1__tx") == items


def test_events_of_a_cycle_come_in_order_with_their_arguments(node):
    node.run(7)
    node.set("argument", 0x0102)
    node.pulse("strobe", (1 << len(EVENTS)) - 1 - STROBE["roll"])
    node.pulse("reopen", 0b11)
    node.push("links__0__rx", [Level(True, True)])
    node.run(5)
    expected = []
    for name, arguments in EVENTS.items():
        if arguments == {"slots": 0}:
            expected += [Event(7, name, (0,)), Event(7, name, (1,))]
        elif name == "sample":
            expected.append(Event(7, name, (0, 0)))
        elif name != "roll":
            widths = arguments.values()
            expected.append(Event(7, name, tuple(0x0102 & (1 << width) - 1 for width in widths)))
    expected += [Event(7, "level", (0,)), Event(7, "reopen", (0,)), Event(7, "reopen", (1,))]
    assert node.pop_schedule() == expected
    assert node.pop_schedule() == []


def test_run_stops_after_the_event_asked_for(node):
    node.set("argument", 5)
    node.pulse("strobe", STROBE["read"])
    assert node.run(100, until=["record", "read"]) == 1
    assert node.run(100, until=["record", "read"]) == 100
    assert node.cycles == 101


@pytest.mark.parametrize("latency", [0, 1, 3, 7])
def test_sample_positions_are_those_of_the_request(latency):
    """Port 0 has an event in every third cycle, port 1 is counted in three of four."""
    random = generator()
    with Rtl(ToyNode(counter_latency=latency)) as node:
        node.set("working", 1)
        for _ in range(50):
            node.run(random.randint(0, 9))
            node.pulse("strobe", STROBE["sample"])
            node.run(1)
        samples = node.pop_schedule()
    assert len(samples) == 50
    for sample in samples:
        presented = sample.cycle - latency + 1  # cycles up to the request's own
        events = sum(1 for cycle in range(presented) if cycle % 3 == 0)
        counted = sum(1 for cycle in range(presented) if cycle % 4)
        assert sample.arguments == (events, counted)


def test_op_events_are_runs_of_like_ones(node):
    node.set("working", 1)
    node.run(36)
    assert node.pop_operations(0) == [OpRun(n, 0x101 * n, 4) for n in range(3)]
    assert node.pop_operations(1) == [OpRun(0, 0, 27)]
    node.run(3)
    assert node.pop_operations(0) == [OpRun(3, 0x303, 1)]


def test_roll_marks_what_belongs_to_a_session(node):
    node.set("working", 1)
    node.push("host_in", [message(b"complete"), Segment(b"begun", True, True)])
    node.push("links__0__rx", [message(b"link")])
    node.run(6)
    node.pulse("strobe", STROBE["host_accept"])
    node.run(1)
    node.pulse("strobe", STROBE["roll"])
    node.run(6)
    node.pulse("strobe", STROBE["sample"])
    node.run(1)
    node.push("host_in", [message(b"new")])
    node.run(6)
    events = [(event.name, event.arguments) for event in node.pop_schedule()]
    # Two beats were taken that no verdict covers.  A sample in cycle 13 covers 8 to 10, of the new session.
    assert events == [("host_accept", ()), ("roll", (2,)), ("sample", (1, 2))]
    carried = [message(b"complete"), message(b"begun"), Rolled(), message(b"new")]
    for wire in ("host_out", "monitor__tx", "monitor__rx"):
        assert node.pop(wire) == carried
    assert node.pop("links__0__tx") == [message(b"link")]
    assert Rolled() in node.pop_operations(0)
    assert Rolled() in node.pop_operations(1)
    node.pulse("strobe", STROBE["roll"])
    node.run(1)
    assert node.pop_schedule()[0].arguments == (1,)


def test_what_happens_during_a_clear_is_not_shown(node):
    node.set("working", 1)
    node.set("clear", 1)
    node.push("host_in", [message(b"drained")])
    node.run(12)
    node.set("clear", 0)
    node.run(12)
    node.pulse("strobe", STROBE["sample"])
    node.run(1)
    assert node.pop("monitor__tx") == []
    assert node.pop("monitor__rx") == []
    assert node.pop_operations(0) == [OpRun(1, 0x101, 4), OpRun(2, 0x202, 1)]
    assert node.pop_schedule() == [Event(24, "sample", (4, 7))]


def test_output_is_the_same_however_a_run_is_cut():
    def story(cuts):
        with Rtl(ToyNode()) as node:
            node.set("working", 1)
            node.pause("host_in", 0.4, seed=5)
            node.push("host_in", [message(bytes(range(100)))])
            for cycles in cuts:
                node.run(cycles)
            return node.pop("host_out"), node.pop_operations(0), node.byte_counts()

    assert story([200]) == story([1] * 200) == story([3, 0, 97, 100])


def test_two_threads_and_one_give_equal_results():
    def story(seed):
        random = Random(seed)
        digest = hashlib.sha256()
        with Rtl(ToyNode()) as node:
            node.set("working", 1)
            node.pause("host_out", 0.5, seed=seed)
            for _ in range(40):
                node.push("host_in", [message(random.randbytes(random.randint(1, 60)))])
                node.pulse("strobe", STROBE["sample"])
                node.run(20_000)
                digest.update(
                    repr([node.pop("host_out"), node.pop_operations(0), node.pop_schedule()]).encode()
                )
        return digest.hexdigest()

    seeds = range(4)
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(story, seeds))
    assert together == [story(seed) for seed in seeds]
    assert len(set(together)) == len(seeds)


def test_node_protocol_reaches_every_port():
    node = RtlNode(ToyNode(), maker=1, serial=0x1C3)
    node.push_host([message(b"external")])
    node.push_link(1, [Level(True, False), message(b"record")])
    node.push_random([1, 2])
    node.rtl.set("working", 1)
    node.run(20)
    assert node.pop_host() == node.pop_tx() == node.pop_rx() == [message(b"external")]
    assert node.pop_link(1) == [Level(True, False), message(b"record")]
    assert node.pop_link(0) == []
    assert node.pop_operations(0) == [OpRun(0, 0, 4), OpRun(1, 0x101, 3)]
    assert node.rtl.waiting("random") == 0
    assert (node.is_open, node.alarm, node.cycles) == (True, 0x1C3, 20)
    assert [node.link_is_open(slot) for slot in (0, 1)] == [False, True]
    assert node.byte_counts()["links__1__tx"] == 6
    node.reopen(1)
    node.run(2)
    assert node.pop_schedule() == [Event(0, "level", (1,)), Event(20, "reopen", (1,))]


def test_node_refuses_to_show_an_illegal_beat_as_a_message():
    node = RtlNode(ToyNode(), maker=1, serial=1)
    node.push_host([RawBeat(b"abcd", 0b1010, True, True)])
    node.run(10)
    with pytest.raises(Malformed, match="host_out carried"):
        node.pop_host()


@cache
def loopback():
    return Rtl(Loopback(beat_bytes=4))


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda rtl: rtl.push("o", []), id="push to an output"),
        pytest.param(lambda rtl: rtl.push("nothing", []), id="push to nothing"),
        pytest.param(lambda rtl: rtl.withdraw("o"), id="withdraw from an output"),
        pytest.param(lambda rtl: rtl.pop("i"), id="pop from an input"),
        pytest.param(lambda rtl: rtl.pop("words_out"), id="pop words as beats"),
        pytest.param(lambda rtl: rtl.pop_words("o"), id="pop beats as words"),
        pytest.param(lambda rtl: rtl.set("wide_out", 0), id="set an output"),
        pytest.param(lambda rtl: rtl.set("wide_in", 1 << 100), id="value too wide"),
        pytest.param(lambda rtl: rtl.get("nothing"), id="get nothing"),
        pytest.param(lambda rtl: rtl.pulse("pulse", -1), id="negative value"),
        pytest.param(lambda rtl: rtl.pause("i", 1), id="pause for ever"),
        pytest.param(lambda rtl: rtl.pop_operations(0), id="no issue port"),
        pytest.param(lambda rtl: rtl.run(1, until=["sample"]), id="no such event"),
        pytest.param(lambda rtl: rtl.push("words_in", [1 << 32]), id="word too wide"),
        pytest.param(lambda rtl: rtl.push("i", [Level(True, True)]), id="level into a plain stream"),
        pytest.param(lambda rtl: rtl.push("i", [Rolled()]), id="a roll cannot be pushed"),
        pytest.param(lambda rtl: rtl.push("i", [Segment(b"abc", True, False)]), id="part of a beat"),
        pytest.param(lambda rtl: rtl.push("i", [Segment(b"", True, True)]), id="empty segment"),
        pytest.param(lambda rtl: rtl.push("i", [RawBeat(b"abc", 7, True, True)]), id="short beat"),
        pytest.param(lambda rtl: rtl.push("i", [RawBeat(b"abcd", 16, True, True)]), id="keep too wide"),
        pytest.param(lambda rtl: rtl.open_waves("x"), id="built without waves"),
        pytest.param(lambda rtl: rtl.state(), id="built without state"),
    ],
)
def test_what_makes_no_sense_is_refused(act):
    with pytest.raises(Malformed):
        act(loopback())


def test_a_closed_model_is_refused():
    rtl = Rtl(Loopback(beat_bytes=4))
    rtl.close()
    rtl.close()
    with pytest.raises(Malformed, match="closed"):
        rtl.run(1)


@pytest.mark.parametrize("beat_bytes", [4, 16])
def test_items_are_tokens_and_back(beat_bytes):
    random = generator()
    items = []
    for _ in range(300):
        beats = random.randint(1, 4)
        last = random.random() < 0.7
        length = beats * beat_bytes - (random.randrange(beat_bytes) if last else 0)
        first = not items or not isinstance(items[-1], Segment) or items[-1].last
        items.append(Segment(random.randbytes(length), first, last))
        if random.random() < 0.3:
            items.append(Level(random.random() < 0.5, random.random() < 0.5))
    assert items_of(tokens_of(items, beat_bytes)) == joined(items)
