"""The puppet: gateware and golden twin do the same, whatever a script tells them."""

from functools import cache
from itertools import pairwise
from random import Random

import pytest
from interlock.model.messages import HEADER, STREAM, STREAM_HEADER, Kind
from interlock.wires import RawBeat, Segment
from lib.accelerator_pair import Pair, total
from lib.golden_puppet import GoldenPuppet
from lib.parameters import seed
from lib.puppet import Puppet
from lib.puppet_scripts import random_message
from lib.script import Op, Script, ScriptError, Work, payload_of

SCRIPT_WORDS = 256
CLEAR_CYCLES = SCRIPT_WORDS + 1


class PuppetPair(Pair):
    """A puppet and its twin."""

    def __init__(self, beat_bytes):
        puppet = Puppet(beat_bytes=beat_bytes, script_words=SCRIPT_WORDS)
        super().__init__(puppet, GoldenPuppet(script_words=SCRIPT_WORDS), clear_cycles=CLEAR_CYCLES)

    def parts(self, message):
        cuts = sorted({0, *message.firsts, len(message.data)})
        return [
            Segment(message.data[begin:end], begin in message.firsts, end == len(message.data))
            for begin, end in pairwise(cuts)
        ]

    def tell(self, script):
        """Sends a script, and settles."""
        self.send(*script.messages(16 * SCRIPT_WORDS))
        return self.settle()


@cache
def shared_pair(beat_bytes):
    return PuppetPair(beat_bytes)


@pytest.fixture(params=[4, 16], ids=lambda beat_bytes: f"beat {beat_bytes}")
def pair(request):
    """A pair that was cleared."""
    pair = shared_pair(request.param)
    pair.pause(0, 0, seed=1)
    pair.clear()
    return pair


@pytest.mark.parametrize("pauses", [(0, 0), (0.5, 0.5), (0.9, 0), (0, 0.9)], ids=lambda p: f"{p[0]} {p[1]}")
def test_random_scripts_do_what_the_model_does(pair, pauses):
    random = Random(seed())
    pair.pause(*pauses, seed=seed())
    messages = events = 0
    for number in range(60):
        if not number % 20:
            pair.clear()
        before = sum(pair.golden.positions)
        pair.send(*(random_message(random) for _ in range(random.randint(1, 3))))
        messages += len(pair.settle())
        events += sum(pair.golden.positions) - before
    assert messages > 200
    assert events > 400


def test_a_clear_at_any_moment_leaves_nothing(pair):
    """Scripts are stopped wherever they are; then nothing of them happens any more."""
    random = Random(seed())
    events = 0
    for _ in range(200):
        pair.pause(random.choice((0, 0.5)), random.choice((0, 0.5, 0.9)), seed=random.getrandbits(20))
        pair.clear()
        pair.send(*(random_message(random) for _ in range(random.randint(1, 3))))
        events += pair.follow(random.randrange(1, 400))
        pair.clear()
        pair.rtl.run(random.randrange(100))
        assert (pair.rtl.pop("tx"), pair.rtl.pop_words("moments")) == ([], [])
        assert [total(pair.rtl.pop_operations(port)) for port in range(2)] == [0, 0]
        assert pair.rtl.get("busy") == 0
    assert events > 200
    pair.send(random_message(random))
    pair.settle()


def test_a_clear_takes_as_long_as_the_script_has_words(pair):
    rtl = pair.rtl
    rtl.run(5)
    rtl.set("clear_request", 1)
    rtl.run(SCRIPT_WORDS)
    assert rtl.get("clear_done") == 0
    rtl.run(1)
    assert rtl.get("clear_done") == 1
    rtl.run(5)
    assert rtl.get("clear_done") == 1
    rtl.set("clear_request", 0)
    rtl.run(1)
    assert rtl.get("clear_done") == 0
    pair.clear()


def test_messages_are_what_the_script_says(pair):
    script = Script()
    script.peer(3, 21, seed=7)
    script.export(0)
    script.stream(1, 40, maximum=64, bound=1 << 90, seed=0xFFFFFFFE)
    script.raw([bytes(range(16)), bytes(16)], keep=5)
    script.stream(1, 40, maximum=64, bound=1 << 90, seed=0xFFFFFFFE, spoiled=True)
    payload = b"".join(number.to_bytes(4) for number in (7, 8, 9, 10, 11, 12))
    numbers = (0xFFFFFFFE, 0xFFFFFFFF, 0, 1, 2, 3, 4, 5, 6, 7)
    stream = HEADER.pack(kind=Kind.PEER, flags=STREAM, peer=1, bound=1 << 90) + STREAM_HEADER.pack(maximum=64)
    stream += b"".join(number.to_bytes(4) for number in numbers)
    assert pair.tell(script) == [
        HEADER.pack(kind=Kind.PEER, peer=3) + payload[:21],
        HEADER.pack(kind=Kind.EXPORT),
        stream,
        bytes(range(16)) + bytes(5),
        stream,
    ]
    assert payload_of(7, 2)[:21] == payload[:21]


