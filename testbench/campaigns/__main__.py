"""``make campaign``: random histories in lockstep for as long as one likes.  Exits with 1 at a mismatch."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from random import SystemRandom

from interlock.device.compare import Mismatch
from lib.nodes import BUILDS
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from campaigns.clusters import any_history
from campaigns.messages import Messages
from campaigns.rogues import Rogues
from campaigns.tally import Tally

KINDS = {"clusters": any_history, "rogues": Rogues, "messages": Messages}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make campaign", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long, in all (600)")
    parser.add_argument("--messages", type=int, help="end when accelerators have sent so many, or in time")
    parser.add_argument("--seed", type=int, help="of the first history; any, unless given")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this kind")
    parser.add_argument("--build", choices=BUILDS, action="append", help="only this build")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    arguments = parser.parse_args(words)
    seed = SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    turns = [(kind, build) for build in arguments.build or BUILDS for kind in arguments.kind or KINDS]

    tally = Tally()
    begin = time.monotonic()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("building", total=arguments.seconds)
        while time.monotonic() - begin < arguments.seconds or tally.histories < len(turns):
            if arguments.messages is not None and tally.messages >= arguments.messages:
                break
            kind, build = turns[tally.histories % len(turns)]
            try:
                tally.add(KINDS[kind](seed, config=BUILDS[build]).run())
            except Mismatch as mismatch:
                again = f"--kind {kind} --build {build} --seed {seed} --seconds 0"
                console.print(f"[red]{mismatch}[/red]\nto repeat: make campaign ARGUMENTS='{again}'")
                return 1
            seed += 1
            done = min(time.monotonic() - begin, arguments.seconds)
            progress.update(task, completed=done, description=f"{tally.histories} histories")
    print(json.dumps(vars(tally)) if arguments.json else tally)
    return 0


if __name__ == "__main__":
    sys.exit(main())
