"""What is around one top: an accelerator, a host, and a noise source, all played by the bench."""

from random import Random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge
from interlock.model.log import ENTRY_BYTES, Entry
from interlock.model.messages import Kind, Message
from interlock.model.summary import Summary
from interlock_hdl.registers.map import read

from lib.axi import Rules, content, registers, sink, source
from lib.parameters import parameters

MULTIPLY_ADD = 0x21
HEADER_BYTES = 16
ADDRESS = {register.name: register.address for register in read().registers}


class Side:
    """One top of a :class:`~lib.pair.PairOfTops`, and everything that it is connected to but the link.

    Parameters
    ----------
    dut : the cocotb handle
    name : str
        Prefix of its ports.
    beat_bytes : int
    pattern : str
        When streams pause, as ``lib.patterns`` has it.
    random : Random

    Attributes
    ----------
    flops : int
        FLOPs of the op events since the last clear: what the accelerator knows it has done.
    clears : int
        Clears that were asked for.
    """

    def __init__(self, dut: Any, name: str, *, beat_bytes: int, pattern: str, random: Random) -> None:
        self.dut, self.name, self.random, self.beat_bytes = dut, name, random, beat_bytes
        options = {"pattern": pattern, "random": random}
        self._resetn = self.port("m_axis_rx_aresetn")
        cleared = {"reset": self._resetn, "reset_active_level": False}
        self.port("maker").value = 0x1A7E0001
        self.port("serial").value = ord(name[-1])
        for signal in ("clear_done", "event0__valid", "event0__op_class", "event0__count"):
            self.port(signal).value = 0
        self.tx = source(dut, f"{name}__s_axis_tx", **options, **cleared)
        self.rx = sink(dut, f"{name}__m_axis_rx", **options, **cleared)
        self.host_in = source(dut, f"{name}__s_axis_host", **options)
        self.host_out = sink(dut, f"{name}__m_axis_host", **options)
        if parameters()["sealed"]:
            self.keys = source(dut, f"{name}__s_axis_keys", **options)
        self.noise = source(dut, f"{name}__s_axis_random", **options)
        for _ in range(200):
            self.noise.send_nowait(random.randbytes(8))
        self.registers = registers(dut, f"{name}__s_axil", **options)
        self.rx_rules = Rules(dut, f"{name}__m_axis_rx", in_reset=lambda: not self._resetn.value)
        self.host_rules = Rules(dut, f"{name}__m_axis_host")
        self.flops = self.clears = 0
        cocotb.start_soon(self._clear())

    def port(self, name: str) -> Any:
        return getattr(self.dut, f"{self.name}__{name}")

    async def _clear(self) -> None:
        """The accelerator's side of a clear: wipes for a while, then says so."""
        request, done, edge = self.port("clear_request"), self.port("clear_done"), RisingEdge(self.dut.clk)
        while True:
            await edge
            if request.value and not self.dut.rst.value:
                self.clears += 1
                for _ in range(self.random.randint(1, 40)):
                    await edge
                self.flops = 0
                done.value = 1
                while request.value:
                    await edge
                done.value = 0

    @property
    def wants_keys(self) -> bool:
        """Its link waits for keys, and none are on their way."""
        is_open = bool(self.port("status_open").value)
        return is_open and bool(self.port("keys_wanted").value) and self.keys.idle()

    async def compute(self, multiply_adds: int) -> None:
        """One op event; twice as many FLOPs."""
        self.port("event0__op_class").value = MULTIPLY_ADD
        self.port("event0__count").value = multiply_adds
        self.port("event0__valid").value = 1
        await RisingEdge(self.dut.clk)
        self.port("event0__valid").value = 0
        if not self.port("clear_request").value:
            self.flops += 2 * multiply_adds

    async def read(self, register: str) -> int:
        """A register's word."""
        return int.from_bytes((await self.registers.read(ADDRESS[register], 4)).data, "little")

    async def write(self, register: str, word: int) -> None:
        await self.registers.write(ADDRESS[register], word.to_bytes(4, "little"))

    async def ready(self) -> None:
        """Waits for open gates and an open link, as the status says."""
        while not (self.port("status_open").value and self.port("status_links").value):
            await ClockCycles(self.dut.clk, 8)

    def send(self, kind: Kind, payload: bytes) -> None:
        """The accelerator sends a message to slot 0, or exports it."""
        self.tx.send_nowait(Message(kind, 0, payload).encode())

    def send_from_host(self, payload: bytes) -> None:
        self.host_in.send_nowait(Message(Kind.EXTERNAL, 0, payload).encode())

    async def receive(self) -> bytes | None:
        """The accelerator's next message; ``None`` where it was cut."""
        return content(await self.rx.recv(compact=False), self.beat_bytes)

    async def receive_at_host(self) -> bytes | None:
        return content(await self.host_out.recv(compact=False), self.beat_bytes)

    async def receive_export(self) -> tuple[list[Entry], Summary, bytes]:
        """Sessions of the log, summary and payload of an export; fails unless its three messages agree."""
        log, summary, export = [await self.receive_at_host() for _ in range(3)]
        assert log is not None
        assert summary is not None
        assert export is not None
        assert [log[0], summary[0], export[0]] == [Kind.LOG, Kind.SUMMARY, Kind.EXPORT]
        said = Summary.decode(summary[HEADER_BYTES:])
        words = [log[at : at + ENTRY_BYTES] for at in range(HEADER_BYTES, len(log), ENTRY_BYTES)]
        assert len(words) == said.n_sessions + said.n_externals
        entries = [Entry.decode(word) for word in words[: said.n_sessions]]
        payload = export[HEADER_BYTES:]
        assert said.total == sum(entry.flops for entry in entries)
        assert said.payload_length == len(payload)
        return entries, said, payload
