"""``interlock digest``: what sha256sum's users expect, and the example of the documentation."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from interlock.cli import digest as command
from interlock.model import digest_example
from interlock.model.digest import NOTHING, tree_digest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "digests.md"


def interlock_digest(*arguments, stdin=b"", folder=None):
    program = [sys.executable, "-c", "from interlock.cli import main; main()", "digest", *arguments]
    return subprocess.run(program, input=stdin, cwd=folder, capture_output=True, timeout=60, check=False)


@pytest.fixture
def files(tmp_path):
    contents = {"empty": b"", "one": b"1", "many": Random(1).randbytes(3_000_000)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return contents


def test_a_line_for_each_file(files, tmp_path):
    done = interlock_digest(*files, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = [f"{tree_digest(content).hex()}  {name}" for name, content in files.items()]
    assert done.stdout.decode().splitlines() == lines
    assert lines[0].startswith(NOTHING.hex())


@pytest.mark.parametrize("content", [b"", b"piped", bytes(1 << 21)], ids=["nothing", "few", "many"])
def test_a_dash_is_the_standard_input(content):
    done = interlock_digest("-", stdin=content)
    assert done.returncode == 0
    assert done.stdout.decode() == f"{tree_digest(content).hex()}  -\n"


def test_json_has_lengths_and_leaves(files, tmp_path):
    done = interlock_digest("--json", *files, folder=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == [
        {"file": name, "digest": tree_digest(content).hex(), "length": len(content), "leaves": leaves}
        for (name, content), leaves in zip(files.items(), (0, 1, 2930), strict=True)
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing", "No such file"), (".", "Is a directory"), ("", "No such file"), ("a\nb", "No such file")],
    ids=["missing", "folder", "no name", "two lines"],
)
def test_what_cannot_be_read_is_one_line_and_status_2(name, reason, files, tmp_path):
    done = interlock_digest("one", name, folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout.decode().count("\n") == 1, "the file before it is digested"
    assert re.fullmatch(rf"interlock: .*: {reason}.*\n", done.stderr.decode())


@pytest.mark.parametrize("as_json", [False, True], ids=["lines", "json"])
@pytest.mark.parametrize("name", [b"a\nb", b"back\\slash", b"\xff\xfe", "ü".encode()])
def test_any_name_of_a_file_will_do(name, as_json, tmp_path):
    (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    done = interlock_digest(*["--json"] * as_json, os.fsdecode(name), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    value = tree_digest(b"x").hex().encode()
    if as_json:
        assert json.loads(done.stdout)[0]["file"] == os.fsdecode(name)
    elif name in (b"a\nb", b"back\\slash"):
        escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
        assert done.stdout == b"\\" + value + b"  " + escaped + b"\n"
    else:
        assert done.stdout == value + b"  " + name + b"\n"


def test_long_files_are_read_in_pieces_behind_a_progress_bar(monkeypatch, tmp_path, capsys):
    data = Random(1).randbytes(100_000)
    (tmp_path / "long").write_bytes(data)
    monkeypatch.setattr(command, "_LONG", 50_000)
    monkeypatch.setattr(command, "_PIECE", 1000)
    bars = []
    monkeypatch.setattr(command.Progress, "advance", lambda self, row, count: bars.append(count))
    assert command.digest([str(tmp_path / "long")]) == 0
    assert bars == [1000] * 100
    assert capsys.readouterr().out.startswith(tree_digest(data).hex())


def test_the_example_of_the_page_is_up_to_date():
    text = PAGE.read_text()
    assert digest_example.renewed(text) == text, f"run: python -m interlock.model.digest_example {PAGE.name}"
    assert digest_example.renewed(text.replace("leaf 0", "leaf zero")) == text


def test_the_example_of_the_page_can_be_repeated(tmp_path):
    """The commands and the program on the page say what the page says they say."""
    text = PAGE.read_text()
    shell = re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1]
    lines = [line.removeprefix("$ ") for line in shell.splitlines() if line.startswith("$ ")]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", "\n".join(lines)],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [line for line in shell.splitlines() if not line.startswith("$ ")]
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
