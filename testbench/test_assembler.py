"""Programs of the reference accelerator: what the assembler makes, lists and refuses."""

import re
from pathlib import Path

import numpy as np
import pytest
from interlock.device.assembler import HOST, Program, ProgramError
from interlock.device.loader import load_messages
from interlock.device.tiles import from_tiles, to_column_panels, to_row_panels, to_tiles
from interlock.errors import Malformed
from interlock.model.command import COMMAND_BYTES, Command
from interlock.model.command import Opcode as ModelOpcode
from interlock_hdl.accelerator.command import FIELDS, OPERANDS, Opcode

GUIDE = Path(__file__).parents[1] / "docs" / "accelerator.md"


def example():
    program = Program(origin=8192)
    x = program.region("x", 512)
    w = program.region("w", 256)
    h = program.region("h", 128)
    with program.loop(10) as batch:
        program.receive(y=x, source=HOST, words=512)
        program.matmul(y=h + 128 * batch, a=x, b=w, rows=8, columns=4, k=64)
        with program.loop() as round_:
            program.add(y=h, a=h, b=w + 1 + -2 * round_, words=128, broadcast=True)
        program.row_panels(y=x, a=h, rows=8, columns=4)
        program.column_panels(y=x, a=h, rows=8, columns=4)
        program.scale(y=h, a=h, factor=-0.5, words=1)
        program.send(a=h, slot=1, length=2047)
        program.export(a=9000, length=0)
    program.halt()
    return program


def test_listing_says_what_is_in_memory():
    assert (
        example().listing()
        == """\
    1   8192  receive  y=x from host 512 words
    2   8196  matmul   y=h+128i a=x b=w 8 x 4 tiles, strides 16, 4 k=64
    3   8200  add      y=h a=h b=w+1-2j broadcast 128 words
    4   8204  next     j for ever from 8200
    5   8208  convert  y=x a=h transpose 8 x 4 tiles, strides 16, 4
    6   8212  convert  y=x a=h 4 x 8 tiles, strides 4, 16
    7   8216  scale    y=h a=h by -0.5 1 words
    8   8220  send     a=h to slot 1 2047 bytes
    9   8224  send     a=9000 to export 0 bytes
   10   8228  next     i 10 times from 8192
   11   8232  halt
"""
    )


def test_program_is_its_commands():
    program = example()
    data = program.assemble()
    cut = [data[i : i + COMMAND_BYTES] for i in range(0, len(data), COMMAND_BYTES)]
    assert [Command.decode(part) for part in cut] == program.commands


def test_messages_carry_the_program_and_start_it():
    *loads, begin = example().messages(message_bytes=128)
    assert b"".join(message[32:] for message in loads) == example().assemble()
    assert [message[16:20].hex() for message in loads] == [
        f"0100{8192 + 7 * i:04x}" for i in range(len(loads))
    ]
    assert begin[16:].hex() == f"02000000{8192:04x}".ljust(32, "0")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        pytest.param(
            lambda p: p.matmul(y=0, a=0, b=0, rows=1, columns=1, k=3),
            "line 2: matmul: k must be even, for a word holds two steps, not 3",
            id="odd k",
        ),
        pytest.param(
            lambda p: p.send(a=0, slot=0, length=65536),
            "line 2: send: one of kind 1, peer 0, length 65536 does not fit its field",
            id="too long",
        ),
        pytest.param(
            lambda p: p.relu(y=0, a=0, words=-1), "line 2: relu: one of length -1 does not fit", id="negative"
        ),
        pytest.param(
            lambda p: p.scale(y=0, a=0, factor=1e39, words=1),
            "line 2: scale: 1e+39 is beyond fp32",
            id="factor",
        ),
        pytest.param(
            lambda p: p.region("x", 200),
            "line 2: region x: 200 words from 0 do not lie in memory",
            id="region",
        ),
        pytest.param(lambda p: nest(p, 5), "line 2: loop: loops nest at most 4 deep", id="too deep"),
        pytest.param(
            lambda p: outside_its_loop(p),
            "line 4: an address depends on the counter of a loop that has ended",
            id="stale counter",
        ),
        pytest.param(
            lambda p: [p.halt() for _ in range(40)] and p.assemble(),
            "line 42: the program ends at 180, beyond the 128 words of memory",
            id="program too long",
        ),
        pytest.param(
            lambda p: p.region("x", 17) and p.assemble(),
            "line 2: the program, from 16 to 20, lies on region x",
            id="program on a region",
        ),
    ],
)
def test_a_wrong_program_is_refused_with_its_line(wrong, says):
    program = Program(origin=16, scratch_words=128)
    program.halt()
    with pytest.raises(ProgramError) as refused:
        wrong(program)
    assert str(refused.value).startswith(says)
    assert "\n" not in str(refused.value)


