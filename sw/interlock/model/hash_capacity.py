"""How likely it is that a hash log refuses a key although it is not full (docs/hash-log.md).

For a random function in place of the keyed hash, and any keys that do not depend on it.  Every figure is an
upper bound; the tests measure how much too large it is.
"""

from dataclasses import replace
from math import exp, lgamma, log

import numpy as np
import numpy.typing as npt

from interlock.model.hash_index import IndexSizes

Distribution = npt.NDArray[np.float64]
"""Probability of 0, 1, 2 …; the last one is of that many or more."""

_LOADS = 200
"""Keys in a bucket: this many or more are taken for that many, to the safe side, for it never happens."""


def refusal_chance(keys: int, sizes: IndexSizes) -> float:
    """That any of so many different keys is refused."""
    return min(1.0, overflow_chance(keys, sizes) + collision_chance(keys, sizes))


def collision_chance(keys: int, sizes: IndexSizes) -> float:
    """That two keys agree in fingerprint and in their bucket of either level: the sum over all pairs."""
    return keys * (keys - 1) / 2 * 2 * 2.0 ** -(sizes.bucket_bits + sizes.fingerprint_bits)


def overflow_chance(keys: int, sizes: IndexSizes) -> float:
    """That more keys than the stash has places find both of their buckets full.

    Poisson instead of multinomial numbers of keys, once for each level: an event that more keys can only make
    more likely is at most twice as likely with exactly ``n`` keys as with a Poisson number of them of mean
    ``n`` (Mitzenmacher, Upfal: *Probability and Computing*, theorem 5.10).  The loads of buckets are
    independent then, and the number of keys that a level turns away is a sum of independent numbers.
    """
    most = keys // 4 + 32  # far more than level 0 turns away; that many or more are taken to fail
    turned_away = _turned_away(keys, sizes, most=most)
    chance = float(turned_away[most]) + sum(
        float(share) * min(1.0, 2 * float(_turned_away(count, sizes, most=sizes.stash + 1)[-1]))
        for count, share in enumerate(turned_away[:most])
        if share > 0
    )
    return min(1.0, 2 * chance)


def stash_needed(keys: int, sizes: IndexSizes, *, chance: float) -> int:
    """Places that bring :func:`refusal_chance` below ``chance``."""
    for stash in range(1, keys + 1):
        if refusal_chance(keys, replace(sizes, stash=stash)) < chance:
            return stash
    raise ValueError(f"no stash makes it less likely than {chance:g}: the fingerprint is too short")


def _turned_away(keys: float, sizes: IndexSizes, *, most: int) -> Distribution:
    """How many of a Poisson number of keys find their bucket of one level full."""
    buckets = 1 << sizes.bucket_bits
    mean = keys / buckets
    one = np.zeros(most + 1)
    if mean == 0:
        one[0] = 1
        return one
    for load in range(_LOADS):
        one[min(max(load - sizes.slots, 0), most)] += exp(load * log(mean) - mean - lgamma(load + 1))
    all_of_them = one
    for _ in range(sizes.bucket_bits):
        all_of_them = _sum_of_two(all_of_them, most)
    return all_of_them


def _sum_of_two(one: Distribution, most: int) -> Distribution:
    """Of two independent numbers of this distribution."""
    both = np.convolve(one, one)
    both[most] = both[most:].sum()
    return both[: most + 1]
