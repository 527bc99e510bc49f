"""smtbmc, to be asked about all cycles at once: SymbiYosys asks about one after the other."""

import os
import sys
from collections.abc import Sequence


def at_once(arguments: Sequence[str]) -> list[str]:
    """The same arguments, and all cycles in one step; an induction's steps, and covers, stay as they are."""
    changed = list(arguments)
    if "-i" not in changed and "-c" not in changed and "-t" in changed:
        cycles = changed.index("-t") + 1
        changed[cycles] = f"0:{changed[cycles]}:{changed[cycles]}"
    return changed


if __name__ == "__main__":
    smtbmc, *arguments = sys.argv[1:]
    os.execv(smtbmc, [smtbmc, *at_once(arguments)])
