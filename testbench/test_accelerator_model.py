"""The golden accelerator by itself: what programs mean."""

import time

import numpy as np
import pytest
from interlock.device.assembler import FOREVER, HOST, Program
from interlock.device.loader import data_message, load_messages, start_message
from interlock.device.tiles import from_tiles, to_column_panels, to_row_panels, to_tiles
from interlock.model.accelerator import AcceleratorParameters, EventRun, GoldenAccelerator
from interlock.model.command import COMMAND_BYTES, Command, Opcode, Operand
from interlock.model.messages import Kind, Message
from interlock.model.scratch import Scratch
from lib.parameters import seed

SIZES = [2, 4, 8]
DATA = bytes(range(1, 33))


def accelerator(**parameters):
    return GoldenAccelerator(AcceleratorParameters(**parameters))


def run(golden, *messages):
    """Gives it messages and lets it run until it waits; returns what it sent."""
    for message in messages:
        golden.receive(message)
    while golden.advance():
        pass
    sent = [message.data for message in golden.sent]
    golden.sent.clear()
    return sent


def place(matrix, pack, address, n):
    return load_messages(address, pack(matrix, n), array_size=n)


@pytest.fixture
def rng():
    return np.random.default_rng(seed())


@pytest.mark.parametrize("n", SIZES)
def test_matmul_multiplies_matrices(n, rng):
    a, b = rng.standard_normal((10, 12)), rng.standard_normal((12, 7))
    program = Program(origin=2048, array_size=n)
    x, w, y = (program.region(name, 512) for name in "xwy")
    rows, columns = -(-10 // n), -(-7 // n)
    k = -(-12 // n) * n
    program.matmul(y=y, a=x, b=w, rows=rows, columns=columns, k=k)
    program.export(a=y, length=4 * n * n * rows * columns)
    program.halt()
    golden = accelerator(array_size=n)
    (sent,) = run(
        golden,
        *place(a, to_row_panels, x.base, n),
        *place(b, to_column_panels, w.base, n),
        *program.messages(),
    )
    assert np.allclose(from_tiles(sent[16:], 10, 7, n), a @ b, atol=0.1)
    assert golden.events == [EventRun(0, 0x21, n * n, rows * columns * k)]


@pytest.mark.parametrize("n", SIZES)
def test_conversions_make_the_panels_of_a_matrix(n, rng):
    matrix = rng.standard_normal((3 * n, 2 * n)).astype(np.float32)
    program = Program(origin=2048, array_size=n)
    x, rows, columns = (program.region(name, 256) for name in ("x", "rows", "columns"))
    program.row_panels(y=rows, a=x, rows=3, columns=2)
    program.column_panels(y=columns, a=x, rows=3, columns=2)
    for panels in (rows, columns):
        program.export(a=panels, length=12 * n * n)
    program.halt()
    golden = accelerator(array_size=n)
    sent = run(golden, *place(matrix, to_tiles, x.base, n), *program.messages())
    assert sent[0][16:] == to_row_panels(matrix, n)
    assert sent[1][16:] == to_column_panels(matrix, n)
    assert golden.events == []


def test_loops_nest_and_operands_follow_their_counters():
    program = Program(origin=1024)
    x = program.region("x", 64)
    with program.loop(3) as i, program.loop(2) as j:
        program.export(a=x + 16 * i + 4 * j, length=16)
    program.halt()
    golden = accelerator()
    data = bytes(i // 16 for i in range(1024))
    sent = run(golden, *load_messages(0, data), *program.messages())
    assert [message[16] for message in sent] == [0, 4, 16, 20, 32, 36]


def test_a_loop_for_ever_is_left_by_nothing():
    program = Program(origin=0)
    with program.loop(FOREVER):
        pass
    program.halt()
    golden = accelerator()
    for message in program.messages():
        golden.receive(message)
    for _ in range(70_000):  # more than a counter counts
        assert golden.advance()
    assert golden.running


def test_messages_wait_in_the_queue_of_their_source():
    program = Program(origin=0)
    for source in (HOST, 1, 0, 1):
        program.receive(y=512, source=source, words=4)
        program.send(a=512, slot=0, length=4)
    program.halt()
    golden = accelerator()
    peers = [
        Message(Kind.PEER, slot, text).encode() for slot, text in ((0, b"zero"), (1, b"one1"), (1, b"one2"))
    ]
    assert run(golden, *program.messages(), *peers) == []
    sent = run(golden, data_message(b"host"))
    assert [message[16:] for message in sent] == [b"host", b"one1", b"zero", b"one2"]


def test_a_received_tail_is_filled_up_with_zeros_and_an_excess_is_cut_off():
    program = Program(origin=256)
    for words in (8, 1):
        program.receive(y=0, source=HOST, words=words)
        program.export(a=0, length=48)
    program.halt()
    golden = accelerator()
    messages = [data_message(DATA[:21]), data_message(DATA)]
    sent = run(golden, *load_messages(0, b"\xff" * 48), *program.messages(), *messages)
    assert sent[0][16:] == DATA[:21] + bytes(11) + b"\xff" * 16
    assert sent[1][16:] == DATA[:16] + DATA[16:21] + bytes(11) + b"\xff" * 16


def test_the_loader_takes_over_after_a_halt():
    program = Program(origin=128)
    program.export(a=0, length=4)
    program.halt()
    golden = accelerator()
    assert len(run(golden, *program.messages())) == 1
    assert run(golden, *load_messages(0, b"next"), start_message(128))[0][16:] == b"next"


@pytest.mark.parametrize(
    "command",
    [
        Command(opcode=0x06),
        Command(opcode=0x0F),
        Command(opcode=0x17),
        Command(opcode=0xFF),
        Command(opcode=Opcode.RECEIVE, peer=2),
        Command(opcode=Opcode.RECEIVE, peer=0xFFFE),
    ],
    ids=lambda command: f"opcode {command.opcode:#x} peer {command.peer:#x}",
)
def test_what_is_no_command_halts(command):
    golden = accelerator()
    run(golden, *load_messages(0, command.encode()), start_message(0))
    assert not golden.running


def test_what_is_not_for_an_accelerator_is_dropped():
    golden = accelerator()
    good = load_messages(0, b"data")[0]
    for message in (
        good[:15],
        bytes([Kind.IMPORT]) + good[1:],
        bytes([Kind.PEER]) + good[1:2] + (2).to_bytes(2) + good[4:],
        good + bytes(2047 * 16),
    ):
        golden.receive(message)
    assert not golden.advance()
    golden.receive(good[:16] + good[16:].ljust(2047 * 16))
    assert golden.advance()


def test_an_empty_message_of_the_host_loads_nothing():
    golden = accelerator()
    assert run(golden, data_message(b"")) == []
    assert not golden.running
    assert not golden.scratch.words.any()


def test_clear_forgets_everything():
    program = Program(origin=0)
    program.add(y=512, a=512, b=512, words=4)
    program.receive(y=512, source=0, words=1)
    golden = accelerator()
    run(golden, *program.messages(), Message(Kind.PEER, 1, DATA).encode())
    assert golden.running
    golden.clear()
    assert not golden.running
    assert golden.positions == (0, 0)
    assert not golden.events
    assert not golden.scratch.words.any()
    assert not golden.advance()


def test_sent_messages_know_the_events_before_them():
    program = Program(origin=512)
    program.add(y=0, a=0, b=0, words=5)
    program.export(a=0, length=1)
    program.matmul(y=0, a=64, b=64, rows=2, columns=3, k=4)
    program.copy(y=0, a=64, words=7)
    program.scale(y=0, a=0, factor=2.0, words=1)
    program.export(a=0, length=1)
    program.halt()
    golden = accelerator()
    for message in program.messages():
        golden.receive(message)
    while golden.advance():
        pass
    assert [message.events_before for message in golden.sent] == [(0, 5), (24, 6)]
    assert golden.positions == (24, 6)


def test_every_command_survives_memory(rng):
    for _ in range(200):
        data = rng.integers(0, 256, COMMAND_BYTES, np.uint8).tobytes()
        command = Command.decode(data)
        assert Command.decode(command.encode()) == command
        assert command.encode()[:24] == data[:24]
        assert command.encode()[32:62] == data[32:62]


def work(parts):
    """Does all of it; returns how many events that makes."""
    return sum(parts)


@pytest.mark.parametrize("unit", ["matmul", "convert", "elementwise"])
def test_overlapping_operands_are_taken_piece_by_piece(unit, rng):
    """Against the same command cut into its pieces."""
    n = 4
    for _ in range(60):
        rows, columns, length = (int(value) for value in rng.integers(1, 4, 3))
        y, a, b = (int(value) for value in rng.integers(0, 40, 3))
        whole, pieces = (Scratch(size=64, lanes=n) for _ in range(2))
        whole.words[:] = pieces.words[:] = rng.integers(0x3F000000, 0x40000000, (64, n))
        command = Command(
            opcode=Opcode.ADD, rows=rows, columns=columns, length=length, row_stride=9, column_stride=5
        )
        one = Command(opcode=Opcode.ADD, rows=1, columns=1, length=length if unit == "matmul" else 1)
        work(getattr(whole, unit)(command, y, a, b))
        if unit == "elementwise":
            for i in range(length):
                work(pieces.elementwise(one, y + i, a + i, b + i))
        for i in range(rows):
            for j in range(columns):
                tile = 9 * i + 5 * j
                if unit == "matmul":
                    work(pieces.matmul(one, y + tile, a + length * i, b + length * j))
                elif unit == "convert":
                    work(pieces.convert(one, y + n // 2 * (columns * i + j), a + tile, 0))
        assert np.array_equal(whole.words, pieces.words)


@pytest.mark.parametrize("shape", [(30, 1, 40), (1, 30, 40), (6, 7, 20), (3, 2, 600)], ids=str)
def test_a_long_command_is_done_in_parts_that_make_the_whole(shape, rng, monkeypatch):
    monkeypatch.setattr("interlock.model.scratch.PART", 500)
    rows, columns, length = shape
    whole, cut = (Scratch(size=1024, lanes=2) for _ in range(2))
    whole.words[:] = cut.words[:] = rng.integers(0x3F000000, 0x40000000, (1024, 2))
    command = Command(
        opcode=Opcode.MATMUL, rows=rows, columns=columns, length=length, row_stride=3, column_stride=2
    )
    parts = list(whole.matmul(command, 5, 7, 9))
    assert len(parts) > 1
    assert sum(parts) == 2 * rows * columns * length
    one = Command(opcode=Opcode.MATMUL, rows=1, columns=1, length=length)
    for i in range(rows):
        for j in range(columns):
            work(cut.matmul(one, 5 + 3 * i + 2 * j, 7 + length * i, 9 + length * j))
    assert np.array_equal(whole.words, cut.words)


@pytest.mark.parametrize("nothing", ["rows", "columns", "length"])
def test_a_count_of_zero_does_nothing(nothing):
    counts = {"rows": 2, "columns": 2, "length": 2} | {nothing: 0}
    scratch = Scratch(size=64, lanes=4)
    scratch.words[:] = 0x3F800000
    assert work(scratch.matmul(Command(opcode=Opcode.MATMUL, **counts), 0, 0, 0)) == 0
    if nothing == "length":
        assert work(scratch.elementwise(Command(opcode=Opcode.ADD, **counts), 0, 0, 0)) == 0
    else:
        assert work(scratch.convert(Command(opcode=Opcode.CONVERT, **counts), 0, 0, 0)) == 0
    assert (scratch.words == 0x3F800000).all()


def test_the_longest_command_can_be_begun():
    command = Command(opcode=Opcode.MATMUL, rows=65535, columns=65535, length=65535)
    golden = accelerator(scratch_words=64)
    for message in (*load_messages(0, command.encode()), start_message(0)):
        golden.receive(message)
    for _ in range(5):
        assert golden.advance()
    assert golden.positions[0] >= 2 * 2 * 65535
    assert golden.running


def test_a_large_matmul_takes_no_time_to_speak_of():
    scratch = Scratch(size=16384, lanes=4)
    command = Command(opcode=Opcode.MATMUL, rows=8, columns=8, length=32, row_stride=32, column_stride=4)
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        work(scratch.matmul(command, 0, 4096, 8192))
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.005


def test_operands_wrap_around_memory():
    operand = Operand(base=0xFFFF, strides=(1, 0, 0, 0))
    command = Command(opcode=Opcode.SEND, length=4, a=operand).encode()
    again = Command(opcode=Opcode.NEXT, length=2, target=16).encode()
    golden = accelerator(scratch_words=64)
    code = load_messages(16, command + again + bytes(COMMAND_BYTES))
    ends = [*load_messages(63, b"last"), *load_messages(0, b"zero")]
    sent = run(golden, *code, *ends, start_message(16))
    assert [message[16:] for message in sent] == [b"last", b"zero"]
