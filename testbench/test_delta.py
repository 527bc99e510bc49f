"""How much DELTA prefixes save, as measured on rings of golden nodes."""

import pytest
from interlock.bench import delta
from interlock.bench.delta import all_reduce
from interlock.model.log import Log


def test_every_prefix_at_steady_state_is_a_delta_and_none_is_longer_than_a_full_one():
    measured = all_reduce(nodes=4, rounds=2)
    assert measured["prefixes"] == 4 * delta.MESSAGES * 2 * 6 * measured["rounds"] // 2
    assert measured["full_bytes"] == measured["prefixes"] * (32 + 4 * 32)
    assert 64 / 160 <= measured["delta_bytes_ratio"] < 0.6
    assert measured["delta_bytes_ratio"] == measured["delta_bytes"] / measured["full_bytes"]


def test_sources_at_rest_cost_nothing():
    alone, among_many = all_reduce(nodes=3, rounds=1), all_reduce(nodes=3, sources=100, rounds=1)
    assert among_many["delta_bytes"] == alone["delta_bytes"]
    assert among_many["full_bytes"] == among_many["prefixes"] * (32 + 100 * 32)


def test_a_log_that_forgets_nothing_saves_nothing(monkeypatch):
    """The measurement is of what is sent."""
    begin = Log.begin_scan

    def everything(log, slot=None, *, bound=0):
        scan = begin(log, slot, bound=bound)
        scan.items = [(False, index) for index in range(len(log.entries))]
        return scan

    monkeypatch.setattr(Log, "begin_scan", everything)
    assert all_reduce(nodes=3, rounds=1)["delta_bytes_ratio"] == 1


def test_a_ring_that_stops_is_reported(monkeypatch):
    monkeypatch.setattr(delta, "PATIENCE", 3)
    with pytest.raises(RuntimeError, match="came to rest"):
        all_reduce(nodes=3)
