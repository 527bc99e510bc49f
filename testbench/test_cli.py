"""The command line: quick help, one-line errors, and a doctor that knows what to do."""

import json
import os
import re
import subprocess
import sys

import pytest
from interlock import cli, toolchain
from interlock.errors import InterlockError, ToolMissing


def interlock(*arguments, **environment):
    command = [sys.executable, "-c", "from interlock.cli import main; main()", *arguments]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]], ids=["nothing", "help", "h"])
def test_help_lists_every_command(arguments):
    done = interlock(*arguments)
    assert done.returncode == 0
    for name in cli.commands():
        assert re.search(rf"^  interlock {name} +\w.*\.$", done.stdout, re.MULTILINE)


def test_help_imports_nothing_that_takes_time():
    code = (
        "import sys\n"
        "from interlock.cli import main\n"
        "main(['--help'])\n"
        "assert not {'typer', 'rich', 'numpy', 'amaranth', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", cli.commands())
def test_every_command_explains_itself(name):
    done = interlock(name, "--help")
    assert done.returncode == 0
    assert f"interlock {name}" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["no-such-command"], ["doctor", "--no-such-option"], ["doctor", "surplus"], ["--json", "doctor"]],
    ids=["command", "option", "argument", "order"],
)
def test_bad_usage_is_one_line_and_status_2(arguments):
    done = interlock(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"interlock: .+\n", done.stderr)


def test_known_errors_are_one_line_and_status_2(monkeypatch, capsys):
    def fail():
        raise InterlockError("something is wrong\nover two lines")

    monkeypatch.setattr("interlock.cli.doctor.doctor", fail)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["doctor"])
    assert capsys.readouterr().err == "interlock: something is wrong over two lines\n"


def test_doctor_finds_every_tool():
    done = interlock("doctor", "--json")
    assert done.returncode == 0, done.stdout
    tools = {row["name"]: row for row in json.loads(done.stdout)["tools"]}
    assert set(tools) == set(toolchain.TOOLS)
    for row in tools.values():
        assert os.path.exists(row["path"])
        assert re.match(r"\d+\.\d+", row["version"])


def test_doctor_says_what_to_do_about_a_missing_tool(tmp_path):
    done = interlock("doctor", PATH=str(tmp_path), COLUMNS="300")
    assert done.returncode == 1
    row = next(line for line in done.stdout.splitlines() if "g++" in line)
    assert "missing: install g++" in row
    assert "apt install build-essential" in row


def test_a_missing_tool_is_an_error_with_its_remedy(monkeypatch):
    monkeypatch.setattr(toolchain, "locate", lambda name: None)
    with pytest.raises(ToolMissing, match=r"bitwuzla was not found.*pip install bitwuzla"):
        toolchain.require("bitwuzla")


def test_tools_run_without_waves_and_with_verilator(monkeypatch):
    monkeypatch.setenv("WAVES", "0")
    environment = toolchain.environment()
    assert "WAVES" not in environment
    assert os.path.isfile(os.path.join(environment["VERILATOR_ROOT"], "include", "verilated.h"))
    subprocess.run(["verilator", "--version"], env=environment, capture_output=True, check=True)


def test_build_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("INTERLOCK_BUILD", str(tmp_path / "elsewhere"))
    assert toolchain.build_folder() == tmp_path / "elsewhere"


def test_a_lock_lets_one_process_in_at_a_time(tmp_path):
    lock = tmp_path / "a.lock"
    code = f"""if True:
        import time
        from pathlib import Path
        from interlock import toolchain
        log = Path({str(tmp_path / "log")!r})
        with toolchain.locked(Path({str(lock)!r})):
            with log.open("a") as file: file.write("in\\n")
            time.sleep(0.2)
            with log.open("a") as file: file.write("out\\n")
    """
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(timeout=30) for process in running] == [0, 0, 0]
    assert (tmp_path / "log").read_text().split() == ["in", "out"] * 3
