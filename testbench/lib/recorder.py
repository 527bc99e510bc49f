"""A sink for tests of flushes, wipes, latency and throughput: it notes when, and it can be stopped."""

from collections.abc import Callable
from random import Random
from typing import Any

import cocotb
from amaranth.hdl import ShapeLike
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time

from lib.patterns import pauses
from lib.streams import CLOCK_NS, unpack, watch


def cycle_number() -> int:
    """Number of the cycle that ends with the current edge, from an arbitrary origin."""
    return int(get_sim_time("ps")) // (1000 * CLOCK_NS)


class Recorder:
    """Takes payloads from an output stream, and keeps each with the number of the cycle of its transfer.

    Fails the test when a payload changes or goes away before it is taken, unless ``unless`` says that it may.

    Parameters as of :class:`lib.streams.StreamSink`.

    Attributes
    ----------
    taken : list of (cycle, payload)
    stalled : bool
        Set it to take nothing.
    """

    def __init__(
        self,
        dut: Any,
        name: str,
        shape: ShapeLike,
        *,
        pattern: str = "none",
        random: Random,
        unless: Callable[[], bool] = lambda: False,
    ) -> None:
        self.taken: list[tuple[int, Any]] = []
        self.stalled = False
        watch(dut, name, unless=unless)
        cocotb.start_soon(self._run(dut, name, shape, pauses(pattern, random)))

    @property
    def payloads(self) -> list[Any]:
        """What was taken, without the cycles."""
        return [payload for _, payload in self.taken]

    def since(self, cycle: int) -> list[Any]:
        """What was taken in that cycle and later."""
        return [payload for when, payload in self.taken if when >= cycle]

    async def _run(self, dut: Any, name: str, shape: ShapeLike, pause: Any) -> None:
        payload, valid, ready = (getattr(dut, f"{name}__{part}") for part in ("payload", "valid", "ready"))
        clock = RisingEdge(dut.clk)
        while True:
            takes = not self.stalled and not next(pause)
            ready.value = takes
            await clock
            if takes and valid.value and not dut.rst.value:
                self.taken.append((cycle_number(), unpack(shape, int(payload.value))))
