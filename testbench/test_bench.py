"""``interlock bench``: its figures are exact where they can be, and what the gateware must achieve."""

import functools
import itertools
import json

import pytest
from interlock import cli
from interlock.bench import core, traffic
from interlock.bench.against_cocotb import SpeedFigures, compare
from interlock.bench.core import BareInterlock, BenchFailed, CoreFigures, measure
from interlock.bench.report import FIGURES, MAIN, OTHERS
from interlock.wires import Segment
from interlock_hdl.config import InterlockConfig
from interlock_hdl.interlock import Interlock

PREFIX_BEATS = {4: 48, 16: 12}  # header, descriptor, four entries, tag
PAYLOAD_BEATS = {4: 2048, 16: 512}
FRAMING_BEATS = {4: 8, 16: 2}  # header and tag of a record


@pytest.fixture(scope="module", params=(MAIN, *OTHERS), ids=lambda beat_bytes: f"beats{beat_bytes}")
def figures(request):
    return measure(InterlockConfig(beat_bytes=request.param))


def test_there_is_no_idle_cycle_within_a_message(figures):
    assert figures.wire_beats_per_cycle == 1


def test_messages_follow_one_another_without_a_gap(figures):
    beats = figures.beat_bytes
    message = PREFIX_BEATS[beats] + PAYLOAD_BEATS[beats] + 2 * FRAMING_BEATS[beats]
    assert figures.payload_beats_per_cycle == pytest.approx(PAYLOAD_BEATS[beats] / message, rel=1e-12)
    assert figures.payload_beats_per_cycle >= 0.95


def test_a_receiver_keeps_up_with_the_wire(figures):
    assert figures.received_payload_beats_per_cycle == figures.payload_beats_per_cycle


@pytest.mark.parametrize("payload", [1, 64, 4096, 4097], ids=lambda length: f"{length} bytes")
@pytest.mark.parametrize("beat_bytes", [MAIN, *OTHERS], ids=lambda beat_bytes: f"beats{beat_bytes}")
def test_a_receiver_keeps_up_whatever_the_length(beat_bytes, payload):
    messages = [traffic.message(number, payload) for number in range(30)]
    on_link = traffic.link_beats(messages[:1], beat_bytes)
    released = traffic.beats(messages[:1], beat_bytes)
    with sending(beat_bytes) as sender, listening(beat_bytes) as receiver:
        sender.carry("tx", messages, to=core.LINK_TX, beats=30 * on_link)
        _, arriving = receiver.carry(core.LINK_RX, sender.pop(core.LINK_TX), to="rx", beats=30 * released)
        assert receiver.pop("rx") == messages
    starts = arriving[::released]
    assert {after - before for before, after in itertools.pairwise(starts)} == {on_link}


@functools.cache
def gateware(beat_bytes):
    return Interlock(config=InterlockConfig(beat_bytes=beat_bytes))


def sending(beat_bytes):
    sender = BareInterlock(gateware(beat_bytes), serial=1)
    sender.greet()
    return sender


def listening(beat_bytes):
    return BareInterlock(gateware(beat_bytes), serial=2)


def test_latencies(figures):
    found = (
        figures.egress_latency_cycles,
        figures.ingress_latency_cycles,
        figures.ingress_latency_one_beat_cycles,
    )
    assert found == {4: (14, 1035, 47), 16: (14, 267, 23)}[figures.beat_bytes]


def test_the_batch_engine_is_ten_times_as_fast_as_cocotb():
    speed = compare(InterlockConfig())
    assert speed.batch_vs_cocotb == speed.batch_cycles_per_second / speed.cocotb_cycles_per_second
    assert speed.batch_vs_cocotb >= 10


@pytest.fixture
def made_up(monkeypatch):
    """Figures for tests of the command line, which need not wait for any."""
    speed = SpeedFigures(batch_cycles_per_second=2e6, cocotb_cycles_per_second=1e5, batch_vs_cocotb=20.0)
    numbers = {name: number / 8 for number, name in enumerate(FIGURES)}
    monkeypatch.setattr(core, "measure", lambda config: CoreFigures(beat_bytes=config.beat_bytes, **numbers))
    monkeypatch.setattr("interlock.bench.report.compare", lambda config: speed)
    return numbers


@pytest.mark.parametrize("to_file", [True, False], ids=["file", "terminal"])
def test_json_has_every_figure(to_file, made_up, tmp_path, capsys):
    path = tmp_path / "core.json"
    with pytest.raises(SystemExit, match="0"):
        cli.main(["bench", "core", "--json", str(path) if to_file else "-"])
    printed = capsys.readouterr().out
    report = json.loads(path.read_text() if to_file else printed)
    assert ("batch engine against cocotb" in printed) == to_file
    assert report | made_up | {"batch_vs_cocotb": 20, "beat_bytes": 16} == report
    assert report["other_builds"] == [made_up | {"beat_bytes": 4}]
    assert report["traffic"] == {"messages": 24, "payload_bytes": 8192, "log_entries": 4}
    assert set(report["versions"]) == {"interlock", "python", "amaranth", "cocotb", "verilator", "g++"}


@pytest.mark.parametrize("path", ["nowhere/core.json", "."], ids=["no folder", "a folder"])
def test_a_file_that_cannot_be_written_is_found_out_first(path, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("interlock.cli.bench.report", lambda: pytest.fail("measured all the same"))
    with pytest.raises(SystemExit, match="2"):
        cli.main(["bench", "--json", path])
    assert f"{path}: cannot be written" in capsys.readouterr().err


@pytest.fixture(scope="module")
def interlock():
    with BareInterlock(gateware(16), serial=1) as bare:
        yield bare


def test_beats_that_do_not_come_are_an_error(interlock, monkeypatch):
    monkeypatch.setattr(core, "_PATIENCE", 1000)
    one = traffic.message(0, 16)
    with pytest.raises(BenchFailed, match="9 of 16 beats came out of links__0__tx"):
        interlock.carry("tx", [one], to=core.LINK_TX, beats=16)
    with pytest.raises(BenchFailed, match="alarm did not become 1"):
        interlock.wait("alarm", 1)


def test_bytes_that_changed_are_an_error(monkeypatch):
    def pop(self, stream):
        items = unchanged(self, stream)
        return [Segment(one.data[:-1] + b"!", True, True) for one in items] if stream == "rx" else items

    unchanged = BareInterlock.pop
    monkeypatch.setattr(BareInterlock, "pop", pop)
    with pytest.raises(BenchFailed, match="1 messages sent, 1 were released, or not as they were sent"):
        measure(InterlockConfig())
