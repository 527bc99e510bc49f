"""How much faster the batch engine simulates than cocotb does: the same gateware, the same traffic."""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interlock_hdl.config import InterlockConfig
from interlock_hdl.interlock import Interlock

from interlock import toolchain
from interlock.bench import traffic
from interlock.bench.opened import SERIAL, opened
from interlock.bench.pair import LINK_TX, MAKER, SETTLING, BenchFailed
from interlock.device import cocotb_model, verilate
from interlock.device.interface import beat_fields
from interlock.device.tokens import FIRST, LAST, tokens_of
from interlock.wires import Segment

MESSAGES = 32
"""Messages back to back in a round."""
ROUNDS = 5
"""The fastest one counts: it was disturbed least by what else the machine does."""


@dataclass(frozen=True, kw_only=True)
class SpeedFigures:
    """Simulated cycles per second of processor time, on this machine.

    Attributes
    ----------
    batch_cycles_per_second, cocotb_cycles_per_second : float
    batch_vs_cocotb : float
        The ratio of the two.
    """

    batch_cycles_per_second: float
    cocotb_cycles_per_second: float
    batch_vs_cocotb: float


def compare(config: InterlockConfig, *, rounds: int = ROUNDS) -> SpeedFigures:
    """Sends the same messages through both, ``rounds`` times.

    Raises
    ------
    BenchFailed
        If they do not send the same beats.
    ToolMissing
        If there is no cocotb.
    """
    sent = [traffic.message(number) for number in range(MESSAGES)]
    by_batch, batch_link = _batch(config, sent, rounds)
    by_cocotb, cocotb_link = _cocotb(config, sent, rounds)
    if batch_link != cocotb_link:
        raise BenchFailed("the batch engine and cocotb did not see the same beats on the link")
    return SpeedFigures(
        batch_cycles_per_second=by_batch,
        cocotb_cycles_per_second=by_cocotb,
        batch_vs_cocotb=by_batch / by_cocotb,
    )


def _batch(config: InterlockConfig, sent: Sequence[Segment], rounds: int) -> tuple[float, list[int]]:
    """Cycles per second, and the beats."""
    due = traffic.link_beats(sent, config.beat_bytes)
    speeds: list[float] = []
    link: list[Segment] = []
    with opened(config, runs_long=True) as rtl:
        for _ in range(rounds):
            first_cycle, began = rtl.cycles, time.process_time()
            rtl.push("tx", sent)
            left = due
            while left > 0 and rtl.cycles < first_cycle + 4 * due:
                rtl.run(left)
                some = [item for item in rtl.pop(LINK_TX) if isinstance(item, Segment)]
                left -= traffic.beats(some, config.beat_bytes)
                link += some
            speeds.append((rtl.cycles - first_cycle) / (time.process_time() - began))
    return max(speeds), _payloads(link, config.beat_bytes)


def _cocotb(config: InterlockConfig, sent: Sequence[Segment], rounds: int) -> tuple[float, list[int]]:
    """Cycles per second, and the beats."""
    folder = verilate.build(Interlock(config=config), cocotb_model.recipe(runs_long=True))
    test_dir = toolchain.build_folder() / "bench" / folder.name
    with toolchain.locked(test_dir.with_suffix(".lock")):
        shutil.rmtree(test_dir, ignore_errors=True)
        test_dir.mkdir(parents=True)
        task, result = test_dir / "task.json", test_dir / "result.json"
        task.write_text(
            json.dumps(
                {
                    "maker": MAKER,
                    "serial": SERIAL,
                    "random": [SERIAL] * (2 + config.key_words),
                    "settling": SETTLING,
                    "greeting": _payloads(traffic.greeting(), config.beat_bytes),
                    "first": _payloads([traffic.message(0, 16)], config.beat_bytes),
                    "tx": _payloads(sent, config.beat_bytes),
                    "beats": traffic.link_beats(sent, config.beat_bytes),
                    "rounds": rounds,
                }
            )
        )
        broken = cocotb_model.simulate(
            folder,
            test_dir,
            "interlock.bench.cocotb_side",
            environment={"INTERLOCK_BENCH_TASK": str(task), "INTERLOCK_BENCH_RESULT": str(result)},
        )
        if broken or not result.is_file():
            raise BenchFailed(f"cocotb failed: {broken or 'no result'}, see {test_dir / 'simulation.log'}")
        found: list[dict[str, Any]] = json.loads(result.read_text())
    return max(one["cycles_per_second"] for one in found), [beat for one in found for beat in one["link"]]


def _payloads(segments: Sequence[Segment], beat_bytes: int) -> list[int]:
    """Beats as the payloads of a stream."""
    at = beat_fields(beat_bytes)
    return [
        int.from_bytes(token["data"].tobytes(), "little") << at["data"]
        | int(token["keep"]) << at["keep"]
        | bool(token["ends"] & FIRST) << at["first"]
        | bool(token["ends"] & LAST) << at["last"]
        for token in tokens_of(segments, beat_bytes)
    ]
