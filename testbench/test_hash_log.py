"""HashLog: merges and reads as a naive store has them, exact latencies and throughput, what does not fit."""

from dataclasses import asdict

import numpy as np
import pytest
from interlock.model.hash_index import IndexSizes
from interlock.model.siphash import siphash128_many
from interlock_hdl.log.hash_log import HashLog
from interlock_hdl.log.index_shape import IndexShape
from lib.patterns import crossings
from lib.run import run

FULL_SIZE = IndexSizes.of(64)
SMALL = IndexSizes(bucket_bits=1, slots=2, fingerprint_bits=3, stash=1)
"""Overflows long before a log of 16 entries is full, and many keys collide."""

RANDOM = "merges_and_reads_agree_with_a_naive_store"
DIRECTED = [
    "a_merge_takes_two_cycles_whatever_it_does",
    "an_entry_is_read_every_cycle_beside_merges",
    "a_full_log_refuses_what_is_new_and_merges_what_it_knows",
    "a_key_meets_itself_at_every_distance",
    "a_read_meets_a_merge_and_an_announcement_in_every_cycle",
    "a_claim_is_held_against_the_most_that_was_ever_announced",
    "a_count_below_the_last_is_a_fault",
]


def hash_log(entries: int, sizes: IndexSizes) -> HashLog:
    address_bits = (entries - 1).bit_length()
    return HashLog(entries=entries, shape=IndexShape(address_bits=address_bits, **asdict(sizes)))


@pytest.mark.parametrize(
    ("sizes", "patterns"),
    [
        *((FULL_SIZE, patterns) for patterns in crossings(4)),
        *((SMALL, patterns) for patterns in crossings(4)[:2]),
    ],
    ids=lambda value: (
        "-".join(value) if isinstance(value, tuple) else "64" if value is FULL_SIZE else "small"
    ),
)
def test_agrees_with_a_naive_store(sizes, patterns):
    entries = 64 if sizes is FULL_SIZE else 16
    parameters = {
        "entries": entries,
        "sizes": asdict(sizes),
        "patterns": patterns,
        "keys": 70 if sizes is FULL_SIZE else 12,
    }
    run(hash_log(entries, sizes), "hash_log_tests", parameters=parameters, testcase=RANDOM)


def test_latencies_throughput_and_corner_cases():
    parameters = {"entries": 64, "sizes": asdict(FULL_SIZE)}
    passed = run(HashLog(entries=64), "hash_log_tests", parameters=parameters, testcase=DIRECTED)
    assert passed == DIRECTED


def ids_of_one_bucket(key: bytes, count: int) -> list[int]:
    """Session ids whose buckets are the same in both levels, under this key."""
    numbers = np.arange(1 << 18, dtype=np.uint64)
    words = np.zeros((len(numbers), 5), np.uint64)
    words[:, 1] = numbers.byteswap()  # the lower half of a session id
    low, _ = siphash128_many(np.frombuffer(key, "<u8"), words, length=33)
    both = low & np.uint64((1 << 2 * FULL_SIZE.bucket_bits) - 1)
    return [int(number) for number in numbers[both == both[0]][:count]]


def test_keys_aimed_at_one_hash_do_no_harm_under_another():
    key = bytes(range(16))
    room = 2 * FULL_SIZE.slots + FULL_SIZE.stash
    aimed = ids_of_one_bucket(key, room + 3)
    assert len(aimed) == room + 3
    run(
        HashLog(entries=64),
        "hash_log_tests",
        parameters={
            "entries": 64,
            "sizes": asdict(FULL_SIZE),
            "aimed": list(map(str, aimed)),
            "aimed_at": key.hex(),
            "too_many": 3,
        },
        testcase="keys_aimed_at_one_hash_do_no_harm_under_another",
    )


@pytest.mark.parametrize("entries", [64, 1024, 16384])
def test_gateware_and_model_have_the_same_sizes(entries):
    sizes = IndexSizes.of(entries)
    assert IndexShape.of(entries) == IndexShape(address_bits=entries.bit_length() - 1, **asdict(sizes))


def test_latencies_are_those_of_the_contract():
    assert (HashLog.merge_latency, HashLog.read_latency) == (37, 3)


@pytest.mark.parametrize("entries", [0, 16, 32, 65, 100, 32768])
def test_refuses_a_size_that_it_cannot_have(entries):
    with pytest.raises(ValueError, match="entries must be a power of two, 64 … 16384"):
        HashLog(entries=entries)
