"""Golden log: the laws of a G-Counter, and what it refuses."""

from functools import reduce
from operator import or_

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlock.model.log import Answer, Entry, Log, ProvenanceFlag, Scan

OWN = Entry(b"own".ljust(16), 0, mode=1, weight_table=1, flags=1)
LEGAL_FLAGS = sorted(
    {clear | unadmitted | unlogged for clear in (0, 1) for unadmitted in (0, 4) for unlogged in (0, 8)}
)

# Few sources, so that merges meet; each is counted in one way, as its owner fixed it.
entries = st.builds(
    lambda source, flops, flags: Entry(
        bytes([source]) * 16, flops, mode=source % 3, weight_table=source, flags=flags
    ),
    st.integers(1, 4),
    st.integers(0, 2**96 - 1),
    st.sampled_from(LEGAL_FLAGS),
)
histories = st.lists(entries, max_size=12)


def merged(*histories: list[Entry]) -> dict[bytes, Entry]:
    """What a log knows after ``histories``, whatever the order in which it got to know it."""
    log = Log(own=OWN, capacity=16)
    for entry in (entry for history in histories for entry in history):
        assert log.merge(entry) is Answer.OK
    return {entry.session_id: entry for entry in log.entries}


@given(histories)
def test_merging_the_same_again_changes_nothing(history):
    assert merged(history, history) == merged(history)


@given(histories, histories)
def test_merges_commute(left, right):
    assert merged(left, right) == merged(right, left)


@given(histories, histories, histories)
def test_what_was_merged_elsewhere_first_merges_the_same(first, second, third):
    elsewhere = [entry for entry in merged(second, third).values() if entry.session_id != OWN.session_id]
    assert merged(first, elsewhere) == merged(first, second, third)


@given(histories)
def test_an_entry_holds_the_largest_count_and_every_flag(history):
    for source, entry in merged(history).items():
        told = [told for told in history if told.session_id == source]
        if told:
            assert entry.flops == max(told.flops for told in told)
            assert entry.flags == reduce(or_, (told.flags for told in told))


@given(histories, entries)
def test_nothing_ever_falls(history, further):
    before = merged(history)
    after = merged(history, [further])
    assert before.keys() <= after.keys()
    for source, entry in before.items():
        assert after[source].flops >= entry.flops
        assert after[source].flags & entry.flags == entry.flags


def test_entries_stay_in_the_order_in_which_they_came():
    log = Log(own=OWN, capacity=16)
    for source in (7, 3, 5, 3, 7):
        log.merge(Entry(bytes([source]) * 16, source, 1, 1, 0))
    assert [entry.session_id[0] for entry in log.entries[1:]] == [7, 3, 5]


def test_a_full_log_takes_what_it_knows_and_refuses_what_it_does_not():
    log = Log(own=OWN, capacity=2)
    assert log.merge(Entry(b"a" * 16, 1, 1, 1, 0)) is Answer.OK
    before = list(log.entries)
    assert log.merge(Entry(b"b" * 16, 1, 1, 1, 0)) is Answer.FULL
    assert log.entries == before
    assert log.merge(Entry(b"a" * 16, 2, 1, 1, 0)) is Answer.OK
    assert log.entries[1].flops == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": 2},
        {"mode": 0x81},
        {"weight_table": 2},
        *({"flags": 1 << bit} for bit in range(16) if bit not in (0, 2, 3)),
    ],
    ids=lambda changes: "_".join(f"{name}_{value:#x}" for name, value in changes.items()),
)
def test_a_source_counted_in_another_way_is_a_conflict_and_not_stored(changes):
    known = Entry(b"a" * 16, 5, mode=1, weight_table=1, flags=0)
    log = Log(own=OWN, capacity=4)
    log.merge(known)
    fields = {"mode": 1, "weight_table": 1, "flags": 0, **changes}
    assert log.merge(Entry(b"a" * 16, 9, **fields)) is Answer.CONFLICT
    assert log.entries == [OWN, known]


@pytest.mark.parametrize("flags", [1 << bit for bit in range(16) if bit not in (0, 2, 3)], ids=hex)
def test_an_unknown_source_with_a_reserved_flag_is_a_conflict(flags):
    log = Log(own=OWN, capacity=4)
    assert log.merge(Entry(b"a" * 16, 1, 1, 1, flags)) is Answer.CONFLICT
    assert log.entries == [OWN]


@pytest.mark.parametrize(
    ("flops", "answer"),
    [(0, Answer.OWN), (100, Answer.OWN), (101, Answer.OWN_AHEAD)],
    ids=["behind", "as_announced", "ahead"],
)
def test_what_others_say_of_the_own_session_is_not_merged(flops, answer):
    log = Log(own=OWN, capacity=4)
    log.announce(100)
    before = list(log.entries)
    assert log.merge(Entry(OWN.session_id, flops, 7, 7, 0xFFFF)) is answer
    assert log.entries == before


