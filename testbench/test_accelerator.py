"""The reference accelerator: gateware and golden model do the same, to the bit, whatever they are given."""

from functools import cache
from random import Random

import pytest
from interlock.device.assembler import HOST, Program
from interlock.device.loader import load_messages, start_message
from interlock.model.accelerator import AcceleratorParameters
from interlock.model.messages import Kind, Message
from interlock.wires import RawBeat, Segment
from interlock_hdl.accelerator.accelerator import Accelerator
from lib.accelerator_lockstep import Lockstep
from lib.accelerator_programs import (
    DATA_WORDS,
    QUEUE_WORDS,
    SCRATCH_WORDS,
    random_memory,
    random_message,
    random_story,
    random_words,
)
from lib.parameters import seed
from lib.run import run

BUILDS = [(4, 4), (16, 4)]
BUILD_IDS = [f"beat {beat_bytes} array {array_size}" for beat_bytes, array_size in BUILDS]
STORIES = 10


@cache
def lockstep(beat_bytes, array_size):
    parameters = AcceleratorParameters(
        array_size=array_size, scratch_words=SCRATCH_WORDS, queue_words=QUEUE_WORDS
    )
    return Lockstep(beat_bytes=beat_bytes, parameters=parameters)


def tell(pair, story):
    """Plays a story; returns what was sent."""
    sent = []
    for batch in story:
        pair.send(*batch)
        sent += pair.settle()
    return sent


@pytest.mark.parametrize(("beat_bytes", "array_size"), [(16, 4), (4, 2)], ids=["beat 16", "beat 4"])
def test_does_what_the_model_does_under_every_pattern(beat_bytes, array_size):
    accelerator = Accelerator(
        beat_bytes=beat_bytes, array_size=array_size, scratch_words=SCRATCH_WORDS, queue_words=QUEUE_WORDS
    )
    passed = run(
        accelerator, "accelerator_tests", parameters={"beat_bytes": beat_bytes, "array_size": array_size}
    )
    assert len(passed) == 16


@pytest.mark.parametrize("pauses", [(0, 0), (0.5, 0.5), (0.9, 0), (0, 0.9)], ids=lambda p: f"{p[0]} {p[1]}")
@pytest.mark.parametrize(("beat_bytes", "array_size"), BUILDS, ids=BUILD_IDS)
def test_random_programs_do_what_the_model_does(beat_bytes, array_size, pauses):
    pair = lockstep(beat_bytes, array_size)
    matrix = vector = messages = 0
    for number in range(STORIES):
        random = Random(f"{seed()} {number}")
        pair.pause(*pauses, seed=number)
        pair.clear()
        messages += len(tell(pair, random_story(random, pair.parameters)))
        matrix += pair.golden.positions[0]
        vector += pair.golden.positions[1]
    # It was not all about nothing.
    assert min(matrix, vector) > 20 * STORIES
    assert messages > 3 * STORIES


@pytest.mark.parametrize(("beat_bytes", "array_size"), BUILDS, ids=BUILD_IDS)
def test_garbage_does_what_the_model_does_and_can_be_cleared(beat_bytes, array_size):
    """Any bytes are a program: they overlap operands, rewrite themselves, loop for ever, send for ever."""
    pair = lockstep(beat_bytes, array_size)
    random = Random(seed())
    events = 0
    for _ in range(30):
        pair.pause(0, 0, seed=1)
        pair.clear()
        memory = random_memory(random, pair.parameters)
        step = 64 * 4 * array_size
        for address in range(0, len(memory), step):
            pair.send(
                *load_messages(
                    address // (4 * array_size), memory[address : address + step], array_size=array_size
                )
            )
            pair.settle()
        peers = [random_message(random, random.choice([0, 1]), array_size) for _ in range(8)]
        pair.send(*peers, start_message(random.randrange(SCRATCH_WORDS), array_size=array_size))
        pair.pause(0, random.choice([0, 0.5]), seed=1)
        events += pair.follow(random.randrange(30_000))
    assert events > 10_000
    pair.clear()


