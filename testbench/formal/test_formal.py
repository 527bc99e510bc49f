"""The proofs, and proof that the prover tells true from false and from undecided (docs/assurance.md)."""

import pytest
from amaranth.hdl import Assert, Cover, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from interlock_hdl.config import Bin, OpClass, WeightTable
from interlock_hdl.counter import FlopCounter

from formal.axi_proof import AxisOutputProof, RegisterBlockProof, StatusLimiterProof
from formal.change_bits_proof import ChangeProof
from formal.counter_proof import PORTS, AccumulatingProof, OneLaneProof, WeighingProof
from formal.credit_proof import CreditProof
from formal.egress_proof import CoverProof, PrefixProof
from formal.hash_log_proof import HashLogProof
from formal.ingress_proof import CommitProof, ReleaseProof
from formal.open_proof import OpenProof
from formal.prove import ProofBroke, prove
from formal.register_log_proof import ChangedProof, DistinctProof, MergeProof, ReadProof
from formal.seal_proof import SealNumberProof
from formal.session_proof import SessionProof

CHANGE_DEPTH = 12
CHANGE_CYCLES = 24
COMMIT_CYCLES = 15
PREFIX_CYCLES = 16
OPEN_CYCLES = 18
ENTRIES = 3  # a first, a last, and one between


@pytest.mark.parametrize("failing", ["plain", "inverted"])
def test_no_failure_of_one_lane_makes_the_counter_report_too_little(failing):
    prove(OneLaneProof(failing=failing), mode="prove", depth=3, name=f"OneLaneProof-{failing}")


def test_counter_adds_what_was_reported():
    prove(WeighingProof(), mode="prove", depth=8)


def test_counter_samples_are_exact_never_fall_and_saturate():
    prove(AccumulatingProof(), mode="prove", depth=3)


def test_no_gate_opens_but_after_a_completed_clear():
    prove(SessionProof(), mode="prove", depth=2)


def test_log_never_lowers_or_loses_an_entry():
    prove(MergeProof(entries=ENTRIES), mode="prove", depth=2)


def test_log_never_doubles_an_entry():
    prove(DistinctProof(entries=ENTRIES), mode="prove", depth=2)


def test_log_tells_of_every_change_and_of_no_other():
    prove(ChangedProof(entries=ENTRIES), mode="prove", depth=2)


def test_log_read_shows_every_merge_before_it():
    prove(ReadProof(entries=ENTRIES), mode="prove", depth=2)


@pytest.mark.parametrize("cycles", [21, pytest.param(24, marks=pytest.mark.long)])
def test_a_hash_log_is_the_naive_log(cycles):
    """In the first cycles: the node's own entry, and any two requests behind it; in 24 the last is read."""
    prove(HashLogProof(requests=3), mode="bmc", depth=cycles, name=f"HashLogProof-{cycles}")


def test_nothing_of_a_sealed_record_leaves_before_its_tag_was_right():
    """In the first cycles, whatever link, keys and engine do, and whenever epochs end: two records."""
    prove(OpenProof(), mode="bmc", depth=OPEN_CYCLES)


def test_no_change_is_lost():
    """In the first cycles, whatever changes and flips there are."""
    prove(ChangeProof(links=2, entries=2), mode="bmc", depth=CHANGE_DEPTH)


def test_no_payload_leaves_before_its_prefix():
    """In the first cycles, whatever the blocks around do: a message, and the beginning of the next."""
    prove(PrefixProof(entries=2), mode="bmc", depth=PREFIX_CYCLES)


def test_no_cut_is_offered_before_it_was_covered():
    prove(CoverProof(), mode="prove", depth=3)


def test_only_whole_messages_with_merged_prefixes_are_committed():
    """In the first cycles, whatever link, log and buffers do: a message, and the beginning of the next."""
    prove(CommitProof(), mode="bmc", depth=COMMIT_CYCLES)


def test_nothing_is_released_in_a_window_and_nothing_stale_ever():
    prove(ReleaseProof(sources=3), mode="prove", depth=1)


def test_nothing_is_affordable_but_what_was_granted_and_not_spent():
    prove(CreditProof(links=2), mode="prove", depth=7)


def test_no_nonce_comes_twice_under_a_key_and_none_after_the_hard_stop():
    prove(SealNumberProof(rekey_bits=24, stop_bits=48), mode="prove", depth=1)


def test_a_stream_out_keeps_axi_and_never_joins_what_was_cut():
    prove(AxisOutputProof(), mode="prove", depth=3)


def test_registers_answer_once_and_in_time():
    prove(RegisterBlockProof(), mode="prove", depth=4)


def test_status_changes_once_a_period():
    prove(StatusLimiterProof(), mode="prove", depth=2)


