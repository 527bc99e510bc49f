"""Log: merges and scans, FULL and DELTA, as the naive log has them; exact latencies; who sees what when."""

import pytest
from interlock_hdl.config import InterlockConfig, LogStore
from interlock_hdl.log.log import Log
from lib.patterns import crossings
from lib.run import run

RANDOM = "merges_and_scans_agree_with_the_naive_log"
MEETING = "a_merge_meets_a_scan_in_every_cycle"
DIRECTED = [
    "a_full_scan_emits_an_entry_a_cycle",
    "full_in_the_cycle_of_the_request_counts_for_it",
    "an_export_leaves_every_set_as_it_is",
    "carries_run_through_the_whole_sum",
]
AHEAD_LATENCY = 8  # from a scan's acceptance to the first answer that knows what it announced


def on(testcase: str | list[str], *, entries: int, links: int, **parameters) -> list[str]:
    """With more entries than registers are for, a hashed log."""
    store = LogStore.REGISTERS if entries <= 16 else LogStore.HASH
    log = Log(InterlockConfig(log_store=store, log_entries=entries, links=links))
    latency = {
        "merge": log.merge_latency,
        "described": log.described_latency,
        "first_entry": log.first_entry_latency,
        "ahead": AHEAD_LATENCY,
        "read": log.store.read_latency,
    }
    parameters |= {"entries": entries, "links": links, "latency": latency}
    return run(log, "log_tests", parameters=parameters, testcase=testcase)


@pytest.mark.parametrize("patterns", crossings(3), ids="-".join)
@pytest.mark.parametrize(("entries", "links"), [(6, 3), (64, 2)])
def test_agrees_with_the_naive_log(entries, links, patterns):
    on(RANDOM, entries=entries, links=links, patterns=patterns)


def test_the_smallest_log_agrees():
    on(RANDOM, entries=2, links=1, patterns=("none", "half", "half"))


@pytest.mark.parametrize(("entries", "links"), [(6, 3), (64, 2)])
@pytest.mark.parametrize("sink", ["none", "half"])
def test_a_merge_meets_a_scan(entries, links, sink):
    on(MEETING, entries=entries, links=links, sink=sink)


@pytest.mark.parametrize(("entries", "links"), [(6, 3), (64, 2)])
def test_latencies_and_corner_cases(entries, links):
    assert on(DIRECTED, entries=entries, links=links) == DIRECTED


@pytest.mark.parametrize(("store", "first_entry"), [(LogStore.REGISTERS, 6), (LogStore.HASH, 8)])
def test_latencies_are_as_documented(store, first_entry):
    log = Log(InterlockConfig(log_store=store, log_entries=64))
    assert (log.described_latency, log.first_entry_latency) == (3, first_entry)