def test_a_mark_stays():
    log = Log(own=OWN, capacity=4)
    log.mark(ProvenanceFlag.UNLOGGED)
    log.announce(3)
    assert log.own == Entry(OWN.session_id, 3, 1, 1, flags=1 | 8)


def test_an_announced_count_never_falls():
    log = Log(own=OWN, capacity=4)
    log.announce(3)
    log.announce(3)
    with pytest.raises(ValueError, match="never falls"):
        log.announce(2)


@given(histories, st.lists(st.binary(min_size=32, max_size=32), max_size=6))
def test_sessions_and_externals_share_the_log(history, digests):
    log = Log(own=OWN, capacity=6)
    for entry in history:
        log.merge(entry)
    for digest in digests:
        known = log.size
        is_known = digest in log.externals
        answer = log.merge_external(digest)
        assert answer is (Answer.OK if is_known or known < 6 else Answer.FULL)
    assert log.size == len(log.entries) + len(log.externals) <= 6
    assert len(set(log.externals)) == len(log.externals)


def scanned(log: Log, slot: int | None = None, bound: int = 0) -> Scan:
    scan = log.begin_scan(slot, bound=bound)
    while not scan.is_complete:
        log.read(scan)
    return scan


steps = st.lists(
    st.one_of(
        entries,
        st.binary(min_size=32, max_size=32),
        st.integers(0, 1),  # a scan for this slot
        st.sampled_from([ProvenanceFlag.UNADMITTED]),
    ),
    max_size=30,
)


@given(steps, st.sets(st.integers(0, 29)))
def test_who_has_every_scan_has_the_whole_log(history, asks):
    """What the other end of a slot got in its scans, merged, is the log of when the last one started."""
    log = Log(own=OWN, capacity=50, slots=2)
    told: list[tuple[dict, set]] = [({}, set()), ({}, set())]
    for number, step in enumerate(history):
        if number in asks:
            log.require_full(number % 2)
        match step:
            case Entry():
                log.merge(step)
            case bytes():
                log.merge_external(step)
            case ProvenanceFlag():
                log.mark(step)
            case slot:
                scan = scanned(log, slot)
                sources, externals = told[slot]
                if not scan.is_delta:
                    sources.clear()
                    externals.clear()
                sources |= {entry.session_id: entry for entry in scan.sessions}
                externals |= set(scan.externals)
                assert set(sources.values()) == set(log.entries)
                assert externals == set(log.externals)


def test_a_delta_has_what_changed_and_nothing_else():
    log = Log(own=OWN, capacity=9, slots=2)
    for source in (1, 2, 3):
        log.merge(Entry(bytes([source]) * 16, 5, 1, 1, 0))
    log.merge_external(bytes(32))
    assert [scanned(log, slot).is_delta for slot in (0, 1)] == [False, False]
    log.merge(Entry(bytes([3]) * 16, 6, 1, 1, 0))
    log.merge(Entry(bytes([1]) * 16, 5, 1, 1, 8))  # a flag alone is a change, too
    log.merge(Entry(bytes([2]) * 16, 4, 1, 1, 0))  # this is none
    log.merge_external(bytes(32))  # and neither is this
    for slot in (0, 1):
        scan = log.begin_scan(slot)
        assert (scan.is_delta, scan.items) == (True, [(False, 0), (False, 1), (False, 3)])
    assert log.begin_scan(0).items == [(False, 0)]


def test_what_changes_during_a_scan_is_in_the_next_one():
    log = Log(own=OWN, capacity=9, slots=1)
    log.merge(Entry(b"a" * 16, 5, 1, 1, 0))
    scan = log.begin_scan(0)
    log.read(scan)
    log.merge(Entry(b"a" * 16, 6, 1, 1, 0))
    log.merge_external(bytes(32))
    log.read(scan)
    assert scan.is_complete
    assert scan.sessions[1].flops == 6  # as it was when it was read
    assert log.begin_scan(0).items == [(False, 0), (False, 1), (True, 0)]


def test_an_export_has_everything_and_changes_nothing():
    log = Log(own=OWN, capacity=9, slots=1)
    scanned(log, 0)
    log.merge(Entry(b"a" * 16, 5, 1, 1, 0))
    log.merge_external(bytes(32))
    assert scanned(log).items == [(False, 0), (False, 1), (True, 0)]
    assert log.begin_scan(0).items == [(False, 0), (False, 1), (True, 0)]


def test_a_stream_announces_its_bound_in_its_own_scan_alone():
    log = Log(own=OWN, capacity=9, slots=1)
    log.announce(100, bound=50)
    assert scanned(log, 0, bound=50).sessions[0].flops == 150
    assert log.merge(Entry(OWN.session_id, 150, 1, 1, 1)) is Answer.OWN
    log.announce(120)
    assert scanned(log, 0).sessions[0].flops == 120
    assert log.merge(Entry(OWN.session_id, 150, 1, 1, 1)) is Answer.OWN
    assert log.merge(Entry(OWN.session_id, 151, 1, 1, 1)) is Answer.OWN_AHEAD
