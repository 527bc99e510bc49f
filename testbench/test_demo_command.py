"""``interlock demo`` as a command: errors in one line, files whole or not at all."""

import json
import os

import pytest
from interlock import cli
from interlock.demo.run import run
from interlock.files import write_atomically


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--nodes", "1"], "a ring has 2 … 8 nodes, not 1"),
        (["--nodes", "9"], "a ring has 2 … 8 nodes, not 9"),
        (["--epochs", "0"], "epochs must be 1 … 65535, not 0"),
        (["--seed", "-1"], "the seed must not be negative"),
        (["--engine", "fpga"], "fpga"),
        (["--engine", "golden", "--waves"], "the golden model has no waves"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_options_are_one_line(arguments, complaint, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["demo", *arguments])
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert complaint in shown.err


def test_command_prints_what_it_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INTERLOCK_BUILD", str(tmp_path))
    with pytest.raises(SystemExit, match="0"):
        cli.main(["demo", "--engine", "golden", "--nodes", "8", "--epochs", "1", "--json"])
    shown = capsys.readouterr()
    assert json.loads(shown.out) == json.loads((tmp_path / "demo" / "report.json").read_text())
    assert "interlock demo --nodes 8 --epochs 1" in (tmp_path / "demo" / "report.html").read_text()
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == ["report.html", "report.json"]


def test_count_that_is_not_as_predicted_is_status_1(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INTERLOCK_BUILD", str(tmp_path))
    monkeypatch.setattr("interlock.demo.collect.analytic_flops", lambda *_, **__: 17)
    with pytest.raises(SystemExit, match="1"):
        cli.main(["demo", "--engine", "golden", "--nodes", "2", "--epochs", "1", "--batches", "1"])
    assert "BUT predicted: 17" in capsys.readouterr().out


def test_interruption_leaves_nothing_half_written(tmp_path, monkeypatch, capsys):
    def interrupted(task, *, progress, **options):
        def interrupt(done, total):
            progress(done, total)
            if done == 2:
                raise KeyboardInterrupt

        return run(task, progress=interrupt, **options)

    monkeypatch.setenv("INTERLOCK_BUILD", str(tmp_path))
    monkeypatch.setattr("interlock.cli.demo.run", interrupted)
    with pytest.raises(SystemExit, match="130"):
        cli.main(["demo", "--engine", "golden"])
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.iterdir())


def test_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    write_atomically(path, "old")

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
