"""Sources and sinks for Amaranth streams, for cocotb benches.

A stream member ``i`` of a component has the Verilog ports ``i__payload``, ``i__valid`` and ``i__ready``.
Every bench component samples at the rising edge and drives right after it, as a register would.
"""

import functools
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from random import Random
from typing import Any

import cocotb
from amaranth.hdl import Shape, ShapeLike
from amaranth.lib import data
from cocotb.clock import Clock
from cocotb.triggers import Event, RisingEdge, Timer
from interlock_hdl.beat import Beat

from lib.beats import BeatValue, beats_of, message_of
from lib.patterns import pauses

CLOCK_NS = 10
PATIENCE = 100_000
"""Cycles that a bench waits for what must come: a block that stands still is wrong, too."""
"""Of a cycle."""


Codec = tuple[Callable[[Any], int], Callable[[int], Any]]
"""From a value to bits, and back."""


beat_layout = functools.cache(Beat)
"""The layout of a beat, by its bytes: one for all, for benches want it in every cycle."""

_CODECS: dict[int, tuple[ShapeLike, Codec]] = {}
"""By identity of the shape, which stays its own as it is kept: to hash a layout takes longer than to pack."""


def codec(shape: ShapeLike) -> Codec:
    """What :func:`pack` and :func:`unpack` do for one shape, looked into once."""
    known = _CODECS.get(id(shape))
    if known is None:
        known = _CODECS[id(shape)] = shape, _codec(shape)
    return known[1]


@functools.cache
def _codec(shape: ShapeLike) -> Codec:
    if not isinstance(shape, data.StructLayout):
        mask = (1 << Shape.cast(shape).width) - 1
        return (lambda value: int(value) & mask), (lambda bits: bits & mask)
    fields = [(name, field.offset, *codec(field.shape)) for name, field in shape]
    names = set(shape.members)

    def pack_fields(value: Mapping[str, Any]) -> int:
        if value.keys() != names:
            raise ValueError(f"fields are {sorted(names)}, not {sorted(value)}")
        return sum(pack(value[name]) << offset for name, offset, pack, _ in fields)

    def unpack_fields(bits: int) -> dict[str, Any]:
        return {name: unpack(bits >> offset) for name, offset, _, unpack in fields}

    return pack_fields, unpack_fields


def pack(shape: ShapeLike, value: Any) -> int:
    """Bits of ``value``: an integer, or a mapping from the fields of a layout to values."""
    return codec(shape)[0](value)


def unpack(shape: ShapeLike, bits: int) -> Any:
    """The reverse of :func:`pack`: an integer, or a dictionary."""
    return codec(shape)[1](bits)


async def start(dut: Any, *, reset_cycles: int = 2) -> None:
    """Starts the clock, holds reset for some cycles, and returns after the first edge without it."""
    cocotb.start_soon(Clock(dut.clk, CLOCK_NS, unit="ns").start())
    dut.rst.value = 1
    await cycles(dut, reset_cycles)
    dut.rst.value = 0
    await cycles(dut, 1)


async def cycles(dut: Any, count: int) -> None:
    """Waits for ``count`` rising edges."""
    clock = RisingEdge(dut.clk)
    for _ in range(count):
        await clock


async def until(dut: Any, condition: Callable[[], bool], *, patience: int = PATIENCE) -> None:
    """Waits for the edge at which something is so; fails where it is not within ``patience`` cycles."""
    clock = RisingEdge(dut.clk)
    for _ in range(patience):
        if condition():
            return
        await clock
    raise AssertionError(f"nothing comes within {patience} cycles")


async def idle(count: int) -> None:
    """Some cycles in which the bench has nothing to look at, and is not woken; ends with an edge."""
    if count > 0:
        await Timer(count * CLOCK_NS, unit="ns")


class _Port:
    """The three signals of a stream."""

    def __init__(self, dut: Any, name: str, shape: ShapeLike) -> None:
        self.dut, self.name = dut, name
        self.pack, self.unpack = codec(shape)
        self.payload = getattr(dut, f"{name}__payload")
        self.valid = getattr(dut, f"{name}__valid")
        self.ready = getattr(dut, f"{name}__ready")

    @property
    def bits(self) -> int:
        return int(self.payload.value)


class StreamSource:
    """Offers payloads to an input stream, in order, each until it is taken.

    Parameters
    ----------
    dut : the cocotb handle
    name : the stream's member path, joined by ``__``
    shape : shape or layout of the payload
    pattern : one of ``patterns.PATTERNS``; pauses lie between payloads, an offered one is not withdrawn
    random : decides the pauses
    """

    def __init__(
        self, dut: Any, name: str, shape: ShapeLike, *, pattern: str = "none", random: Random
    ) -> None:
        self._port = _Port(dut, name, shape)
        self._pauses = pauses(pattern, random)
        self._queue: deque[int] = deque()
        self._filled, self._drained = Event(), Event()
        self._drained.set()
        self.taken = 0
        self._withdrawn = False
        self._port.valid.value = 0
        cocotb.start_soon(self._run())

    def send(self, *payloads: Any) -> None:
        """Queues payloads: integers or mappings, as the shape wants."""
        self._queue.extend(map(self._port.pack, payloads))
        if self._queue:
            self._drained.clear()
            self._filled.set()

    async def drained(self) -> None:
        """Returns when everything queued has been taken."""
        await self._drained.wait()

    def pause(self, cycles: int) -> None:
        """Offers nothing for some cycles, once what is offered now has been taken."""
        self._pauses = chain([True] * cycles, self._pauses)

    def withdraw(self) -> None:
        """Forgets what is queued, and what is offered: as where a block upstream is flushed."""
        self._queue.clear()
        self._withdrawn = True
        self._port.valid.value = 0

    async def _run(self) -> None:
        port = self._port
        clock = RisingEdge(port.dut.clk)
        while True:
            while not self._queue:
                self._drained.set()
                self._filled.clear()
                await self._filled.wait()
                await clock
            while next(self._pauses):
                await clock
            if not self._queue:  # withdrawn meanwhile
                continue
            port.payload.value = self._queue.popleft()
            port.valid.value = 1
            self._withdrawn = False
            await clock
            while not (port.ready.value or self._withdrawn):
                await clock
            self.taken += 1
            port.valid.value = 0


