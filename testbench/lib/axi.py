"""AXI ports of a top in cocotb: drivers are cocotbext-axi's, rules are checked here, cycle by cycle."""

import logging
import warnings
from collections.abc import Callable
from random import Random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from lib.patterns import pauses

# What cocotbext-axi says of each frame, and of its own age, is too much.
logging.getLogger("cocotb.top").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"cocotbext\.axi")


def source(dut: Any, name: str, *, pattern: str, random: Random, **reset: Any) -> AxiStreamSource:
    """What sends on the stream ``name``; pauses as ``lib.patterns`` has them."""
    made = AxiStreamSource(
        AxiStreamBus.from_prefix(dut, f"{name}_"), dut.clk, **(reset or {"reset": dut.rst})
    )
    if pattern != "none":
        made.set_pause_generator(pauses(pattern, random))
    return made


def sink(dut: Any, name: str, *, pattern: str, random: Random, **reset: Any) -> AxiStreamSink:
    """What receives on the stream ``name``."""
    made = AxiStreamSink(AxiStreamBus.from_prefix(dut, f"{name}_"), dut.clk, **(reset or {"reset": dut.rst}))
    if pattern != "none":
        made.set_pause_generator(pauses(pattern, random))
    return made


def registers(dut: Any, name: str, *, pattern: str, random: Random) -> AxiLiteMaster:
    """The host on the register bus, with pauses of its own on each of the five channels."""
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, f"{name}_"), dut.clk, dut.rst)
    write, read = master.write_if, master.read_if
    if pattern == "none":
        return master
    for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel):
        channel.set_pause_generator(pauses(pattern, Random(random.random())))
    return master


def content(frame: AxiStreamFrame, beat_bytes: int) -> bytes | None:
    """Bytes of a frame received with ``compact=False``; ``None`` if an end mark says that it was cut."""
    if not any(frame.tkeep[-beat_bytes:]):
        return None
    return bytes(byte for byte, keep in zip(frame.tdata, frame.tkeep, strict=True) if keep)


class Rules:
    """Fails the test where a stream out breaks AXI4-Stream, or D4's rule of ``tkeep``.

    Parameters
    ----------
    dut : the cocotb handle
    name : str
        The stream.
    in_reset : callable
        Whether the port's reset is low in this cycle.

    Attributes
    ----------
    transfers, marks : int
        How many were taken, and how many of them were end marks.
    stalls : int
        Cycles in which something was offered and not taken: where there are none, little was checked.
    """

    def __init__(self, dut: Any, name: str, *, in_reset: Callable[[], bool] = lambda: False) -> None:
        self.name = name
        self.transfers = self.marks = self.stalls = 0
        self._dut, self._in_reset = dut, in_reset
        self._bus = {part: getattr(dut, f"{name}__{part}") for part in ("tdata", "tkeep", "tlast")}
        self._valid, self._ready = getattr(dut, f"{name}__tvalid"), getattr(dut, f"{name}__tready")
        cocotb.start_soon(self._check())

    async def _check(self) -> None:
        full = (1 << len(self._bus["tkeep"])) - 1
        clock = RisingEdge(self._dut.clk)
        offered: dict[str, int] | None = None
        while True:
            await clock
            valid = bool(self._valid.value)
            if offered is None and not valid:
                continue
            if self._dut.rst.value or self._in_reset():
                assert self._dut.rst.value or not valid, f"{self.name} is valid in reset"
                offered = None
                continue
            assert valid, f"{self.name} withdrew what was not taken"
            now = {part: int(handle.value) for part, handle in self._bus.items()}
            assert offered in (None, now), f"{self.name} changed what was not taken: {offered} to {now}"
            keep, last = now["tkeep"], now["tlast"]
            assert keep == full or (last and keep & (keep + 1) == 0), f"{self.name}: keep {keep:#b}"
            assert keep or not now["tdata"], f"{self.name}: an end mark shows data"
            if self._ready.value:
                self.transfers += 1
                self.marks += not keep
                offered = None
            else:
                self.stalls += 1
                offered = now
