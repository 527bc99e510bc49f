"""InterlockTop: two of them, joined, behind somebody else's idea of AXI."""

from dataclasses import replace

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from interlock_hdl.config import InterlockConfig, IssuePort, LinkProfile
from interlock_hdl.profiles import PROFILES
from interlock_hdl.top import InterlockTop
from lib.pair import PairOfTops
from lib.paths import combinational_paths
from lib.run import run

BEAT_BYTES = 16
STATUS_PERIOD_LOG2 = 4
MESSAGE_BYTES = 256
MODULES = ("top_tests", "top_storm_tests", "top_cut_tests", "top_register_tests")


def pair(profile: LinkProfile) -> PairOfTops:
    config = InterlockConfig(
        profile=profile,
        beat_bytes=BEAT_BYTES,
        links=1,
        issue_ports=(IssuePort(peak=32),),
        log_entries=16,
        message_bytes=MESSAGE_BYTES,
        digest_lanes=0,  # or what hosts bring in would soon fill the log
    )
    return PairOfTops(config=config, status_period_log2=STATUS_PERIOD_LOG2)


def run_pair(profile: LinkProfile, module: str) -> None:
    run(
        pair(profile),
        module,
        parameters={
            "beat_bytes": BEAT_BYTES,
            "message_bytes": MESSAGE_BYTES,
            "status_period_log2": STATUS_PERIOD_LOG2,
            "sealed": profile is LinkProfile.SEALED,
        },
    )


@pytest.mark.parametrize("module", MODULES)
def test_two_tops_over_axi(module):
    run_pair(LinkProfile.CLEAR, module)


@pytest.mark.long
@pytest.mark.parametrize("module", MODULES)
def test_two_tops_with_sealed_links(module):
    run_pair(LinkProfile.SEALED, module)


@pytest.mark.parametrize(
    "config",
    [
        # Of the same blocks as the one below, only larger.
        pytest.param(PROFILES["small"].config, marks=pytest.mark.long),
        PROFILES["ice40"].config,
        replace(PROFILES["small"].config, profile=LinkProfile.SEALED),
    ],
    ids=["small", "ice40", "sealed"],
)
def test_no_combinational_path_leads_through_a_top(config, tmp_path):
    assert combinational_paths(InterlockTop(config=config), tmp_path) == set()


class Wire(wiring.Component):
    """One path, one register."""

    a: In(1)
    b: In(1)
    through: Out(1)
    later: Out(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += self.through.eq(~self.a)
        m.d.sync += self.later.eq(self.a & self.b)
        return m


def test_a_combinational_path_would_be_found(tmp_path):
    assert combinational_paths(Wire(), tmp_path) == {("a", "through")}
