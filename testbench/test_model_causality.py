"""The one safety property: nothing leaves a node without a log that covers all that influenced it.

Histories of computing, sending, losing, refusing, rolling, closing and reopening are made up by hypothesis;
the true causes of every byte are tracked apart from the logs (``lib.causality``).  That the tracking would
notice is shown by nodes with one flaw each.
"""

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interlock.model.counter import Count
from interlock.model.counter import Counter as FlopCounter
from interlock.model.egress import Egress, Sending
from interlock.model.ingress import Ingress
from interlock.model.log import Answer, Log
from interlock.model.node import GoldenNode
from interlock.model.session import Session
from lib.causality import NODES, Accelerator, Unsound, World

PIPES = NODES * (NODES - 1)
ACTIONS = {
    "settle": (World.settle, 10),
    "run": (World.run, NODES),
    "carry": (World.carry, PIPES),
    "start": (World.start, NODES),
    "start_badly": (World.start_badly, NODES),
    "roll": (World.roll, NODES),
    "reopen": (World.reopen, NODES),
    "damage": (World.damage, PIPES),
    "request_full": (World.request_full, NODES),
}
LIKELY = [
    *["settle"] * 6,
    *["start"] * 6,
    "run",
    "carry",
    "roll",
    "reopen",
    "damage",
    "start_badly",
    "request_full",
]

actions = st.sampled_from(LIKELY).flatmap(
    lambda name: st.tuples(st.just(name), st.integers(0, ACTIONS[name][1] - 1))
)


def happen(world: World, history: list[tuple[str, int]]) -> None:
    """Lets a history happen, with links that come up first, and time at the end for everything to arrive."""
    world.settle(8)
    for name, argument in history:
        ACTIONS[name][0](world, argument)
    world.settle(8)


def history_of(random: Random, length: int = 40) -> list[tuple[str, int]]:
    """A history as hypothesis makes them, of a fixed seed."""
    names = [random.choice(LIKELY) for _ in range(length)]
    return [(name, random.randrange(ACTIONS[name][1])) for name in names]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(actions, max_size=40), st.sampled_from([2, 4, 16]))
def test_every_log_covers_the_causes_of_what_it_travels_with(seed, history, log_entries):
    happen(World(seed, log_entries=log_entries), history)


SEEDS = range(40)


def test_the_histories_are_worth_it():
    """Much is carried and exported that others had a part in, and everything that can go wrong goes wrong."""
    checked: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        world = World(seed)
        for engine in world.engines:
            engine.node.apply = counting(engine.node.apply, seen)
        happen(world, history_of(Random(seed)))
        checked += world.checked
    print(checked, seen)
    for where in ("released", "carried", "exported"):
        assert checked[f"{where} of others"] > 100, where
    assert checked["deltas"] > 100
    assert checked["bounds"] > 100
    rare = ("roll", "close", "end", "reopen", "tx_refuse", "host_refuse", "drop", "abort", "full_request")
    assert all(seen[name] > 20 for name in rare), seen
    assert seen["cut"] > 200


def counting(apply: Callable[..., None], seen: Counter[str]) -> Callable[..., None]:
    def wrapper(event):
        seen[event.name] += 1
        return apply(event)

    return wrapper


# Nodes with one flaw each.


def merge_keeps_the_smaller(monkeypatch):
    merge = Log.merge

    def wrong(log, entry):
        before = {known.session_id: known for known in log.entries}.get(entry.session_id)
        if before is not None and entry.flops > before.flops and before is not log.own:
            return Answer.OK
        return merge(log, entry)

    monkeypatch.setattr(Log, "merge", wrong)


def full_log_drops_entries(monkeypatch):
    merge = Log.merge
    monkeypatch.setattr(
        Log, "merge", lambda log, entry: Answer.OK if (answer := merge(log, entry)) is Answer.FULL else answer
    )


def full_log_drops_the_oldest(monkeypatch):
    merge = Log.merge

    def wrong(log, entry):
        answer = merge(log, entry)
        if answer is Answer.FULL and len(log.entries) > 1:
            del log.entries[1]
            log._index = {known.session_id: index for index, known in enumerate(log.entries)}
            return merge(log, entry)
        return answer

    monkeypatch.setattr(Log, "merge", wrong)


def sample_misses_the_last_event(monkeypatch):
    sample = FlopCounter.sample
    monkeypatch.setattr(
        FlopCounter,
        "sample",
        lambda counter, positions: sample(
            counter, [max(at - 1, low) for at, low in zip(positions, counter.sampled, strict=True)]
        ),
    )


def scan_keeps_the_count_of_before(monkeypatch):
    monkeypatch.setattr(Log, "announce", lambda log, flops, bound=0: None)


