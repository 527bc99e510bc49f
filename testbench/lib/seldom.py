"""Variants of a test that add little to the others."""

from collections.abc import Iterable

import pytest


def seldom(variants: Iterable, *rare: object) -> list:
    """Parameters of a test, of which ``make long`` alone tries those that are ``rare``."""
    return [pytest.param(one, marks=pytest.mark.long) if one in rare else one for one in variants]
