"""What synthesis must leave alone: registers that are there twice on purpose."""

from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.config import STANDARD_WEIGHTS, IssuePort
from interlock_hdl.counter import FlopCounter
from interlock_hdl.log.entry_array import EntryArray
from interlock_hdl.log.hash_index import HashIndex
from interlock_hdl.log.index_shape import IndexShape
from interlock_hdl.log.register_log import RegisterLog
from interlock_hdl.twin import Twin
from lib.flips import flip_flops
from lib.yosys import synthesised

FLIP_FLOPS = {"ecp5": "TRELLIS_FF", "ice40": "SB_DFF"}

BLOCKS = {
    "twin": lambda: Twin(24, init=0x5A5A5A),
    "counter": lambda: FlopCounter(issue_ports=(IssuePort(peak=32),), weights=STANDARD_WEIGHTS),
    "log": lambda: RegisterLog(entries=2),
}


def cells_after_synthesis(component: wiring.Component, family: str, folder: Path, until: str) -> dict:
    """How many of each kind there are before the step ``until`` of Yosys's script."""
    stat = synthesised(component, family, f"-run begin:{until}; tee -q -o out.json stat -json", folder)
    return stat["design"]["num_cells_by_type"]


def flip_flops_after_synthesis(component: wiring.Component, family: str, folder: Path) -> int:
    cells = cells_after_synthesis(component, family, folder, "map_luts")
    return sum(count for cell, count in cells.items() if cell.startswith(FLIP_FLOPS[family]))


@pytest.mark.parametrize("family", FLIP_FLOPS)
@pytest.mark.parametrize("block", BLOCKS)
def test_no_copy_is_merged_away(block, family, tmp_path):
    """As many flip-flops after synthesis as in the gateware."""
    kept = flip_flops_after_synthesis(BLOCKS[block](), family, tmp_path)
    assert kept == len(flip_flops(BLOCKS[block]()))


@pytest.mark.parametrize(
    ("block", "expected"),
    [(EntryArray(entries=1024), 15), (HashIndex(shape=IndexShape.of(1024)), 16)],
    ids=["array", "index"],
)
def test_a_hash_log_is_in_block_ram(block, expected, tmp_path):
    """Each word once, 18 bits of it a block: no copy for the second port, and no memory made of registers."""
    cells = cells_after_synthesis(block, "ecp5", tmp_path, "map_ffs")
    assert {name: count for name, count in cells.items() if "16K" in name} == {"DP16KD": expected}
    assert not [name for name in cells if "DPR16" in name or name.startswith("$mem")]


class EqualTwin(wiring.Component):
    """A register held twice the same way."""

    next: In(24)
    fault: Out(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        first = Signal(24)
        second = Signal(24)
        m.d.sync += [first.eq(self.next), second.eq(self.next)]
        m.d.comb += self.fault.eq(first != second)
        return m


@pytest.mark.parametrize("family", FLIP_FLOPS)
def test_copies_that_are_equal_would_be_merged(family, tmp_path):
    assert flip_flops_after_synthesis(EqualTwin(), family, tmp_path) < len(flip_flops(EqualTwin()))