def one_port_is_not_counted(monkeypatch):
    sample = FlopCounter.sample

    def wrong(counter, positions):
        count = sample(counter, positions)
        return Count(count.bins[2] // 2, count.bins)

    monkeypatch.setattr(FlopCounter, "sample", wrong)


def memory_survives_a_roll(monkeypatch):
    clear = Accelerator.clear

    def wrong(accelerator):
        cells = getattr(accelerator, "cells", None)
        clear(accelerator)
        accelerator.cells = cells or accelerator.cells

    monkeypatch.setattr(Accelerator, "clear", wrong)


def messages_survive_a_roll(monkeypatch):
    begin, end = GoldenNode.begin_session, Ingress.end_epoch

    def wrong_begin(node):
        before = getattr(node, "ingress", None)
        begin(node)
        node.ingress = before or node.ingress

    def wrong_end(ingress):
        complete = getattr(ingress, "complete", None)
        end(ingress)
        ingress.complete = complete or ingress.complete

    monkeypatch.setattr(GoldenNode, "begin_session", wrong_begin)
    monkeypatch.setattr(Ingress, "end_epoch", wrong_end)


def session_id_comes_again_and_nobody_minds(monkeypatch):
    monkeypatch.setattr(Session, "session_id", property(lambda session: session._device + bytes(8)))
    merge = Log.merge
    monkeypatch.setattr(
        Log,
        "merge",
        lambda log, entry: Answer.OWN if (answer := merge(log, entry)) is Answer.OWN_AHEAD else answer,
    )


def prefix_is_not_merged(monkeypatch):
    take = Ingress.take

    def wrong(ingress, record, log):
        take(ingress, record, log)
        ingress.to_merge.clear()

    monkeypatch.setattr(Ingress, "take", wrong)


def refused_merge_is_released(monkeypatch):
    merge = Ingress.merge

    def wrong(ingress, log):
        answer = merge(ingress, log)
        if ingress.fault is not None and ingress._payload is not None:
            ingress.fault = None
            ingress._finish()
        return answer

    monkeypatch.setattr(Ingress, "merge", wrong)


def prefix_is_cut_to_the_speaker(monkeypatch):
    prefix = Ingress._prefix

    def wrong(ingress, record, own_id):
        prefix(ingress, record, own_id)
        while len(ingress.to_merge) > 1:
            ingress.to_merge.pop()

    monkeypatch.setattr(Ingress, "_prefix", wrong)


def one_slot_is_not_told_of_changes(monkeypatch):
    monkeypatch.setattr(Log, "_touch", lambda log, item: log._changed[0].add(item))


def changes_of_known_sources_are_not_told(monkeypatch):
    touch = Log._touch

    def wrong(log, item):
        is_external, index = item
        if index == len(log.externals if is_external else log.entries) - 1:
            touch(log, item)

    monkeypatch.setattr(Log, "_touch", wrong)


def externals_are_not_told(monkeypatch):
    touch = Log._touch
    monkeypatch.setattr(Log, "_touch", lambda log, item: None if item[0] else touch(log, item))


def external_data_is_not_logged(monkeypatch):
    monkeypatch.setattr(Log, "merge_external", lambda log, digest: Answer.OK)


def a_window_is_not_minded(monkeypatch):
    monkeypatch.setattr(Egress, "is_window_open", property(lambda egress: False))


def a_bound_is_not_announced(monkeypatch):
    begin = Log.begin_scan
    monkeypatch.setattr(Log, "begin_scan", lambda log, slot=None, bound=0: begin(log, slot))


def a_cut_is_not_sampled_again(monkeypatch):
    """Its sample covers what the stream's first 32 bytes had behind them."""
    monkeypatch.setattr(
        Sending, "events_before_cut", property(lambda sending: sending.outgoing.events_before)
    )


def an_overrun_is_not_minded(monkeypatch):
    monkeypatch.setattr(Sending, "has_overrun", property(lambda sending: False))


FLAWS = {
    # with how many entries in the log
    merge_keeps_the_smaller: 16,
    full_log_drops_entries: 2,
    full_log_drops_the_oldest: 4,
    sample_misses_the_last_event: 16,
    scan_keeps_the_count_of_before: 16,
    one_port_is_not_counted: 16,
    memory_survives_a_roll: 16,
    messages_survive_a_roll: 16,
    session_id_comes_again_and_nobody_minds: 16,
    prefix_is_not_merged: 16,
    prefix_is_cut_to_the_speaker: 16,
    refused_merge_is_released: 2,
    one_slot_is_not_told_of_changes: 16,
    changes_of_known_sources_are_not_told: 16,
    externals_are_not_told: 16,
    external_data_is_not_logged: 16,
    a_window_is_not_minded: 16,
    a_bound_is_not_announced: 16,
    a_cut_is_not_sampled_again: 16,
    an_overrun_is_not_minded: 16,
}


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.__name__)
def test_a_flaw_is_noticed(flaw, monkeypatch):
    flaw(monkeypatch)
    for seed in SEEDS:
        world = World(seed, log_entries=FLAWS[flaw])
        try:
            happen(world, history_of(Random(seed)))
        except Unsound as unsound:
            print(f"seed {seed}: {unsound}")
            return
    pytest.fail(f"none of {len(SEEDS)} histories shows it")
