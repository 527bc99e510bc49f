"""``interlock bench log``: what it must show, and that it notices what is wrong."""

import json

import pytest
from interlock import cli
from interlock.bench import delta, log
from interlock.bench.log import LogFigures, MergeFigures, measure
from interlock.bench.pair import BenchFailed
from lib.seldom import seldom


@pytest.fixture(scope="module", params=seldom(log.SIZES, max(log.SIZES)))
def figures(request):
    return measure(request.param)


def test_a_merge_takes_two_cycles_however_full_the_log_is(figures):
    cases = [(one.fill_percent, one.kind) for one in figures.merges]
    assert sorted(cases) == [(fill, kind) for fill in (0, 50, 100) for kind in ("insert", "update")]
    assert {one.cycles_per_entry for one in figures.merges} == {2.0}
    assert {one.latency_cycles for one in figures.merges} == {37}
    assert {one.merges for one in figures.merges} == {figures.entries // 4}
    assert figures.merge_cycles_per_entry == 2


def test_an_entry_is_read_every_cycle(figures):
    assert figures.scan_entries_per_cycle == 1
    assert figures.scan_beats_per_cycle == 2
    assert figures.scan_beats_per_cycle_beside_merges == 2


@pytest.fixture
def made_up(monkeypatch):
    """Figures for tests of the command line, which need not wait for any."""

    def measure(entries):
        merge = MergeFigures(
            fill_percent=0, kind="insert", merges=4, cycles_per_entry=entries / 64, latency_cycles=9
        )
        return LogFigures(
            entries=entries,
            merge_cycles_per_entry=merge.cycles_per_entry,
            merges=[merge],
            scan_entries_per_cycle=1.0,
            scan_beats_per_cycle=128 / entries,
            scan_beats_per_cycle_beside_merges=1.5,
        )

    monkeypatch.setattr(log, "measure", measure)
    monkeypatch.setattr(delta, "delta_bytes_ratios", lambda: {"a ring": {"delta_bytes_ratio": 0.25}})


@pytest.mark.parametrize("to_file", [True, False], ids=["file", "terminal"])
def test_json_has_every_figure(to_file, made_up, tmp_path, capsys):
    path = tmp_path / "log.json"
    with pytest.raises(SystemExit, match="0"):
        cli.main(["bench", "log", "--json", str(path) if to_file else "-"])
    printed = capsys.readouterr().out
    report = json.loads(path.read_text() if to_file else printed)
    assert ("cycles a merge, insert, 0 % full" in printed) == to_file
    assert report["delta_bytes_ratio"] == {"a ring": 0.25}
    assert [one["entries"] for one in report["logs"]] == [64, 1024, 16384]
    assert (report["merge_cycles_per_entry"], report["scan_beats_per_cycle"]) == (256, 1 / 128)
    assert report["logs"][0]["merges"][0]["latency_cycles"] == 9


def test_a_refused_merge_is_an_error():
    one = log._Log(64)
    one.fill(64)
    with pytest.raises(BenchFailed, match="4 of 4 merges were answered, 4 refused"):
        one.insert(4)


def test_entries_that_do_not_come_are_an_error():
    one = log._Log(64)
    one.fill(8)
    one.merge([], flops=0, reads=7)
    with pytest.raises(BenchFailed, match="7 of 8 entries were read"):
        one.scan()