@pytest.mark.parametrize(("beat_bytes", "array_size"), BUILDS, ids=BUILD_IDS)
def test_a_clear_at_any_moment_leaves_nothing(beat_bytes, array_size):
    """Programs are stopped wherever they are; then memory is all zero, and the next story is told right."""
    pair = lockstep(beat_bytes, array_size)
    random = Random(seed())
    pair.pause(0.1, 0.3, seed=1)
    for _ in range(40):
        pair.clear()
        story = random_story(random, pair.parameters, programs=1)
        stop = random.randrange(len(story))
        tell(pair, story[:stop])
        pair.send(*story[stop])
        pair.rtl.run(random.randrange(1, 400))
        pair.clear()
        memory = pair.read_all()
        assert not any(memory[: DATA_WORDS * 4 * array_size])
    pair.clear()
    tell(pair, random_story(random, pair.parameters))


@pytest.mark.parametrize(("beat_bytes", "array_size"), BUILDS, ids=BUILD_IDS)
def test_bytes_beyond_keep_are_not_looked_at(beat_bytes, array_size):
    pair = lockstep(beat_bytes, array_size)
    pair.pause(0, 0, seed=1)
    pair.clear()
    program = Program(origin=DATA_WORDS, array_size=array_size, scratch_words=SCRATCH_WORDS)
    for _ in range(beat_bytes):
        program.receive(y=0, source=HOST, words=8)
        program.export(a=0, length=64)
    program.halt()
    pair.run(program)
    for length in range(1, beat_bytes + 1):
        message = Message(Kind.EXTERNAL, 0, bytes(range(1, 1 + length))).encode()
        pair.golden.receive(message)
        last = message[16:].ljust(beat_bytes, b"\xff")
        pair.rtl.push(
            "rx", [Segment(message[:16], True, False), RawBeat(last, (1 << length) - 1, False, True)]
        )
    assert len(pair.settle()) == beat_bytes


def test_busy_while_a_program_runs():
    pair = lockstep(16, 4)
    pair.pause(0, 0, seed=1)
    pair.clear()
    assert pair.rtl.get("busy") == 0
    program = Program(origin=DATA_WORDS)
    program.receive(y=0, source=HOST, words=1)
    program.halt()
    pair.run(program)
    assert pair.rtl.get("busy") == 1
    pair.send(Message(Kind.EXTERNAL, 0, b"now").encode())
    pair.settle()
    assert pair.rtl.get("busy") == 0


@pytest.mark.parametrize("k", [12, 32, 64])
def test_the_matrix_unit_is_busy_most_of_the_time(k):
    """Commands, fetching included: a matmul of 32 x k x 32, four times."""
    pair = lockstep(16, 4)
    pair.pause(0, 0, seed=1)
    pair.clear()
    program = Program(origin=DATA_WORDS)
    with program.loop(4):
        program.matmul(y=256, a=0, b=0, rows=8, columns=8, k=k)
    program.halt()
    pair.send(*program.messages())
    pair.rtl.run(200)  # the program is loaded, and has begun
    before = pair.rtl.get("busy")
    pair.rtl.pop_operations(0)
    pair.rtl.run(2000)
    worked = sum(run.repeat for run in pair.rtl.pop_operations(0))
    assert before
    assert worked / 2000 > 0.6
    pair.clear()


def test_messages_go_in_and_out_a_beat_a_cycle():
    pair = lockstep(16, 4)
    pair.pause(0, 0, seed=1)
    pair.clear()
    words = 100  # two of them, and their numbers, fit a queue
    program = Program(origin=DATA_WORDS)
    for slot in (0, 1, 0, 1):
        program.receive(y=0, source=slot, words=words)
        program.send(a=0, slot=slot, length=16 * words)
    program.halt()
    random = Random(seed())
    peers = [Message(Kind.PEER, slot, random_words(random, words, 4)).encode() for slot in (0, 1, 0, 1)]
    *loads, begin = program.messages()
    pair.send(*loads, *peers)
    pair.settle()
    before = pair.rtl.byte_counts()["tx"]
    pair.send(begin)
    pair.rtl.run(4 * 2 * (words + 25))
    assert pair.rtl.byte_counts()["tx"] - before == 4 * 16 * (1 + words)
    assert pair.settle() == peers
