"""``interlock bench crypto``: figures of what seals and opens are exact, and what they must be."""

import json
from dataclasses import asdict

import pytest
from interlock import cli
from interlock.bench import core, crypto
from interlock.bench.core import CoreFigures
from interlock.bench.crypto import CryptoFigures
from interlock.bench.report import FIGURES
from interlock_hdl.crypto.gcm_engine import INTERVALS

LATENCY = {"seal": 132, "open": 155}


@pytest.mark.parametrize("block", ["seal", pytest.param("open", marks=pytest.mark.long)])
def test_a_cipher_of_one_round_is_never_idle(block):
    figures = crypto.measure(block, 14, sizes=(64,))
    assert [one.alternating for one in figures] == [False, True]
    for one in figures:
        assert one.of_ideal == 1
        assert one.bytes_per_cycle == pytest.approx(64 / (6 * 14))
        assert one.latency_cycles == LATENCY[block]


@pytest.mark.long
def test_patience_is_enough_for_the_slowest_cipher_and_the_largest_records():
    figures = crypto.measure("seal", max(INTERVALS), sizes=(max(crypto.SIZES),))
    assert {one.of_ideal for one in figures} == {1}


@pytest.fixture
def made_up(monkeypatch):
    """Figures for tests of the command line, which need not wait for any."""

    def measure(block, interval, *, progress):
        for size in crypto.SIZES:
            progress()
            for alternating in (False, True):
                yield CryptoFigures(
                    block=block,
                    interval=interval,
                    beat_bytes=16,
                    bytes=size,
                    alternating=alternating,
                    bytes_per_cycle=size / 100,
                    of_ideal=0.5,
                    latency_cycles=size,
                )

    monkeypatch.setattr(crypto, "measure", measure)
    path = CoreFigures(beat_bytes=16, **dict.fromkeys(FIGURES, 0.25))
    monkeypatch.setattr(core, "measure", lambda config: path)
    return path


def test_json_has_every_figure(made_up, tmp_path, capsys):
    file = tmp_path / "crypto.json"
    with pytest.raises(SystemExit, match="0"):
        cli.main(["bench", "crypto", "--json", str(file)])
    report = json.loads(file.read_text())
    assert len(report["figures"]) == 2 * len(INTERVALS) * 4 * 2
    assert {(one["block"], one["interval"]) for one in report["figures"]} == {
        (block, interval) for block in ("seal", "open") for interval in INTERVALS
    }
    assert report["paths"] == [{"staging_messages": room} | asdict(made_up) for room in (4, 6)]
    printed = capsys.readouterr().out
    assert "40.96" in printed
    assert "0.25 beats a cycle" in printed


def test_progress_ends_where_it_says(made_up):
    steps = []
    crypto.report(progress=lambda: steps.append(1))
    assert len(steps) == crypto.STEPS
