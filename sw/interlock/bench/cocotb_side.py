"""Runs in the simulator: the traffic of ``against_cocotb.py``, one ``await RisingEdge`` a cycle.

As lean as that can be: in each cycle a bit is read at either end, and a payload where a beat goes over.
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

PATIENCE = 20_000


@cocotb.test()
async def traffic(dut: Any) -> None:
    """Reads what to send, and writes how long each round took and what came out."""
    task = json.loads(Path(os.environ["INTERLOCK_BENCH_TASK"]).read_text())
    Clock(dut.clk, 10, unit="ns").start()
    dut.rst.value = 1
    for _ in range(4):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await _open(dut, task)

    rounds = [await _round(dut, task["tx"], beats=task["beats"]) for _ in range(task["rounds"])]
    Path(os.environ["INTERLOCK_BENCH_RESULT"]).write_text(json.dumps(rounds))


async def _round(dut: Any, tx: Sequence[int], *, beats: int) -> dict[str, Any]:
    """Sends everything once."""
    link: list[Any] = []
    clock = RisingEdge(dut.clk)
    began = time.process_time()
    cycles = taken = 0
    dut.tx__payload.value = tx[0]
    dut.tx__valid.value = 1
    while len(link) < beats and cycles < PATIENCE:
        await clock
        cycles += 1
        if taken < len(tx) and dut.tx__ready.value:
            taken += 1
            if taken < len(tx):
                dut.tx__payload.value = tx[taken]
            else:
                dut.tx__valid.value = 0
        if dut.links__0__tx__valid.value:
            link.append(dut.links__0__tx__payload.value)
    seconds = time.process_time() - began
    return {"cycles_per_second": cycles / seconds, "link": [int(payload) for payload in link]}


async def _open(dut: Any, task: dict[str, Any]) -> None:
    """A session, an epoch on link 0, a peer's grant, and a first message, as in ``against_cocotb``."""
    dut.maker.value = task["maker"]
    dut.serial.value = task["serial"]
    for ready in (dut.links__0__tx__ready, dut.rx__ready):
        ready.value = 1
    dut.clear_done.value = 1
    await _offer(dut, "random", task["random"])
    await _until(dut, dut.clear_request, 0)
    dut.clear_done.value = 0
    await _until(dut, dut.is_open, 1)
    dut.links__0__rx_levels__up.value = 1
    await RisingEdge(dut.clk)
    dut.links__0__rx_levels__heard.value = 1
    await _until(dut, dut.link_open, 1)
    for stream in ("links__0__rx", "tx"):
        await _offer(dut, stream, task["greeting" if stream != "tx" else "first"])
        for _ in range(task["settling"]):
            await RisingEdge(dut.clk)


async def _offer(dut: Any, stream: str, payloads: Sequence[int]) -> None:
    """Offers each payload until it is taken."""
    for payload in payloads:
        getattr(dut, f"{stream}__payload").value = payload
        getattr(dut, f"{stream}__valid").value = 1
        await RisingEdge(dut.clk)
        await _until(dut, getattr(dut, f"{stream}__ready"), 1, here=True)
    getattr(dut, f"{stream}__valid").value = 0


async def _until(dut: Any, output: Any, value: int, *, here: bool = False) -> None:
    """Waits until ``output`` has this value; with ``here`` it may have it in the cycle that ends now."""
    for _ in range(PATIENCE):
        if not here:
            await RisingEdge(dut.clk)
        if int(output.value) == value:
            return
        here = False
    raise TimeoutError(f"{output._name} did not become {value}")