def nest(program, depth):
    if depth:
        with program.loop(2):
            nest(program, depth - 1)


def outside_its_loop(program):
    with program.loop(2) as i:
        program.halt()
    program.copy(y=4 * i, a=0, words=1)


def test_loads_fit_the_largest_message():
    messages = load_messages(100, bytes(1000), array_size=4, message_bytes=256)
    assert [len(message) for message in messages] == [16 + 256] * 4 + [16 + 16 + 40]


@pytest.mark.parametrize("n", [2, 4, 8])
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (5, 9), (16, 3)], ids=str)
def test_matrices_are_tiles_and_back(shape, n):
    matrix = np.arange(1, 1 + shape[0] * shape[1], dtype=np.float32).reshape(shape)
    assert np.array_equal(from_tiles(to_tiles(matrix, n), *shape, n), matrix)
    assert to_row_panels(matrix.T, n) == to_column_panels(matrix, n)


def test_what_is_no_matrix_is_refused():
    with pytest.raises(Malformed, match="two dimensions, not 1"):
        to_tiles(np.zeros(4), 4)
    with pytest.raises(Malformed, match="5 x 4 in tiles takes 128 bytes, but there are 127"):
        from_tiles(bytes(127), 5, 4, 4)


def test_gateware_and_model_have_the_same_commands():
    assert {o.name: o.value for o in Opcode} == {o.name: o.value for o in ModelOpcode}
    for name, (offset, size) in FIELDS.items():
        value = (1 << 8 * size) - 1
        data = bytes(offset) + value.to_bytes(size) + bytes(COMMAND_BYTES - offset - size)
        assert getattr(Command.decode(data), name) == value
        assert Command.decode(data).encode() == data
    for name, offset in OPERANDS.items():
        data = bytes(offset) + bytes(range(10)) + bytes(COMMAND_BYTES - offset - 10)
        operand = getattr(Command.decode(data), name)
        assert (operand.base, *operand.strides) == (0x0001, 0x0203, 0x0405, 0x0607, 0x0809)


def test_the_guide_lists_every_field_and_every_command():
    text = GUIDE.read_text()
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \|", text, re.MULTILINE)
    fields = {name: (int(offset), int(size)) for offset, size, name in rows}
    assert fields.items() >= FIELDS.items()
    assert fields.items() >= {name: (offset, 10) for name, offset in OPERANDS.items()}.items()
    commands = re.findall(r"^\| (0x..) \| (\w+) \|", text, re.MULTILINE)
    assert {name: int(number, 16) for number, name in commands} == {o.name: o.value for o in Opcode}


def test_the_guide_shows_a_program_and_its_listing():
    code, shown = re.findall(
        r"```(?:python)?\n(.*?)```", GUIDE.read_text().split("## Writing programs")[1], re.S
    )
    names = {"Program": Program, "HOST": HOST, "print": lambda text: printed.append(text)}
    printed: list[str] = []
    exec(compile(code, str(GUIDE), "exec"), names)
    assert printed == [shown]
