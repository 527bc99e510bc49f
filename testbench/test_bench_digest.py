"""``interlock bench digest``: exact rates, what the lanes must achieve, and how it is shown."""

import json

import pytest
from interlock import cli
from interlock.bench import digest
from interlock.bench.digest import LANES, SIZES, DigestFigures, measure
from interlock_hdl.leaf_lane import LEAF_BYTES, LeafLane
from lib.seldom import seldom

KIB = 1024


@pytest.fixture(scope="module", params=seldom(LANES, max(LANES)), ids=lambda lanes: f"lanes{lanes}")
def figures(request):
    return {one.bytes: one for one in measure(request.param, sizes=[KIB, 8 * KIB, 64 * KIB])}


def test_lanes_never_wait_for_one_another(figures):
    """Back to back, every lane hashes leaf after leaf, whatever happens behind it."""
    for one in figures.values():
        assert one.bytes_per_cycle == pytest.approx(one.lanes * LEAF_BYTES / LeafLane.interval, rel=1e-12)


def test_cycles_of_a_lone_message(figures):
    found = {one.bytes // KIB: one.cycles_alone for one in figures.values()}
    assert found == CYCLES_ALONE[figures[KIB].lanes]
    for one in figures.values():
        assert one.bytes_per_cycle_alone == one.bytes / one.cycles_alone


CYCLES_ALONE = {  # by lanes, then by KiB
    1: {1: 1239, 8: 9790, 64: 74985},
    4: {1: 1239, 8: 3087, 64: 19730},
    16: {1: 1240, 8: 2188, 64: 6627},
}


@pytest.fixture
def made_up(monkeypatch):
    """Figures for tests of the command line, which need not wait for any."""

    def measured(lanes, *, progress):
        for _ in SIZES:
            progress()
        return [
            DigestFigures(
                lanes=lanes,
                bytes=size,
                cycles_alone=9999,
                bytes_per_cycle_alone=0.5,
                bytes_per_cycle=lanes / 8,
            )
            for size in SIZES.values()
        ]

    monkeypatch.setattr(digest, "measure", measured)


@pytest.mark.parametrize("to_file", [True, False], ids=["file", "terminal"])
def test_json_has_every_figure(to_file, made_up, tmp_path, capsys):
    path = tmp_path / "digest.json"
    with pytest.raises(SystemExit, match="0"):
        cli.main(["bench", "digest", "--json", str(path) if to_file else "-"])
    printed = capsys.readouterr().out
    report = json.loads(path.read_text() if to_file else printed)
    assert report["bench"] == "digest"
    assert [(one["lanes"], one["bytes"]) for one in report["figures"]] == [
        (lanes, size) for lanes in (1, 4, 16) for size in (KIB, 8 * KIB, 64 * KIB, KIB * KIB)
    ]
    assert set(report["figures"][0]) == set(DigestFigures.__dataclass_fields__)
    if to_file:
        for text in ("64 KiB", "9,999", "0.1250", "2.0000"):
            assert text in printed
