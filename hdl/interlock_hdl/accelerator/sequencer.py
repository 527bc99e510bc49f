"""Fetches commands, counts loops and starts the units, one command at a time."""

import enum

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.command import (
    COMMAND_BYTES,
    ELEMENTWISE,
    EXTERNAL,
    LEVELS,
    CommandView,
    Opcode,
)
from interlock_hdl.accelerator.lanes import LANE_BYTES, LaneRead


class Unit(enum.IntEnum):
    """Who carries out a command: the bits of ``Sequencer.start`` and ``Sequencer.done``."""

    RECEIVER = 0
    TRANSMITTER = 1
    MATRIX = 2
    CONVERT = 3
    ELEMENTWISE = 4


class Sequencer(wiring.Component):
    """Runs the loader until that starts a program, then the program until it halts, and so on.

    A unit is started when all earlier commands are complete.  Operand addresses, ``base`` + the sum of
    ``counter * stride`` over the loop levels, are summed one level a cycle.

    Latency: ``latency`` cycles from the end of one command to the start of the next one's unit.

    Parameters
    ----------
    array_size : int
        Lanes of a word.
    words : int
        Words of scratch memory.
    links : int
        Slots; source ``links`` is the host.

    Members
    -------
    start : Out(len(Unit))
        Strobes.
    done : In(len(Unit))
        Strobes.
    command : Out(32) array
        The command that is being carried out, as lanes; for :class:`CommandView`.
    y, a, b : Out(range(words))
        Its operands' addresses.
    source : Out(range(links + 1))
        Its source, or that of the loader.
    loads : Out(1)
        The receiver works for the loader.
    starts : In(1)
        With the receiver's ``done``: start a program …
    target : In(range(words))
        … here.
    read : Out(LaneRead)
    running : Out(1)
        A program has been started and has not halted.
    """

    def __init__(self, *, array_size: int, words: int, links: int) -> None:
        self.array_size = array_size
        self.words = words
        self.links = links
        self.command_words = COMMAND_BYTES // (LANE_BYTES * array_size)
        self.latency = self.command_words + 1 + LEVELS + 1
        super().__init__(
            {
                "start": Out(len(Unit)),
                "done": In(len(Unit)),
                "command": Out(32).array(COMMAND_BYTES // LANE_BYTES),
                "y": Out(range(words)),
                "a": Out(range(words)),
                "b": Out(range(words)),
                "source": Out(range(links + 1)),
                "loads": Out(1),
                "starts": In(1),
                "target": In(range(words)),
                "read": Out(LaneRead(words=words, lanes=array_size)),
                "running": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        command = CommandView(list(self.command))
        program_counter = Signal(range(self.words))
        following = Signal.like(program_counter)
        counters = Array(Signal(16, name=f"counter_{i}") for i in range(LEVELS))

        # Fetching: a word of the command arrives in the cycle after it is asked for.
        part = Signal(range(self.command_words + 1))
        arrives, arriving = Signal(), Signal.like(part)
        m.d.sync += [arrives.eq(self.read.enable), arriving.eq(part)]
        m.d.comb += self.read.address.eq(program_counter + part)
        for k, lane in enumerate(self.command):
            with m.If(arrives & (arriving == k // self.array_size)):
                m.d.sync += lane.eq(self.read.lanes[k % self.array_size])

        # Operands: one level a cycle.
        level = Signal(range(LEVELS))
        resolving = Signal()
        for name in ("y", "a", "b"):
            address = getattr(self, name)
            stride = Array(command.strides(name))[level]
            with m.If(resolving):
                so_far = Mux(level == 0, command.base(name), address)
                m.d.sync += address.eq(so_far + counters[level] * stride)

        # Loops.
        loop = command.level[: (LEVELS - 1).bit_length()]
        counter = Signal(16)
        again = Signal()
        m.d.comb += [
            counter.eq(counters[loop] + 1),
            again.eq((command.length == 0) | (counter != command.length)),
        ]

        from_host = command.peer == EXTERNAL
        source_exists = from_host | (command.peer < self.links)
        m.d.comb += [
            self.running.eq(~self.loads),
            self.source.eq(Mux(self.loads | from_host, self.links, command.peer)),
            following.eq(program_counter + self.command_words),
        ]
        units = {
            (Opcode.RECEIVE,): Unit.RECEIVER,
            (Opcode.SEND,): Unit.TRANSMITTER,
            (Opcode.MATMUL,): Unit.MATRIX,
            (Opcode.CONVERT,): Unit.CONVERT,
            tuple(ELEMENTWISE): Unit.ELEMENTWISE,
        }

        with m.FSM():
            with m.State("LOAD"):
                m.d.comb += [self.loads.eq(1), self.start[Unit.RECEIVER].eq(1)]
                m.next = "LOADING"
            with m.State("LOADING"):
                m.d.comb += self.loads.eq(1)
                with m.If(self.done[Unit.RECEIVER]):
                    m.d.sync += program_counter.eq(self.target)
                    m.d.sync += [counter.eq(0) for counter in counters]
                    m.next = "LOAD"
                    with m.If(self.starts):
                        m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += self.read.enable.eq(1)
                m.d.sync += part.eq(part + 1)
                with m.If(part == self.command_words - 1):
                    m.d.sync += part.eq(0)
                    m.next = "ARRIVE"
            with m.State("ARRIVE"):
                m.next = "RESOLVE"
            with m.State("RESOLVE"):
                m.d.comb += resolving.eq(1)
                m.d.sync += level.eq(level + 1)
                with m.If(level == LEVELS - 1):
                    m.next = "START"
            with m.State("START"):
                m.d.sync += program_counter.eq(following)
                m.next = "LOAD"  # whatever is no command halts
                with m.Switch(command.opcode):
                    with m.Case(Opcode.NEXT):
                        m.d.sync += counters[loop].eq(Mux(again, counter, 0))
                        with m.If(again):
                            m.d.sync += program_counter.eq(command.target)
                        m.next = "FETCH"
                    for opcodes, unit in units.items():
                        with m.Case(*opcodes):
                            allowed = source_exists if unit == Unit.RECEIVER else 1
                            with m.If(allowed):
                                m.d.comb += self.start[unit].eq(1)
                                m.next = "RUN"
            with m.State("RUN"):
                # Only the unit that was started can be done.
                with m.If(self.done.any()):
                    m.next = "FETCH"
        return m
