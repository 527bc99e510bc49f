"""``interlock verilog``: files that other tools take, ports that people can read, errors in one line."""

import json
import re
import subprocess
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from interlock import toolchain
from interlock.cli import main
from interlock_hdl.profiles import PROFILES
from lib.run import run_verilog
from lib.seldom import seldom

WARNINGS = {
    "CASEOVERLAP",  # Yosys writes a multiplexer with a one-hot select as a casez that takes the first match
    "DECLFILENAME",  # one file holds all modules
    "PROCASSINIT",  # initial values of registers are those of reset, for FPGAs
    "UNSIGNED",  # of the bytes of a block, the first one is never behind the last
    "VARHIDDEN",  # a wire of a block has the name of an instance of the block around it
    "UNUSEDSIGNAL",  # fields of layouts that a block does not look at, aliases with the names of the source
    "WIDTHEXPAND",  # operands of different widths, extended as Amaranth wants them
    "WIDTHTRUNC",  # memory addresses of all 32 bits
}
"""What Verilator's -Wall says of generated code, with the reason why it may."""


def interlock(capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of the command line."""
    with pytest.raises(SystemExit) as exit:
        main([*arguments])
    printed = capsys.readouterr()
    return int(exit.value.code or 0), printed.out, printed.err


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder with the Verilog of a profile, by its name, each written once; and what was printed then."""

    @cache
    def write(profile: str) -> tuple[Path, str]:
        folder = tmp_path_factory.mktemp(profile)
        printed = StringIO()
        with redirect_stdout(printed), pytest.raises(SystemExit, match="0"):
            main(["verilog", "--profile", profile, "-o", str(folder / "interlock.v")])
        return folder, printed.getvalue()

    return write


@pytest.fixture
def small(written):
    """Folder with the Verilog of the smallest profile to simulate."""
    return written("small")[0]


def ports_in(text: str) -> list[tuple[str, str, int]]:
    """Direction, name and width of each port of the first module."""
    header = text[text.index("\nmodule ") : text.index(");")]
    found = re.findall(r"^  (input|output) +wire +(?:\[(\d+):0\])? *(\w+),?$", header, re.MULTILINE)
    return [(direction, name, int(high or 0) + 1) for direction, high, name in found]


SELDOM = ("clear", "ice40")
"""What the one with CLEAR links adds to the small one, the default one has too; ``ice40`` adds nothing."""


@pytest.mark.parametrize("profile", seldom(PROFILES, *SELDOM))
def test_verilator_has_nothing_to_say_but_what_is_named(profile, written):
    folder, out = written(profile)
    names = ("interlock.v", "interlock_template.v", "interlock.f")
    assert out.split() == [str(folder / name) for name in names]
    command = [toolchain.require("verilator"), "--lint-only", "-Wall", "-f", "interlock.f"]
    done = subprocess.run(
        [*command, "--top-module", "interlock_template"],
        cwd=folder,
        env=toolchain.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    said = set(re.findall(r"^%(?:Warning|Error)-?(\w*):", done.stderr, re.MULTILINE))
    assert said <= WARNINGS | {""}  # "" is the line that counts them
    assert "%Error: Exiting due to" in done.stderr or done.returncode == 0
    text = (folder / "interlock.v").read_text()
    assert "always @*" not in text, "such a block may never run"
    assert "[-1:0]" not in text, "no bits are not two bits"


def test_a_message_passes_through_the_template(small):
    files = [small / name for name in (small / "interlock.f").read_text().split()]
    build = toolchain.build_folder() / "tests" / "verilog-template"
    assert run_verilog(files, "interlock_template", "verilog_tests", folder=build)


def test_ports_are_those_of_the_json_and_read_well(small, capsys):
    status, out, _ = interlock(capsys, "verilog", "--profile", "small", "--json")
    assert status == 0
    told = json.loads(out)
    assert told["files"] == []
    ports = [(port["direction"], port["name"], port["width"]) for port in told["ports"]]
    assert ports == ports_in((small / "interlock.v").read_text())
    assert ports == ports_in((small / "interlock_template.v").read_text())
    names = [name for _, name, _ in ports]
    assert names == [name.lower() for name in names]
    assert not [name for name in names if "__" in name]
    expected = {"aclk", "aresetn", "s_axis_host_tdata", "m_axis_link0_tx_tdata", "link0_tx_up"}
    assert expected <= set(names)
    assert told["parameters"]["message_bytes"] == PROFILES["small"].config.message_bytes


def test_profiles_are_listed(capsys):
    status, out, _ = interlock(capsys, "verilog", "--list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == list(PROFILES)
    _, out, _ = interlock(capsys, "verilog", "--list", "--json")
    assert list(json.loads(out)) == list(PROFILES)


def test_every_profile_is_a_build_that_can_be():
    for profile in PROFILES.values():
        profile.config.validate()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--profile", "huge", "-o", "x.v"], "no profile 'huge': there are default, clear, small, ice40"),
        ([], "where to? Say -o FILE"),
        (["-o", "interlock.vhd"], "must end with .v"),
        (["-o", "no/such/folder/interlock.v"], "no such folder"),
        (["-o", "folder.v"], "or it is one"),
        (["-o", "x.v", "--module", "2fast"], "'2fast' is no name of a Verilog module"),
    ],
    ids=["profile", "nowhere", "suffix", "folder", "is a folder", "module"],
)
def test_bad_usage_is_one_line_and_writes_nothing(arguments, error, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.v").mkdir()
    status, out, err = interlock(capsys, "verilog", *arguments)
    assert (status, out) == (2, "")
    assert error in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["folder.v"]


def test_nothing_is_left_where_a_file_cannot_be_written(tmp_path, capsys):
    (tmp_path / "top_template.v").mkdir()  # in the way of the second file
    status, _, err = interlock(capsys, "verilog", "--profile", "ice40", "-o", str(tmp_path / "top.v"))
    assert status == 2
    assert "top_template.v" in err
    assert not list(tmp_path.glob("*.partial"))