def test_work_stands_where_the_script_put_it(pair):
    """And does so under any stall: every beat's position is compared with the model's, too."""
    script = Script()
    script.events(port=0, op_class=0x21, count=16, repeat=3)
    script.stream(
        0,
        70,
        maximum=70,
        bound=100,
        work=[Work(port=1, op_class=0x12, count=4), Work(after=2, port=0, op_class=0x21, count=1, repeat=9)],
    )
    script.burst(port=1, op_class=0x12, count=2, every=3)
    script.peer(0, 100)
    script.burst(every=0)
    script.peer(0, 100)
    pair.pause(0, 0.5, seed=3)
    sent = []
    for message in script.messages(16 * SCRIPT_WORDS):
        pair.send(message)
        while pair.golden.advance():
            pass
        sent += pair.golden.sent
        pair.settle()
    assert [tuple(pair.positions(message)) for message in sent] == [
        ((32, (3, 0)), (64, (3, 1)), (102, (12, 1))),
        ((32, (12, 1)), (80, (12, 2)), (116, (12, 3))),
        ((116, (12, 3)),),
    ]


def test_data_goes_out_a_beat_a_cycle(pair):
    script = Script()
    script.peer(0, 16 * 100)
    pair.send(*script.messages(1000))
    before, counts = pair.rtl.byte_count("tx"), []
    for _ in range(100 + 16 * 100 // pair.beat_bytes):
        pair.rtl.run(1)
        counts.append(pair.rtl.byte_count("tx") - before)
    busy = [count for count in counts if 0 < count < 16 * 101]
    header, fetch, payload = 16 // pair.beat_bytes, 2, 16 * 100 // pair.beat_bytes
    assert len(busy) + 1 == header + fetch + payload
    pair.settle()


def test_bytes_beyond_keep_are_not_looked_at(pair):
    script = Script()
    script.wait(0)
    (message,) = script.messages(1000)
    pair.golden.receive(message[:17])
    beat = message[16 : 16 + pair.beat_bytes].replace(b"\0", b"\xff")
    pair.rtl.push("rx", [Segment(message[:16], True, False), RawBeat(beat, 1, False, True)])
    assert message[16] == Op.WAIT
    assert pair.settle(cycles=1000) == []


def test_a_script_that_is_too_long_is_lost_from_there_on(pair):
    """Its beginning is kept, and so are later scripts."""
    waiting, long, later = Script(), Script(), Script()
    waiting.wait(5000)
    pair.send(*waiting.messages(16))
    for _ in range(SCRIPT_WORDS + 5):
        long.events(port=1, op_class=1, count=1)
    (message,) = long.messages(1 << 20)
    pair.rtl.push("rx", [Segment(message, True, True)])
    pair.rtl.run(8000)
    assert total(pair.rtl.pop_operations(1)) == SCRIPT_WORDS
    assert pair.rtl.get("busy") == 0
    pair.clear()
    later.peer(0, 5)
    assert len(pair.tell(later)) == 1
    with pytest.raises(ValueError, match="261 words at once: the script holds 256"):
        pair.golden.receive(message)


def test_a_part_of_a_message_is_not_torn_off():
    script = Script()
    script.peer(0, 100)
    script.stream(0, 100, maximum=100, bound=0, work=[Work(after=1, port=0, op_class=1, count=1)])
    script.wait(3)
    messages = script.messages(7 * 16)
    assert [len(message) for message in messages] == [16 + 3 * 16, 16 + 7 * 16, 16 + 16]
    assert b"".join(message[16:] for message in script.messages(1000)) == b"".join(
        message[16:] for message in messages
    )
    assert script.words == 11
    with pytest.raises(ScriptError, match="112 bytes of script for one message do not fit 96"):
        script.messages(96)


def test_work_beyond_the_payload_is_refused():
    with pytest.raises(ScriptError, match="after 7 of 7 words"):
        Script().stream(0, 100, maximum=100, bound=0, work=[Work(after=7, port=0, op_class=1, count=1)])
