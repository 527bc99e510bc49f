"""How likely a hash log is to refuse a key: computed, and measured with its hash and its sizes."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from interlock.model.hash_capacity import (
    collision_chance,
    overflow_chance,
    refusal_chance,
    stash_needed,
)
from interlock.model.hash_index import Hash, Index, IndexSizes, hash_of
from interlock.model.siphash import siphash, siphash128, siphash128_many
from lib.parameters import default_seed

KEY = bytes(range(16))
LOOSENESS = 64
"""The computation is at most so many times what is measured."""


def test_siphash_2_4_gives_the_published_value():
    """Of the paper, appendix A."""
    assert siphash(KEY, bytes(range(15)), c=2, d=4) == 0xA129CA6149BE45E5


@pytest.mark.parametrize(
    ("c", "d", "expected"),
    [(2, 4, "a3817f04ba25a8e66df67214c7550293"), (1, 3, "e77ebcb22788a5befd62db6add303001")],
    ids=["2-4, of the reference implementation", "1-3, of the Rust crate siphasher"],
)
def test_siphash128_gives_the_published_value(c, d, expected):
    low, high = siphash128(KEY, b"", c=c, d=d)
    assert (low.to_bytes(8, "little") + high.to_bytes(8, "little")).hex() == expected


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="this Python hashes strings otherwise")
@pytest.mark.parametrize("length", [1, 7, 8, 9, 16, 33])
def test_siphash_1_3_agrees_with_python(length):
    """Python's own hash of bytes, with the key of zeros that it has where it is told not to draw one."""
    message = bytes(range(length))
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-c", f"print(hash({message!r}))"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert siphash(bytes(16), message) == int(done.stdout) % 2**64


@pytest.mark.parametrize("entries", [1 << bits for bits in range(6, 15)])
def test_any_keys_fit_up_to_the_last_one(entries):
    assert refusal_chance(entries, IndexSizes.of(entries)) < 2**-40


def test_fewer_places_would_not_do():
    assert stash_needed(64, IndexSizes.of(64), chance=2**-40) in (6, 7, 8)
    with pytest.raises(ValueError, match="the fingerprint is too short"):
        stash_needed(64, replace(IndexSizes.of(64), fingerprint_bits=40), chance=2**-40)


