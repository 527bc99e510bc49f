"""When things happened at streams, cycle by cycle."""

from typing import Any

import cocotb
from cocotb.triggers import RisingEdge


class Times:
    """Notes for some streams, by name, the cycles in which a payload was taken, and was offered first.

    A cycle's number is that of the clock edge at its end, counted from when this was made.
    """

    def __init__(self, dut: Any, *streams: str) -> None:
        self.cycle = 0
        self.taken: dict[str, list[int]] = {name: [] for name in streams}
        self.offered: dict[str, list[int]] = {name: [] for name in streams}
        cocotb.start_soon(self._run(dut, streams))

    def clear(self) -> None:
        """Forgets what was noted, but not the time."""
        for cycles in (*self.taken.values(), *self.offered.values()):
            cycles.clear()

    async def _run(self, dut: Any, streams: tuple[str, ...]) -> None:
        ports = [(name, getattr(dut, f"{name}__valid"), getattr(dut, f"{name}__ready")) for name in streams]
        is_held = dict.fromkeys(streams, False)
        while True:
            await RisingEdge(dut.clk)
            for name, valid, ready in ports:
                is_valid, is_ready = bool(valid.value), bool(ready.value)
                if is_valid and not is_held[name]:
                    self.offered[name].append(self.cycle)
                if is_valid and is_ready:
                    self.taken[name].append(self.cycle)
                is_held[name] = is_valid and not is_ready
            self.cycle += 1
