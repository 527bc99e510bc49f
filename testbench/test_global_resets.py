"""Which resets go onto global networks, and what that changes."""

import json

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from interlock.synthesis import global_resets
from interlock.synthesis.global_resets import BUFFER, FLIP_FLOP, promote
from lib.yosys import synthesised

REGISTERS = 24


class Held(wiring.Component):
    """Registers, some of them reset by ``wipe``, which logic hears of, too; four by ``clear``."""

    i: In(REGISTERS)
    wipe: In(1)
    clear: In(1)
    o: Out(REGISTERS + 5)

    def elaborate(self, platform) -> Module:
        m = Module()
        wiped = Signal(REGISTERS, reset_less=True)
        cleared = Signal(4, reset_less=True)
        plain = Signal(reset_less=True)
        m.d.sync += [wiped.eq(self.i), cleared.eq(self.i), plain.eq(self.i[0] & self.wipe)]
        with m.If(self.wipe):
            m.d.sync += wiped.eq(0)
        with m.If(self.clear):
            m.d.sync += cleared.eq(0)
        m.d.comb += self.o[:REGISTERS].eq(wiped)
        m.d.comb += self.o[REGISTERS:].eq(cleared)
        m.d.comb += self.o[-1].eq(plain)
        return m


@pytest.fixture
def module(tmp_path):
    steps = "; flatten; opt_clean; write_json out.json"
    return synthesised(Held(), "ecp5", steps, tmp_path)["modules"]["top"]


def resets(module: dict) -> list[int]:
    return [cell["connections"]["LSR"][0] for cell in module["cells"].values() if cell["type"] == FLIP_FLOP]


def test_a_reset_of_many_registers_gets_a_network(module, monkeypatch):
    monkeypatch.setattr(global_resets, "MANY", REGISTERS)
    (wipe,), (clear,) = (module["ports"][name]["bits"] for name in ("wipe", "clear"))
    before = json.loads(json.dumps(module))
    assert resets(module).count(wipe) == REGISTERS
    assert promote(module) == 1
    (buffer,) = [cell for cell in module["cells"].values() if cell["type"] == BUFFER]
    (network,) = buffer["connections"]["CLKO"]
    assert buffer["connections"]["CLKI"] == [wipe]
    assert network not in {bit for net in before["netnames"].values() for bit in net["bits"]}
    assert resets(module) == [network if bit == wipe else bit for bit in resets(before)]
    assert resets(module).count(clear) == 4
    for name, cell in before["cells"].items():  # all but that is as it was
        after = module["cells"][name]
        assert after["connections"] | {"LSR": 0} == cell["connections"] | {"LSR": 0}


def test_no_more_than_there_are_networks(module, monkeypatch):
    monkeypatch.setattr(global_resets, "MANY", 1)
    monkeypatch.setattr(global_resets, "NETWORKS", 1)
    assert promote(module) == 1
    monkeypatch.setattr(global_resets, "NETWORKS", 8)
    assert promote(module) == 2  # the other one, and the network itself once more


def test_a_reset_of_few_registers_stays_as_it_is(module):
    before = json.dumps(module)
    assert promote(module) == 0
    assert json.dumps(module) == before
