"""Golden counter: what an event costs, what a sample covers, and where it ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlock.model.counter import Counter
from interlock.model.parameters import Bin, IssuePort, Mode, NodeParameters, OpClass, WeightTable

TWO_PORTS = NodeParameters(issue_ports=(IssuePort(peak=64), IssuePort(peak=64)))


@pytest.mark.parametrize(
    ("op_class", "flops", "bin"),
    [
        (0x01, 2, Bin.FP64),
        (0x02, 1, Bin.FP64),
        (0x11, 2, Bin.FP32),
        (0x12, 1, Bin.FP32),
        (0x21, 2, Bin.FP16),
        (0x22, 1, Bin.FP16),
        (0x31, 2, Bin.FP8),
        (0x32, 1, Bin.FP8),
        (0x41, 2, Bin.INTEGER),
        (0x42, 1, Bin.INTEGER),
        (0x00, 2, Bin.OTHER),
        (0x13, 2, Bin.OTHER),
        (0xFF, 2, Bin.OTHER),
    ],
    ids=hex,
)
def test_an_event_costs_its_count_times_its_weight(op_class, flops, bin):
    counter = Counter(TWO_PORTS)
    counter.put(0, op_class, count=3, repeat=5)
    count = counter.sample((5, 0))
    assert count.total == 15 * flops
    assert count.bins == tuple(15 * flops if row is bin else 0 for row in Bin)


events = st.tuples(
    st.integers(0, 1), st.sampled_from([0x11, 0x12, 0x21, 0x42, 0x99]), st.integers(0, 9), st.integers(1, 5)
)


@given(st.lists(events, max_size=20), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=8))
def test_a_sample_covers_exactly_the_events_before_its_positions(runs, steps):
    counter = Counter(TWO_PORTS)
    flat: list[list[int]] = [[], []]
    for port, op_class, count, repeat in runs:
        counter.put(port, op_class, count, repeat)
        flat[port] += [count * {0x12: 1, 0x42: 1}.get(op_class, 2)] * repeat
    positions = [0, 0]
    for step in steps:
        positions = [min(at + more, len(row)) for at, more, row in zip(positions, step, flat, strict=True)]
        count = counter.sample(positions)
        assert count.total == sum(sum(row[:at]) for row, at in zip(flat, positions, strict=True))
        assert count.total == sum(count.bins)


def test_no_sample_is_below_the_one_before():
    counter = Counter(TWO_PORTS)
    counter.put(0, 0x11, 1, 4)
    counter.sample((3, 0))
    with pytest.raises(ValueError, match="never falls"):
        counter.sample((2, 0))


def test_no_sample_covers_what_did_not_happen():
    counter = Counter(TWO_PORTS)
    counter.put(0, 0x11, 1, 4)
    with pytest.raises(ValueError, match="once it was made"):
        counter.sample((5, 0))


def test_an_opaque_port_costs_its_peak_in_every_cycle_whatever_it_reports():
    parameters = NodeParameters(issue_ports=(IssuePort(peak=64), IssuePort(mode=Mode.OPAQUE, peak=7)))
    assert parameters.mode == 3
    counter = Counter(parameters)
    counter.put(1, 0x11, 1000, 1000)
    counter.put(0, 0x21, 1, 1)
    count = counter.sample((1, 100))
    assert count.total == 2 + 700
    assert count.bins[Bin.OTHER] == 700
    assert counter.sample((1, 101)).total == 2 + 707
    assert not counter.over_peak


@pytest.mark.parametrize(("count", "over"), [(32, False), (33, True)], ids=["at_peak", "above_peak"])
def test_an_event_above_its_ports_peak_is_noticed_and_counted(count, over):
    counter = Counter(TWO_PORTS)
    counter.put(0, 0x21, count, 1)
    assert counter.over_peak is over
    assert counter.sample((1, 0)).total == 2 * count


@pytest.mark.parametrize(("further", "saturated"), [(0, False), (1, True)], ids=["full", "over_full"])
def test_total_and_bins_saturate(further, saturated):
    weights = WeightTable(
        number=9, classes={1: OpClass(flops=2**96 - 1, bin=Bin.FP8), 2: OpClass(flops=1, bin=Bin.FP16)}
    )
    counter = Counter(NodeParameters(issue_ports=(IssuePort(peak=2**23),), weights=weights))
    counter.put(0, 1, 1, 1)
    if further:
        counter.put(0, 2, 1, further)
    assert counter.saturated is saturated
    count = counter.sample((1 + further,))
    assert count.total == 2**96 - 1
    assert count.bins[Bin.FP8] == 2**96 - 1
    assert count.bins[Bin.FP16] == further


def test_parameters_can_be_read_of_a_build():
    from interlock_hdl.config import InterlockConfig, LogStore
    from interlock_hdl.config import IssuePort as Port
    from interlock_hdl.record import Mode as PortMode

    config = InterlockConfig(
        beat_bytes=4,
        links=3,
        issue_ports=(Port(peak=5), Port(mode=PortMode.OPAQUE, peak=6)),
        log_entries=70,
        log_store=LogStore.HASH,
        message_bytes=64,
        staging_messages=3,
        digest_lanes=0,
    )
    assert NodeParameters.of(config) == NodeParameters(
        beat_bytes=4,
        links=3,
        issue_ports=(IssuePort(peak=5), IssuePort(mode=Mode.OPAQUE, peak=6)),
        log_entries=70,
        message_bytes=64,
        staging_bytes=192,
        digest_lanes=0,
        key_words=4,
    )
    assert NodeParameters.of(config).mode == config.mode


def test_what_is_not_said_of_parameters_is_as_in_a_build():
    from interlock_hdl.config import InterlockConfig

    assert NodeParameters.of(InterlockConfig(staging_messages=2)) == NodeParameters()
