"""What pytest tells the cocotb side of a test: its parameters and its seed."""

import json
import os
from random import Random
from typing import Any

PARAMETERS = "INTERLOCK_PARAMETERS"
SEED = "INTERLOCK_SEED"


def parameters() -> dict[str, Any]:
    """The parameters that ``run`` was given."""
    return json.loads(os.environ.get(PARAMETERS, "{}"))


def default_seed() -> int:
    """``INTERLOCK_SEED``, or 1."""
    return int(os.environ.get(SEED, "1"))


def seed() -> int:
    """The seed of this run, printed, so that a failure can be repeated with ``INTERLOCK_SEED=<seed>``."""
    value = default_seed()
    print(f"{SEED}={value}", flush=True)
    return value


def generator() -> Random:
    """A random generator of one's own, from :func:`seed`."""
    return Random(seed())
