"""RTLIL that is made faster is Amaranth's own, byte for byte; and no combinational cycle is overlooked."""

from functools import partial

import pytest
from amaranth.back import rtlil as amaranth_rtlil
from amaranth.hdl import Cat, Module, Mux
from amaranth.hdl._nir import CombinationalCycle
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from interlock import rtlil
from interlock_hdl.accelerator.accelerator import Accelerator
from interlock_hdl.interlock import Interlock
from interlock_hdl.log.log import Log
from lib.nodes import BUILDS


class Tables(wiring.Component):
    """Memories that begin with nothing, with some words, with all; a word deep, and a bit wide."""

    address: In(3)
    data: Out(16)

    def elaborate(self, platform) -> Module:
        m = Module()
        kinds = [(5, 8, []), (5, 8, [31, 0, 1]), (1, 3, [1, 1, 1]), (4, 1, [9]), (2, 8, [3, 2, 1, 0] * 2)]
        for number, (shape, depth, init) in enumerate(kinds):
            m.submodules[f"memory_{number}"] = memory = Memory(shape=shape, depth=depth, init=init)
            port = memory.read_port(domain="comb" if number % 2 else "sync")
            m.d.comb += [port.addr.eq(self.address), self.data[number].eq(port.data.any())]
        return m


def whole(build: str) -> Interlock:
    return Interlock(config=BUILDS[build])


def accelerator() -> Accelerator:
    return Accelerator(beat_bytes=4, links=2, scratch_words=1024, queue_words=512)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(Tables, id="tables"),
        pytest.param(lambda: Log(BUILDS["hashed"]), id="log"),
        pytest.param(accelerator, id="accelerator"),
        pytest.param(partial(whole, "least"), id="least", marks=pytest.mark.long),
        pytest.param(partial(whole, "sealed"), id="sealed", marks=pytest.mark.long),
        pytest.param(partial(whole, "hashed"), id="hashed", marks=pytest.mark.long),
    ],
)
def test_it_is_what_amaranth_makes(make):
    component = make()
    assert rtlil.convert(component, name="top") == amaranth_rtlil.convert(
        component, name="top", emit_src=False
    )


class Bits(wiring.Component):
    """A signal of which each bit but the first is made of the one before."""

    i: In(1)
    choice: In(1)
    o: Out(4)

    def __init__(self, *, first: str) -> None:
        self.first = first
        super().__init__()

    def elaborate(self, platform) -> Module:
        m = Module()
        ways = {
            "the input": self.i,
            "the last": self.i ^ self.o[3],
            "the last, sometimes": Mux(self.choice, self.i, self.o[3]),
            "the last, through an adder": (Cat(self.i, self.o[3]) + 1)[1],
        }
        m.d.comb += [self.o[0].eq(ways[self.first]), self.o[1:].eq(~self.o[:3])]
        return m


@pytest.mark.parametrize("first", ["the last", "the last, sometimes", "the last, through an adder"])
def test_a_combinational_cycle_is_found(first):
    with pytest.raises(CombinationalCycle, match=r"test_rtlil|signal o bit") as found:
        rtlil.convert(Bits(first=first), name="top")
    with pytest.raises(CombinationalCycle) as expected:
        amaranth_rtlil.convert(Bits(first=first), name="top")
    assert str(found.value) == str(expected.value)


def test_bits_of_a_signal_may_be_made_of_others():
    rtlil.convert(Bits(first="the input"), name="top")