@pytest.mark.parametrize(
    ("proof", "parameters", "first", "depth"),
    [
        (WeighingProof, {}, 0, 8),
        (AccumulatingProof, {}, 0, 9),
        (OneLaneProof, {"failing": "plain"}, 0, 9),
        (SessionProof, {}, 0, 20),
        (MergeProof, {"entries": ENTRIES}, 10, 12),
        (DistinctProof, {"entries": ENTRIES}, 8, 12),
        (ChangedProof, {"entries": ENTRIES}, 5, 12),
        (ReadProof, {"entries": ENTRIES}, 7, 12),
        (ChangeProof, {"links": 2, "entries": 2}, 15, CHANGE_CYCLES),
        (HashLogProof, {"requests": 3}, 20, 21),
        (OpenProof, {}, 16, OPEN_CYCLES),
        (PrefixProof, {"entries": 2}, 15, 26),
        (CoverProof, {}, 9, 14),
        (CreditProof, {"links": 2}, 5, 22),
        (CommitProof, {}, 13, COMMIT_CYCLES),
        (ReleaseProof, {"sources": 3}, 0, 12),
        (SealNumberProof, {"rekey_bits": 1, "stop_bits": 2}, 17, 20),
        (AxisOutputProof, {}, 0, 10),
        (RegisterBlockProof, {}, 0, 10),
        (StatusLimiterProof, {}, 0, 20),
    ],
)
def test_assumptions_leave_room_for_what_matters(proof, parameters, first, depth):
    """Assumptions that contradict each other would prove anything."""
    prove(proof(**parameters), mode="cover", first=first, depth=depth)


class OtherWeights(WeighingProof):
    """The reference has table 1; this counter takes one class of it for half of its cost."""

    def counter(self) -> FlopCounter:
        classes = super().counter().weights.classes | {0x11: OpClass(flops=1, bin=Bin.FP32)}
        return FlopCounter(issue_ports=PORTS, weights=WeightTable(number=1, classes=classes))


def test_a_counter_that_weighs_one_class_wrongly_is_found():
    with pytest.raises(AssertionError, match=r"not true: .*trace\.vcd"):
        prove(OtherWeights(), mode="bmc", depth=8)


class Steps(wiring.Component):
    """Counts enabled cycles up to 200, and claims something of them."""

    enable: In(1)

    def __init__(self, *, claim: str) -> None:
        self.claim = claim
        super().__init__()

    def elaborate(self, platform) -> Module:
        m = Module()
        steps, begun = Signal(8), Signal()
        m.d.sync += begun.eq(1)
        with m.If(self.enable & (steps != 200)):
            m.d.sync += steps.eq(steps + 1)
        match self.claim:
            case "true":
                m.d.comb += Assert(steps <= 200)
            case "false after five steps":
                m.d.comb += Assert(steps != 5)
            case "true but not inductive":
                m.d.comb += Assert(steps != 250)
            case "reached after five steps":
                m.d.comb += Cover(steps == 5)
            case "reached in the first step alone":
                m.d.comb += Cover(~begun)
            case "false in the first step alone":
                m.d.comb += Assert(begun)
        return m


@pytest.mark.parametrize("mode", ["prove", "bmc"])
def test_prover_accepts_what_is_true(mode):
    prove(Steps(claim="true"), mode=mode, depth=8)


@pytest.mark.parametrize("mode", ["prove", "bmc"])
def test_prover_finds_a_counterexample(mode):
    with pytest.raises(AssertionError, match=r"not true: .*trace\.vcd"):
        prove(Steps(claim="false after five steps"), mode=mode, depth=8)


def test_prover_looks_at_every_cycle_and_at_none_behind():
    prove(Steps(claim="false after five steps"), mode="bmc", depth=5)
    with pytest.raises(AssertionError, match="not true"):
        prove(Steps(claim="false after five steps"), mode="bmc", depth=6)
    with pytest.raises(AssertionError, match="not true"):
        prove(Steps(claim="false in the first step alone"), mode="bmc", depth=6)


def test_prover_does_not_take_undecided_for_true():
    with pytest.raises(ProofBroke, match="no verdict"):
        prove(Steps(claim="true but not inductive"), mode="prove", depth=4)


def test_prover_says_what_is_out_of_reach():
    with pytest.raises(AssertionError, match="not reached"):
        prove(Steps(claim="reached after five steps"), mode="cover", depth=5)
    with pytest.raises(AssertionError, match="not reached"):
        prove(Steps(claim="reached in the first step alone"), mode="cover", first=1, depth=6)
    prove(Steps(claim="reached after five steps"), mode="cover", depth=6)
    prove(Steps(claim="reached after five steps"), mode="cover", first=5, depth=6)


def test_prover_does_not_take_a_time_out_for_true():
    with pytest.raises(ProofBroke, match="TIMEOUT"):
        prove(HashLogProof(requests=3), mode="bmc", depth=24, name="time-out", timeout_seconds=5)


def test_prover_refuses_a_mode_that_it_does_not_have():
    with pytest.raises(ValueError, match="no mode 'live'"):
        prove(Steps(claim="true"), mode="live", depth=1)


@pytest.mark.parametrize("mode", ["prove", "bmc"])
def test_no_cycle_is_left_out_of_a_proof(mode):
    with pytest.raises(ValueError, match="leaves no cycle out"):
        prove(Steps(claim="true"), mode=mode, depth=8, first=1)