class StreamSink:
    """Takes payloads from an output stream; fails the test when one changes or goes away before it is taken.

    Parameters as of :class:`StreamSource`; pauses hold ``ready`` low.  ``unless`` as of :func:`watch`.
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
        self._port = _Port(dut, name, shape)
        self._pauses = pauses(pattern, random)
        self._always_ready = pattern == "none"
        self._received: deque[Any] = deque()
        self._arrived = Event()
        self._count = 0
        self._awaited = False
        watch(dut, name, unless=unless)
        cocotb.start_soon(self._run())
        cocotb.start_soon(self._look(name))

    @property
    def received(self) -> list[Any]:
        """What has arrived and was not yet asked for."""
        return list(self._received)

    def take(self) -> list[Any]:
        """What has arrived and was not yet asked for; it is asked for now."""
        received = self.received
        self._received.clear()
        return received

    async def receive(self) -> Any:
        """The next payload, an integer or a dictionary; waits for it."""
        while not self._received:
            self._arrived.clear()
            self._awaited = True
            await self._arrived.wait()
        self._awaited = False
        return self._received.popleft()

    async def receive_many(self, count: int) -> list[Any]:
        """The next ``count`` payloads."""
        return [await self.receive() for _ in range(count)]

    async def _run(self) -> None:
        port = self._port
        clock, reset, offer = RisingEdge(port.dut.clk), port.dut.rst, RisingEdge(port.valid)
        driven: bool | None = None
        while True:
            ready = not next(self._pauses)
            if ready != driven:
                port.ready.value = driven = ready
            if self._always_ready and not port.valid.value:
                await offer  # meanwhile there is nothing to do, and to be woken takes time
            await clock
            if ready and port.valid.value and not reset.value:
                self._received.append(port.unpack(port.bits))
                self._count += 1
                self._arrived.set()

    async def _look(self, name: str) -> None:
        """Fails the test where what somebody waits for does not come."""
        while True:
            awaited, count = self._awaited, self._count
            await Timer(PATIENCE * CLOCK_NS, unit="ns")
            assert not (awaited and self._awaited) or self._count != count, f"nothing comes out of {name}"


class BeatSource(StreamSource):
    """A :class:`StreamSource` of beats, which takes whole messages."""

    def __init__(self, dut: Any, name: str, beat_bytes: int, **options: Any) -> None:
        self.beat_bytes = beat_bytes
        super().__init__(dut, name, beat_layout(beat_bytes), **options)

    def send_message(self, message: bytes) -> None:
        """Queues the beats of one message or record."""
        self.send_beats(beats_of(message, self.beat_bytes))

    def send_beats(self, beats: Iterable[BeatValue]) -> None:
        """Queues beats as they are, legal or not."""
        self.send(*(beat.fields() for beat in beats))


class BeatSink(StreamSink):
    """A :class:`StreamSink` of beats, which gives whole messages, and fails on ill-formed ones."""

    def __init__(self, dut: Any, name: str, beat_bytes: int, **options: Any) -> None:
        self.beat_bytes = beat_bytes
        super().__init__(dut, name, beat_layout(beat_bytes), **options)

    async def receive_beat(self) -> BeatValue:
        """The next beat."""
        return BeatValue.of(await self.receive(), self.beat_bytes)

    async def receive_message(self) -> bytes:
        """The bytes of the next message or record."""
        beats = [await self.receive_beat()]
        while not beats[-1].last:
            beats.append(await self.receive_beat())
        return message_of(beats, self.beat_bytes)


def watch(dut: Any, name: str, *, unless: Callable[[], bool] = lambda: False) -> None:
    """Fails the test when the stream withdraws or changes a payload that was offered and not taken.

    ``unless`` says when that is allowed, such as during a wipe; a reset always allows it.
    """
    port = _Port(dut, name, 1)
    clock, reset, offer = RisingEdge(dut.clk), dut.rst, RisingEdge(port.valid)

    async def check() -> None:
        offered: int | None = None
        while True:
            if offered is None and not port.valid.value:
                await offer  # meanwhile nothing can be broken
            await clock
            valid = bool(port.valid.value)
            if not valid and offered is None:
                continue
            if reset.value or unless():
                offered = None
                continue
            bits = port.bits if valid else None
            if offered is not None:
                assert valid, f"{name} withdrew a payload that was not taken"
                assert bits == offered, (
                    f"{name} changed a payload that was not taken: {offered:#x} to {bits:#x}"
                )
            offered = bits if valid and not port.ready.value else None

    cocotb.start_soon(check())


def fields(shape: data.StructLayout, **values: int) -> Mapping[str, int]:
    """Values of a layout's fields, those not named being zero."""
    return {name: values.get(name, 0) for name in shape.members}