def random_hashes(
    trials: int, keys: int, sizes: IndexSizes, *, stream: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Buckets (trials, keys, 2) and fingerprints of session ids that count up, under random keys."""
    generator = np.random.default_rng([default_seed(), stream])
    key = generator.integers(0, 2**64, (trials, 1, 2), np.uint64)
    words = np.zeros((1, keys, 5), np.uint64)
    words[0, :, 1] = np.arange(keys, dtype=np.uint64).byteswap()
    low, high = siphash128_many(key, words, length=33)
    mask = np.uint64((1 << sizes.bucket_bits) - 1)
    buckets = np.stack([low & mask, low >> np.uint64(sizes.bucket_bits) & mask], axis=-1)
    return buckets.astype(np.int64), high & np.uint64((1 << sizes.fingerprint_bits) - 1)


def turned_away(where: np.ndarray, slots: int) -> np.ndarray:
    """Of keys in their order, which of them find ``slots`` others before them in the same place."""
    order = np.argsort(where, kind="stable")
    places = where[order]
    first = np.searchsorted(places, places, side="left")
    away = np.empty(len(where), bool)
    away[order] = np.arange(len(where)) - first >= slots
    return away


def in_stash(buckets: np.ndarray, sizes: IndexSizes) -> np.ndarray:
    """For each trial, how many keys find both of their buckets full."""
    trials, keys, _ = buckets.shape
    trial = np.repeat(np.arange(trials), keys)
    for level in range(2):
        where = trial << sizes.bucket_bits | buckets[..., level].reshape(-1)
        away = turned_away(where, sizes.slots)
        trial, buckets = trial[away], buckets.reshape(-1, 2)[away]
    return np.bincount(trial, minlength=trials)


def test_the_simulation_places_keys_as_the_index_does():
    sizes = IndexSizes(bucket_bits=4, slots=2, fingerprint_bits=40, stash=64)
    buckets, fingerprints = random_hashes(50, 64, sizes)
    counts = in_stash(buckets, sizes)
    for one, prints, count in zip(buckets, fingerprints, counts, strict=True):
        index = Index(replace(sizes, stash=int(count)))
        fits = [index.insert(Hash(tuple(b), int(f)), 0) for b, f in zip(one.tolist(), prints, strict=True)]
        assert all(fits)
        if count:
            index = Index(replace(sizes, stash=int(count) - 1))
            fits = [
                index.insert(Hash(tuple(b), int(f)), 0) for b, f in zip(one.tolist(), prints, strict=True)
            ]
            assert not all(fits)


def test_one_hash_is_many_hashes():
    sizes = IndexSizes.of(64)
    generator = np.random.default_rng(1)
    key, numbers = generator.bytes(16), [3, 99]
    words = np.zeros((2, 5), np.uint64)
    words[:, 1] = np.array(numbers, np.uint64).byteswap()
    low, high = siphash128_many(np.frombuffer(key, "<u8"), words, length=33)
    for n, number in enumerate(numbers):
        one = hash_of(key, number.to_bytes(16), external=False, sizes=sizes)
        assert one.buckets == (int(low[n]) & 31, int(low[n]) >> 5 & 31)
        assert one.fingerprint == int(high[n]) & (1 << 49) - 1


@pytest.mark.parametrize(("entries", "trials"), [(64, 1 << 18), (1024, 1 << 13)], ids=["64", "1024"])
def test_what_finds_no_place_is_no_more_than_computed(entries, trials):
    """With the slots of the gateware and with fewer, and with a stash of any size for which it is seen."""
    sizes = IndexSizes.of(entries)
    shapes = [replace(sizes, slots=slots) for slots in (3, sizes.slots)]
    counts: list[list[np.ndarray]] = [[] for _ in shapes]
    batch = (1 << 20) // entries
    for stream in range(trials // batch):
        buckets, _ = random_hashes(batch, entries, sizes, stream=stream)
        for shape, some in zip(shapes, counts, strict=True):
            some.append(in_stash(buckets, shape))
    for shape, some in zip(shapes, counts, strict=True):
        found = np.concatenate(some)
        for stash in range(40):
            computed = overflow_chance(entries, replace(shape, stash=stash)) * trials
            if computed < 4:
                break
            measured = np.count_nonzero(found > stash)
            print(
                f"{shape.slots} slots, stash {stash}: computed {computed:.1f}, seen {measured}, of {trials}"
            )
            assert measured <= computed + 4 * np.sqrt(computed)
            assert measured >= computed / LOOSENESS - 4 * np.sqrt(computed / LOOSENESS)


@pytest.mark.parametrize("bits", [3, 10])
def test_collisions_are_no_more_than_computed(bits):
    """With a fingerprint so short that they are seen: how often any key of 64 meets another's."""
    sizes = replace(IndexSizes.of(64), fingerprint_bits=bits)
    trials = 1 << 12
    buckets, fingerprints = random_hashes(trials, 64, sizes)
    collided = 0
    for one, prints in zip(buckets.tolist(), fingerprints.tolist(), strict=True):
        index = Index(sizes)
        for bucket, fingerprint in zip(one, prints, strict=True):
            key = Hash(tuple(bucket), fingerprint)
            if index.find(key) is not None:
                collided += 1
                break
            index.insert(key, 0)
    computed = min(1.0, collision_chance(64, sizes))
    print(f"{bits} bits: computed {computed * trials:.0f}, seen {collided}")
    assert collided <= computed * trials + 4 * np.sqrt(computed * trials)
    assert collided >= computed * trials / LOOSENESS
