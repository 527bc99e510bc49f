"""The bench library itself: what it catches, and that it adds nothing of its own."""

from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out
from interlock_hdl.beat import Beat, beat_stream
from lib.beats import BeatValue, beats_of, message_of, messages_of
from lib.parameters import SEED
from lib.patterns import PATTERNS
from lib.run import SimulationBroke, run
from lib.streams import pack, unpack


class Keeper(wiring.Component):
    """A register behind a module boundary, to be tampered with."""

    i: In(8)
    kept: Out(8)

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.kept.eq(self.i)
        return m


class BeatFifo(wiring.Component):
    """A FIFO of beats.  With a ``fault`` it breaks a rule of streams, as a sink must notice."""

    def __init__(self, *, beat_bytes, fault=None):
        self.beat_bytes = beat_bytes
        self.fault = fault
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "o": Out(beat_stream(beat_bytes)),
                "spare": In(8),
                "kept": Out(8),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = Keeper()
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=Beat(self.beat_bytes).size, depth=4)
        m.d.comb += [
            inner.i.eq(self.spare),
            self.kept.eq(inner.kept),
            fifo.w_data.eq(self.i.payload),
            fifo.w_en.eq(self.i.valid),
            self.i.ready.eq(fifo.w_rdy),
            self.o.payload.eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready & self.o.valid),
        ]
        tick = Signal()
        m.d.sync += tick.eq(~tick)
        match self.fault:
            case "withdraws":
                m.d.comb += self.o.valid.eq(fifo.r_rdy & tick)
            case "changes":
                m.d.comb += self.o.payload.data[0].eq(tick)
        return m


def check_fifo(beat_bytes=4, *, testcase, idle="none", stall="none", fault=None, **options):
    fifo = BeatFifo(beat_bytes=beat_bytes, fault=fault)
    case = {"beat_bytes": beat_bytes, "idle": idle, "stall": stall}
    return run(fifo, "lib_tests", parameters=case, testcase=testcase, **options)


@pytest.mark.parametrize("stall", PATTERNS)
@pytest.mark.parametrize("idle", PATTERNS)
def test_messages_pass_a_fifo_under_every_pattern(idle, stall):
    assert check_fifo(testcase="messages_pass_unharmed", idle=idle, stall=stall) == ["messages_pass_unharmed"]


def test_wide_beats_pass_and_the_bench_adds_no_idle_cycles():
    names = ["messages_pass_unharmed", "a_beat_a_cycle_without_pauses"]
    assert check_fifo(16, testcase=names, idle="half", stall="half") == names


def test_public_models_can_be_tampered_with():
    assert check_fifo(testcase="reads_and_deposits_inside", public=True)


def test_failures_are_named_with_their_reason():
    with pytest.raises(AssertionError, match=r"fails_on_purpose: .*the reason why"):
        check_fifo(testcase=["messages_pass_unharmed", "fails_on_purpose"])


def test_running_out_of_simulated_time_is_a_failure():
    with pytest.raises(AssertionError, match="waits_for_ever"):
        check_fifo(testcase="waits_for_ever")


@pytest.mark.parametrize("testcase", ["never_yields", "does_not_exist"], ids=["hangs", "missing"])
def test_no_verdict_is_an_error(testcase):
    with pytest.raises(SimulationBroke):
        check_fifo(testcase=testcase, timeout_seconds=3)


@pytest.mark.parametrize(("fault", "finding"), [("withdraws", "o withdrew"), ("changes", "o changed")])
def test_sink_catches_a_stream_that_does_not_hold_still(fault, finding):
    with pytest.raises(AssertionError, match=finding):
        check_fifo(testcase="messages_pass_unharmed", stall="half", fault=fault)


def test_waves_are_written_on_request(capfd):
    check_fifo(testcase="a_beat_a_cycle_without_pauses", waves=True)
    folder = capfd.readouterr().out.rsplit("simulated in ", 1)[1].strip()
    assert "$enddefinitions" in (Path(folder) / "dump.vcd").read_text()


def test_seed_is_printed_and_can_be_chosen(capfd, monkeypatch):
    monkeypatch.setenv(SEED, "77")
    check_fifo(testcase="messages_pass_unharmed")
    assert f"{SEED}=77" in capfd.readouterr().out


def test_a_second_run_builds_nothing(capfd):
    check_fifo(testcase="a_beat_a_cycle_without_pauses")
    capfd.readouterr()
    check_fifo(testcase="a_beat_a_cycle_without_pauses")
    assert "building" not in capfd.readouterr().err


def test_values_pack_by_the_layout():
    value = {"data": 0xA1B2C3D4, "keep": 0b0111, "first": 0, "last": 1}
    assert pack(Beat(4), value) == Beat(4).const(value).as_value().value
    assert unpack(Beat(4), pack(Beat(4), value)) == value
    with pytest.raises(ValueError, match="fields are"):
        pack(Beat(4), {"data": 0})


@pytest.mark.parametrize("beat_bytes", [4, 16])
@pytest.mark.parametrize("length", [1, 3, 4, 5, 15, 16, 17, 64])
def test_messages_are_beats_and_back(length, beat_bytes):
    message = bytes(range(1, length + 1))
    beats = beats_of(message, beat_bytes)
    assert len(beats) == -(-length // beat_bytes)
    assert messages_of(beats + beats, beat_bytes) == [message, message]


@pytest.mark.parametrize(
    "beat",
    [
        pytest.param(BeatValue(bytes(4), 0, True, True), id="keep empty"),
        pytest.param(BeatValue(bytes(4), 0b1011, True, True), id="keep with a hole"),
        pytest.param(BeatValue(bytes(4), 0b1110, True, True), id="keep not from byte 0"),
        pytest.param(BeatValue(bytes(4), 0b1111, False, True), id="no first"),
        pytest.param(BeatValue(bytes(4), 0b1111, True, False), id="no last"),
    ],
)
def test_ill_formed_beats_are_no_message(beat):
    with pytest.raises(AssertionError):
        message_of([beat], 4)
