"""The registers' one source, and everything that is made from it."""

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from interlock.cli import main
from interlock.device.register_map import Address, Reopen
from interlock.device.registers import NoInterlock, Registers
from interlock.model.parameters import Mode
from interlock_hdl.config import MAX_LINKS
from interlock_hdl.registers.map import Kind, read
from interlock_hdl.registers.publish import ACCESSORS, BEGIN, END, PAGE, accessors, renewed, table
from interlock_hdl.session import Alarm

ROOT = Path(__file__).resolve().parents[1]
MAP = read()
INFLUENCED = {"count", "flops", "bin", "bins", "total", "sample", "ticks"}


class Memory:
    """A bus on which words lie, and what was written to them."""

    def __init__(self, **words: int) -> None:
        self.words = {Address[name]: word for name, word in words.items()}
        self.written: list[tuple[int, int]] = []

    def read(self, address: int) -> int:
        return self.words[Address(address - 0x1000)]

    def write(self, address: int, value: int) -> None:
        self.written.append((address - 0x1000, value))


def registers(**words: int) -> tuple[Registers, Memory]:
    memory = Memory(**{"MAGIC": 0x494C434B, "VERSION": 0x0001_0003} | words)
    return Registers(memory, base=0x1000), memory


def test_page_and_accessors_are_up_to_date():
    page = (ROOT / PAGE).read_text()
    assert renewed(page, MAP) == page, "run: python -m interlock_hdl.registers.publish"
    assert accessors(MAP) == (ROOT / ACCESSORS).read_text(), "run: python -m interlock_hdl.registers.publish"


def test_a_stale_page_would_be_noticed():
    assert renewed(f"{BEGIN}old\n{END}", MAP) == f"{BEGIN}{table(MAP)}{END}"
    with pytest.raises(ValueError, match="no region"):
        renewed("a page without one", MAP)


def test_no_register_shows_a_count():
    """By name; ``top_register_tests.py`` looks at the words."""
    for register in MAP.registers:
        for field in register.fields:
            assert not INFLUENCED & set(register.port(field).split("_"))


def test_every_alarm_and_every_slot_has_its_bit():
    causes = {field.name: field.low for field in MAP["ALARM"].fields}
    assert causes == {cause.name: cause.value for cause in Alarm}
    assert len(Reopen) == len(MAP["REOPEN"].fields) == MAP["LINKS"].fields[0].width == MAX_LINKS


def test_everything_that_can_be_written_is_a_request():
    kinds = {field.kind for register in MAP.registers for field in register.fields if register.is_request}
    assert kinds == {Kind.REQUEST}


def test_accessors_read_what_is_there():
    device, _ = registers(
        BUILD=0x01_03_10_02, MAKER=5, SERIAL=6, LOG_ENTRIES=16, MESSAGE_BYTES=8192, STATUS_PERIOD=24
    )
    device.check()
    identity = device.identity()
    assert (identity.links, identity.beat_bytes, identity.mode) == (2, 16, Mode.EVENTS | Mode.OPAQUE)
    assert (identity.maker, identity.serial, identity.weight_table) == (5, 6, 1)
    assert (identity.log_entries, identity.message_bytes, identity.status_period) == (16, 8192, 1 << 24)


def test_accessors_name_alarms_and_links():
    device, _ = registers(STATUS=0b100, ALARM=1 << Alarm.OVER_PEAK | 1 << Alarm.LOG_FAULT, LINKS=0x8001)
    state = device.state()
    assert (state.is_open, state.is_clearing) == (False, False)
    assert state.alarms == ("over_peak", "log_fault")
    assert state.open_links == (0, 15)


def test_accessors_make_requests():
    device, memory = registers()
    device.roll()
    device.reopen(0, 3)
    assert memory.written == [(Address.CONTROL, 1), (Address.REOPEN, 0b1001)]
    with pytest.raises(ValueError, match="0 … 15"):
        device.reopen(16)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"MAGIC": 0xFFFFFFFF}, "no Interlock at 0x1000: it says 0xffffffff"),
        ({"VERSION": 0x0002_0000}, "version 2.0, this program knows 1"),
    ],
    ids=["magic", "version"],
)
def test_something_else_is_refused(words, error):
    with pytest.raises(NoInterlock, match=error):
        registers(**words)[0].check()


BAD = {
    "storage": 'field { desc = "d"; sw = rw; hw = r; } F[0:0] = 0;',
    "mixed": 'field { desc = "d"; sw = r; hw = w; } F[0:0]; '
    'field { desc = "d"; sw = w; hw = r; singlepulse; } G[1:1] = 0;',
    "silent": "field { sw = r; hw = w; } F[0:0];",
}


@pytest.mark.parametrize("name", BAD)
def test_a_source_that_cannot_be_made_is_refused(name, tmp_path):
    source = tmp_path / "bad.rdl"
    source.write_text(f'addrmap bad {{ desc = "d"; reg {{ desc = "d"; {BAD[name]} }} R @ 0x0; }};')
    with pytest.raises(ValueError, match=r"bad\.R"):
        read(source)


def test_command_writes_page_header_and_ip_xact(tmp_path, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["registers", "-o", str(tmp_path / "out")])
    html, header, xact = (Path(line) for line in capsys.readouterr().out.splitlines())
    assert (html / "index.html").is_file()
    assert "COUNTER_MISMATCH" in header.read_text()
    program = tmp_path / "uses.c"
    program.write_text(
        f'#include <stddef.h>\n#include "{header}"\n'
        f'_Static_assert(offsetof(interlock_t, REOPEN) == {MAP["REOPEN"].address}, "address");\n'
    )
    subprocess.run(["gcc", "-std=c11", "-fsyntax-only", "-Wall", "-Werror", program], check=True)
    names = {element.text for element in ElementTree.parse(xact).iter() if element.tag.endswith("}name")}
    assert {register.name for register in MAP.registers} <= names
    assert not list((tmp_path / "out").glob("*.partial"))
