"""Which registers behind block RAM become its own, and which must not."""

import json

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from interlock.synthesis.output_registers import BLOCK_RAM, FLIP_FLOP, absorb
from lib.yosys import synthesised


class Table(wiring.Component):
    """A block RAM, and a register that holds what was read.

    Parameters
    ----------
    width : int
        Bits of a word.
    register : str
        What is unusual about the register.
    """

    def __init__(self, *, width: int, register: str = "nothing") -> None:
        self.width = width
        self.register = register
        super().__init__(
            {
                "address": In(9),
                "write": In(1),
                "data": In(width),
                "en": In(1),
                "o": Out(width),
                "early": Out(width),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(
            shape=self.width, depth=512, init=[], attrs={"ram_style": "block", "no_rw_check": 1}
        )
        write, read = memory.write_port(), memory.read_port(domain="comb")
        fetched = Signal(self.width, reset_less=True)  # which Yosys makes the block RAM of
        m.d.sync += fetched.eq(read.data)
        begins = 1 if self.register == "begins with a one" else 0
        held = Signal(self.width, init=begins, reset_less=self.register != "reset")
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.data),
            write.en.eq(self.write),
            read.addr.eq(self.address),
            self.o.eq(held),
        ]
        match self.register:
            case "always":
                m.d.sync += held.eq(fetched)
            case "inverted":
                m.d.sync += held.eq(~fetched)
            case "heard elsewhere":
                m.d.sync += held.eq(fetched)
                m.d.comb += self.early.eq(fetched)
            case "two enables":
                m.d.sync += held[0].eq(fetched[0])
                with m.If(self.en):
                    m.d.sync += held[1:].eq(fetched[1:])
            case _:
                with m.If(self.en):
                    m.d.sync += held.eq(fetched)
        return m


def netlist(component: wiring.Component, folder) -> dict:
    steps = "; flatten; opt_clean; write_json out.json"
    return synthesised(component, "ecp5", steps, folder)["modules"]["top"]


def kinds(module: dict, kind: str) -> list[dict]:
    return [cell for cell in module["cells"].values() if cell["type"] == kind]


@pytest.mark.parametrize("width", [9, 36, 100])
@pytest.mark.parametrize("register", ["nothing", "always"])
def test_a_register_of_what_was_read_becomes_the_memorys_own(width, register, tmp_path):
    module = netlist(Table(width=width, register=register), tmp_path)
    outputs = module["ports"]["o"]["bits"]
    before = kinds(module, FLIP_FLOP)
    held = [cell for cell in before if cell["connections"]["Q"][0] in outputs]
    assert len(held) == width
    enables = {str(cell["connections"].get("CE", ["1"])) for cell in held}
    assert absorb(module) == width
    assert len(kinds(module, FLIP_FLOP)) == len(before) - width
    found = {}
    for memory in kinds(module, BLOCK_RAM):
        wires, parameters = memory["connections"], memory["parameters"]
        for port, (bit,) in wires.items():
            if port.startswith("DO") and bit in outputs:
                side = port[2]
                assert parameters[f"REGMODE_{side}"] == "OUTREG"
                assert {str(wires[f"OCE{side}"])} == enables
                found[bit] = port
    assert found.keys() == set(outputs)


@pytest.mark.parametrize(
    "register", ["reset", "inverted", "heard elsewhere", "two enables", "begins with a one"]
)
def test_any_other_register_stays_outside(register, tmp_path):
    module = netlist(Table(width=9, register=register), tmp_path)
    before = json.dumps(module)
    assert absorb(module) == 0
    assert json.dumps(module) == before


def test_what_is_not_of_the_block_stays_as_it_is(tmp_path):
    module = netlist(Table(width=9), tmp_path)
    before = json.dumps(module)
    assert absorb(module, prefix="wall.") == 0
    assert json.dumps(module) == before
