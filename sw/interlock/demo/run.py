"""Runs a task on a cluster, from outside: messages in, exports out, and an eye on the links."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from interlock.demo.data import Dataset, initial_weights, load
from interlock.demo.engines import ACCELERATOR, PARAMETERS, Engine, Figures, machines
from interlock.demo.exports import Export, ExportReader
from interlock.demo.flops import step_flops
from interlock.demo.loading import host_messages
from interlock.demo.memory import Memory
from interlock.demo.program import NEXT_SLOT, training_program
from interlock.demo.task import Task
from interlock.demo.traffic import LinkMeter, MeteredNode
from interlock.device.cluster import Cluster
from interlock.device.joins import ring
from interlock.errors import InterlockError
from interlock.wires import Segment

QUANTA = {Engine.GOLDEN: 30, Engine.RTL: 400, Engine.LOCKSTEP: 400}
"""Cycles from one exchange between the nodes to the next: few for a model that waits one cycle at a time, and
enough for gateware that it is not the exchange that takes the time."""

LONG = 4
"""Epochs from which a model that was compiled for speed is worth the time that this took."""

Progress = Callable[[int, int], None]
"""Called with the steps that are done, and with all that there will be."""


class Stalled(InterlockError):
    """A cluster that has work left, but does nothing."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run left behind; sequences have an item for each node.

    Attributes
    ----------
    exports : everything that left the cluster
    meters : what each slot sent
    figures : what the engines tell of themselves
    waves : files
    build_s, wall_s : float
        Seconds that it took to make the nodes, and then to run them.
    """

    task: Task
    dataset: Dataset
    memory: Memory
    exports: Sequence[Sequence[Export]]
    meters: Sequence[Sequence[LinkMeter]]
    figures: Sequence[Figures]
    waves: Sequence[Path]
    build_s: float
    wall_s: float

    @property
    def steps(self) -> int:
        """Steps of gradient descent."""
        return self.task.epochs * self.dataset.batches


def run(
    task: Task,
    *,
    engine: Engine,
    is_clear: bool = False,
    waves: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> Outcome:
    """Trains on a cluster, with sealed links or CLEAR ones; ``waves`` is a folder for waves of the gateware.

    Raises
    ------
    BadTask
        Before anything runs, if the task cannot be.
    Mismatch
        As soon as gateware and golden model differ.
    Stalled, Malformed
        If the cluster does not do what its programs say.
    """
    task.validate()
    dataset = load(task)
    memory = Memory.of(task, batches=dataset.batches, array_size=ACCELERATOR.array_size)
    messages = _messages(task, dataset, memory)
    steps = task.epochs * dataset.batches
    messages_a_step = 2 * (task.nodes - 1)  # in either direction

    began = time.monotonic()
    runs_long = task.epochs >= LONG
    with machines(engine, task.nodes, is_clear=is_clear, runs_long=runs_long, waves=waves) as made:
        built = time.monotonic()
        nodes = [MeteredNode(one.node, links=PARAMETERS.links, keep=task.nodes - 1) for one in made]

        def watch() -> None:
            done = nodes[0].meters[NEXT_SLOT].messages // messages_a_step
            progress(min(done, steps), steps)

        with Cluster(nodes, ring(task.nodes), quantum=QUANTA[engine], threads=os.cpu_count() or 1) as cluster:
            for node, words in zip(nodes, _random_words(task), strict=True):
                node.push_random(words)
            for number, data in enumerate(messages):
                cluster.push_host(number, (Segment(message, first=True, last=True) for message in data))
            exports = _drive(cluster, task, due=exports_due(task, memory), watch=watch)
        for one in made:
            one.finish()
        return Outcome(
            task=task,
            dataset=dataset,
            memory=memory,
            exports=exports,
            meters=[node.meters for node in nodes],
            figures=[one.figures() for one in made],
            waves=[one.waves for one in made if one.waves],
            build_s=built - began,
            wall_s=time.monotonic() - built,
        )


def exports_due(task: Task, memory: Memory) -> list[int]:
    """How many exports each node makes at a time: node 0 needs some for its weights."""
    weights_bytes = memory.weights_words * 4 * memory.array_size
    return [-(-weights_bytes // PARAMETERS.message_bytes), *[1] * (task.nodes - 1)]


def _random_words(task: Task) -> list[list[int]]:
    """What each node draws for its session id and the key of its log."""
    random = np.random.default_rng([task.seed, 2])
    words = 2 + PARAMETERS.key_words
    return [[int(word) for word in random.integers(1 << 32, size=words)] for _ in range(task.nodes)]


def _messages(task: Task, dataset: Dataset, memory: Memory) -> list[list[bytes]]:
    """What the host of each node sends."""
    weights = initial_weights(task)
    message_bytes, scratch_words = PARAMETERS.message_bytes, ACCELERATOR.scratch_words
    programs = (
        training_program(task, memory, rank=rank, message_bytes=message_bytes, scratch_words=scratch_words)
        for rank in range(task.nodes)
    )
    return [
        host_messages(memory, shard, weights, program, message_bytes=message_bytes)
        for shard, program in zip(dataset.shards, programs, strict=True)
    ]


def _drive(
    cluster: Cluster, task: Task, *, due: Sequence[int], watch: Callable[[], None]
) -> list[list[Export]]:
    """Runs the cluster until every node has made its last export and all is quiet."""
    readers = [ExportReader(message_bytes=PARAMETERS.message_bytes) for _ in due]
    times = task.epochs + 2
    # Even at one FLOP a cycle, a byte goes over some wire within a step.
    patience = 100_000 + step_flops(task, tile=ACCELERATOR.array_size).total
    last_sign = 0
    while True:
        cluster.run()
        watch()
        is_quiet = cluster.is_quiet
        for number, reader in enumerate(readers):
            items = cluster.pop_host(number)
            reader.feed(items)
            is_quiet = is_quiet and not items
        made = [len(reader.exports) for reader in readers]
        if not is_quiet:
            last_sign = cluster.cycles
        elif made == [parts * times for parts in due]:
            return [reader.exports for reader in readers]
        elif cluster.cycles - last_sign > patience:
            raise Stalled(
                f"nothing has happened since cycle {last_sign}, after {made} exports of the nodes: "
                "where they stopped can be seen with --waves"
            )
