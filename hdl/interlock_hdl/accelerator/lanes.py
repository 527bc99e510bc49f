"""Words of lanes, the memory that holds them, and the ports through which units reach it."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

LANE_BYTES = 4


class LaneRead(wiring.Signature):
    """A read port, seen from the reader.

    ``lanes`` is the word at ``address`` from the cycle after ``enable`` on, until somebody
    reads again.  Lane i is bytes 4i … 4i + 3 in network order.
    """

    def __init__(self, *, words: int, lanes: int) -> None:
        super().__init__({"enable": Out(1), "address": Out(range(words)), "lanes": In(32).array(lanes)})


class LaneWrite(wiring.Signature):
    """A write port, seen from the writer.  What is written can be read from the next cycle on."""

    def __init__(self, *, words: int, lanes: int) -> None:
        super().__init__({"enable": Out(1), "address": Out(range(words)), "lanes": Out(32).array(lanes)})


def halves(lanes: Sequence[Value]) -> list[Value]:
    """The 16-bit halves of a word, in the order of its bytes: step 0's lanes, then step 1's."""
    return [half for lane in lanes for half in (lane[16:], lane[:16])]


def lanes_of(halves: Sequence[Value]) -> list[Value]:
    """The reverse of :func:`halves`."""
    return [low | (high << 16) for high, low in zip(halves[::2], halves[1::2], strict=True)]


class LaneMemory(wiring.Component):
    """Block RAM of ``words`` words, zero at first, with one read and one write port.

    Latency: a cycle to read.  Throughput: a word read and a word written in every cycle.

    Parameters
    ----------
    words : int
        At least 2.
    lanes : int
        Lanes of 32 bits in a word; each is a memory of its own, for nothing ever needs a part of a lane.

    Members
    -------
    read : In(LaneRead)
    write : In(LaneWrite)
    wipe : In(1)
        Cuts both ports off and overwrites memory and output registers with zeros.
    wiped : Out(1)
        That is complete.  Falls after ``wipe`` does.
    """

    def __init__(self, *, words: int, lanes: int) -> None:
        if words < 2:
            raise ValueError(f"words must be at least 2, not {words}")
        self.words = words
        self.lanes = lanes
        super().__init__(
            {
                "read": In(LaneRead(words=words, lanes=lanes)),
                "write": In(LaneWrite(words=words, lanes=lanes)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        wipe_address = Signal(range(self.words))
        with m.If(~self.wipe):
            m.d.sync += [wipe_address.eq(0), self.wiped.eq(0)]
        with m.Elif(wipe_address == self.words - 1):
            m.d.sync += self.wiped.eq(1)
        with m.Else():
            m.d.sync += wipe_address.eq(wipe_address + 1)

        read, write = self.read, self.write
        for i in range(self.lanes):
            m.submodules[f"lane_{i}"] = memory = Memory(shape=32, depth=self.words, init=[])
            read_port, write_port = memory.read_port(), memory.write_port()
            m.d.comb += [
                # Word 0 is read while it is wiped, so that the output register forgets, too.
                read_port.en.eq(read.enable | self.wipe),
                read_port.addr.eq(Mux(self.wipe, 0, read.address)),
                read.lanes[i].eq(read_port.data),
                write_port.en.eq(write.enable | self.wipe),
                write_port.addr.eq(Mux(self.wipe, wipe_address, write.address)),
                write_port.data.eq(Mux(self.wipe, 0, write.lanes[i])),
            ]
        return m
