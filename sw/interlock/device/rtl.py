"""Any Amaranth component as a Verilated model that runs in this process, driven in batches."""

import ctypes
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

import jinja2
import numpy as np
import numpy.typing as npt
from amaranth.lib import wiring
from interlock_hdl.trace import EVENTS

from interlock.device import tokens, verilate
from interlock.device.held import Held
from interlock.device.interface import Interface, Queue, beat_fields, op_event_fields
from interlock.device.state import Cell, State, cells_of
from interlock.errors import Malformed
from interlock.wires import Event, OpRun, Rolled

_HERE = Path(__file__).parent
_LIBRARY = "model.so"
_RESET_CYCLES = 4


class Rtl:
    """A Verilated component with queues on its streams.

    Its ports are found in its signature: streams of ``Beat`` or of words up to 64 bits, ``LinkPort`` members,
    plain inputs and outputs, and, where there are such members, ``trace`` and ``monitor``.  Each is named by
    its path, joined by ``__``, as in Verilog; a link port is two queues, ``…__rx`` and ``…__tx``, with its
    levels in order with the beats.  Whatever is pushed waits until the component takes it, whatever it offers
    is taken, unless a pause was asked for.

    Instances share nothing.  :meth:`run` lets other threads run; one instance is for one thread at a time.

    Parameters
    ----------
    component : wiring.Component
    name : str, optional
        Name of the model's folder; the component's class otherwise.
    waves : bool
        Can write waves.  Slower.
    runs_long : bool
        Compiled with all care: twice as long to build, and about half as fast again.
    state : bool
        Can show its registers and memories.
    """

    def __init__(
        self,
        component: wiring.Component,
        *,
        name: str | None = None,
        waves: bool = False,
        runs_long: bool = False,
        state: bool = False,
    ) -> None:
        self.interface = Interface.of(component)
        self._queues = {queue.name: queue for queue in self.interface.queues}
        self._signals = {signal.name: signal for signal in self.interface.signals}
        self._events = list(self.interface.events.items())
        self._waves = waves
        recipe = _recipe(self.interface, waves=waves, state=state, runs_long=runs_long)
        folder = _build(component, recipe, name or type(component).__name__)
        self._library = _load(folder / _LIBRARY)
        self._model: int | None = self._library.interlock_create()
        self._cells: list[Cell] = []
        if state:
            names = self._library.interlock_cells(self._model).decode()
            self._cells = cells_of(names, (folder / f"{verilate.TOP}.v").read_text())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_model"):
            self.close()

    def close(self) -> None:
        """Gives the model's memory back."""
        model, self._model = self._model, None
        if model is not None:
            self._library.interlock_destroy(model)

    @property
    def _handle(self) -> int:
        if self._model is None:
            raise Malformed("this model was closed")
        return self._model

    @property
    def cycles(self) -> int:
        """Clock cycles since reset."""
        return int(self._library.interlock_cycle(self._handle))

    def push(self, name: str, items: Iterable[tokens.Item] | Iterable[int]) -> None:
        """Queues items for an input stream: wire items, or integers where it is a stream of words."""
        queue = self._queue(name)
        if not queue.is_input:
            raise Malformed(f"{name} is an output: nothing can be pushed into it")
        if queue.beat_bytes:
            array = tokens.tokens_of(items, queue.beat_bytes, levels=queue.slot is not None)  # type: ignore[arg-type]
        else:
            array = tokens.words_of(items, queue.width)  # type: ignore[arg-type]
        self._library.interlock_push(self._handle, queue.number, array.ctypes.data, len(array))

    def withdraw(self, name: str) -> None:
        """Forgets what is queued for an input stream, and what is offered there, from the next cycle on."""
        queue = self._queue(name)
        if not queue.is_input:
            raise Malformed(f"{name} is an output: nothing was pushed into it")
        self._library.interlock_withdraw(self._handle, queue.number)

    def waiting(self, name: str) -> int:
        """How many beats, words or levels are in a queue."""
        return int(self._library.interlock_waiting(self._handle, self._queue(name).number))

    def pop(self, name: str) -> list[tokens.Item]:
        """What an output stream of beats, or a monitored wire, has carried since the last pop."""
        queue = self._queue(name)
        if queue.is_input or not queue.beat_bytes:
            raise Malformed(f"{name} is no output of beats")
        return tokens.items_of(self._pop(queue.number, tokens.token_type(queue.beat_bytes)))

    def pop_words(self, name: str) -> list[int]:
        """The same for a stream of words."""
        queue = self._queue(name)
        if queue.is_input or queue.beat_bytes:
            raise Malformed(f"{name} is no output of words")
        return self._pop(queue.number, tokens.WORD).tolist()  # type: ignore[no-any-return]

    def pop_operations(self, port: int) -> list[OpRun | Rolled]:
        """Op events of a monitored issue port; of an OPAQUE one, (0, 0) for each cycle that is counted."""
        if port >= len(self.interface.issue_ports):
            raise Malformed(f"there are {len(self.interface.issue_ports)} issue ports, no number {port}")
        return tokens.op_runs_of(self._pop(len(self._queues) + port, tokens.OP_RUN))

    def pop_schedule(self) -> list[Event]:
        """Events since the last pop, in order."""
        flat = iter(self._pop(len(self._queues) + len(self.interface.issue_ports), tokens.WORD).tolist())
        events = []
        for cycle in flat:
            name, count = self._events[next(flat)]
            events.append(Event(cycle, name, tuple(next(flat) for _ in range(count))))
        return events

    def run(self, cycles: int, *, until: Sequence[str] = ()) -> int:
        """Runs for ``cycles``, or to the end of the cycle in which an event of ``until`` happens first.

        Returns the number of cycles that it was.
        """
        stop = 0
        for name in until:
            if name not in self.interface.events:
                raise Malformed(f"no event {name!r}; there are {', '.join(self.interface.events) or 'none'}")
            stop |= 1 << list(self.interface.events).index(name)
        return int(self._library.interlock_run(self._handle, cycles, stop))

    def set(self, name: str, value: int) -> None:
        """Sets a plain input, from the next cycle on."""
        self._write("interlock_set", name, value)

    def pulse(self, name: str, value: int = 1) -> None:
        """Sets a plain input for the next cycle only; it is zero after that."""
        self._write("interlock_pulse", name, value)

    def get(self, name: str) -> int:
        """A plain output, or input, as of the end of the last cycle."""
        if (signal := self._signals.get(name)) is None:
            raise Malformed(f"no plain port {name!r}")
        buffer = ctypes.create_string_buffer(-(-signal.width // 8))
        self._library.interlock_get(self._handle, signal.number, buffer, len(buffer))
        return int.from_bytes(buffer.raw, "little")

    def pause(self, name: str, probability: float, *, seed: int = 1) -> None:
        """An input waits, an output is not ready, with this probability in each cycle.  0 ends that."""
        queue = self._queue(name)
        if not 0 <= probability < 1 or queue.is_monitor:
            raise Malformed(f"{name} cannot pause with probability {probability}")
        self._library.interlock_pause(self._handle, queue.number, probability, seed + 1000003 * queue.number)

    def byte_count(self, name: str) -> int:
        """Bytes that a stream of beats, or a monitored wire, has carried since reset."""
        return int(self._library.interlock_bytes(self._handle, self._queue(name).number))

    def byte_counts(self) -> dict[str, int]:
        """The same for all of them."""
        return {name: self.byte_count(name) for name, queue in self._queues.items() if queue.beat_bytes}

    def state(self) -> State:
        """What all registers and memories hold at the end of the last cycle."""
        if not self._cells:
            raise Malformed("this model does not show what it holds: pass state=True")
        data = np.empty(self._cells[-1].end, np.uint8)
        self._library.interlock_state(self._handle, data.ctypes.data)
        return State(self._cells, data)

    def open_waves(self, path: Path | str) -> None:
        """Writes all signals, from now on, to an FST file."""
        if not self._waves:
            raise Malformed("this model was built without waves: pass waves=True")
        self._library.interlock_open_waves(self._handle, str(path).encode())

    def _queue(self, name: str) -> Queue:
        if name not in self._queues:
            raise Malformed(f"no stream {name!r}; there are {', '.join(self._queues)}")
        return self._queues[name]

    def _pop(self, number: int, item: np.dtype[Any]) -> npt.NDArray[Any]:
        array = np.empty(self._library.interlock_waiting(self._handle, number), item)
        self._library.interlock_pop(self._handle, number, array.ctypes.data, item.itemsize)
        return array

    def _write(self, function: str, name: str, value: int) -> None:
        signal = self._signals.get(name)
        if signal is None or not signal.is_input:
            raise Malformed(f"no plain input {name!r}")
        if not 0 <= value < 1 << signal.width:
            raise Malformed(f"{name} has {signal.width} bits, too few for {value:#x}")
        data = value.to_bytes(-(-signal.width // 8), "little")
        getattr(self._library, function)(self._handle, signal.number, data, len(data))


_BUILT: WeakKeyDictionary[wiring.Component, dict[tuple[verilate.Recipe, str], Path]] = WeakKeyDictionary()


def _build(component: wiring.Component, recipe: verilate.Recipe, name: str) -> Path:
    """Folder of the model.  A component of which there are many instances is elaborated once."""
    folders = _BUILT.setdefault(component, {})
    if (recipe, name) not in folders:
        folders[recipe, name] = verilate.build(Held(component), recipe, name=name)
    return folders[recipe, name]


def _recipe(interface: Interface, *, waves: bool, state: bool, runs_long: bool) -> verilate.Recipe:
    headers = ("harness.h", "harness_state.h", "harness_api.h")
    sources = tuple((name, (_HERE / name).read_text()) for name in headers)
    # Module by module, Verilator takes two thirds of the time, and so does the compiler after it.
    optimization = "-O2" if runs_long else "-O1"
    options = [*(("--trace-fst",) if waves else ()), *(() if runs_long else ("-fno-inline",))]
    return verilate.Recipe(
        output=_LIBRARY,
        runtime=("verilated", "verilated_threads"),
        verilator=tuple(options),
        compiler=(optimization, "-DVL_TIME_CONTEXT", "-DVM_COVERAGE=0"),
        linker=("-shared",),
        sources=(*sources, ("harness.cpp", harness(interface, waves=waves)), *(_fst() if waves else ())),
        state=state,
    )


def _fst() -> tuple[tuple[str, str], ...]:
    """Verilator's writer of FST files, compiled with the model: it wants two headers beside it."""
    headers = ((f"{name}.h", (_HERE / f"fst_{name}.h").read_text()) for name in ("lz4", "zlib"))
    return (*headers, ("fst.cpp", '#include "verilated_fst_c.cpp"\n'))


def harness(interface: Interface, *, waves: bool) -> str:
    """The C++ that joins a Verilated component to ``harness.h``."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = {queue.name for queue in interface.queues}
    judged = "host_in" in names and interface.links is not None
    op_fields = op_event_fields()

    def part(queue: Queue) -> str:
        item = f"Beat{queue.beat_bytes}" if queue.beat_bytes else "Word"
        kind = "Input" if queue.is_input else "Output"
        prefix = "Link" if queue.slot is not None else "Judged" if judged and queue.name == "host_in" else ""
        return f"{prefix}{kind}<{item}>"

    def op_field(name: str) -> str:
        at, width = op_fields[name]
        return f"(event >> {at} & {(1 << width) - 1:#x})"

    return environment.get_template("harness.cpp.j2").render(
        queues=interface.queues,
        signals=interface.signals,
        issue_ports=interface.issue_ports,
        counter_latency=interface.counter_latency,
        links=interface.links,
        events=interface.events,
        trace=EVENTS if interface.events else {},
        reopens=bool(interface.events) and any(signal.name == "reopen" for signal in interface.signals),
        beats={width: beat_fields(width) for width in sorted({q.beat_bytes for q in interface.queues} - {0})},
        reset_cycles=_RESET_CYCLES,
        waves=waves,
        judged=judged,
        cpp=lambda name: name.replace("__", "___05F"),  # as Verilator writes two underscores
        part=part,
        op_field=op_field,
    )


@cache
def _load(path: Path) -> Any:
    """The shared library, with the types of its functions."""
    library = ctypes.CDLL(str(path))
    pointer, size, number, u64 = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_uint64
    functions: dict[str, tuple[Any, list[Any]]] = {
        "create": (pointer, []),
        "destroy": (None, [pointer]),
        "push": (None, [pointer, number, pointer, size]),
        "withdraw": (None, [pointer, number]),
        "waiting": (size, [pointer, number]),
        "pop": (size, [pointer, number, pointer, size]),
        "bytes": (u64, [pointer, number]),
        "pause": (None, [pointer, number, ctypes.c_double, u64]),
        "run": (u64, [pointer, u64, u64]),
        "cycle": (u64, [pointer]),
        "set": (None, [pointer, number, ctypes.c_char_p, size]),
        "get": (None, [pointer, number, ctypes.c_char_p, size]),
        "pulse": (None, [pointer, number, ctypes.c_char_p, size]),
        "cells": (ctypes.c_char_p, [pointer]),
        "state": (None, [pointer, pointer]),
        "open_waves": (None, [pointer, ctypes.c_char_p]),
    }
    for name, (result, arguments) in functions.items():
        function = getattr(library, f"interlock_{name}")
        function.restype, function.argtypes = result, arguments
    return library
