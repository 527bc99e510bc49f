"""The demo: programs that compute what plain numpy does, counts that are exact, and a report that says so."""

import json
import re
from contextlib import nullcontext
from pathlib import Path
from xml.etree import ElementTree

import pytest
from interlock.demo import run as running
from interlock.demo.collect import report
from interlock.demo.data import initial_weights, load
from interlock.demo.engines import ACCELERATOR, PARAMETERS, Engine, Machine
from interlock.demo.flops import step_flops, torch_flops
from interlock.demo.loading import weights_of
from interlock.demo.memory import Memory
from interlock.demo.page import render
from interlock.demo.program import NEXT_SLOT, training_program
from interlock.demo.run import Stalled, exports_due, run
from interlock.demo.task import BadTask, Task
from lib.training import train

TINY = Task(nodes=2, hidden=8, batch=8, batches=3, epochs=2, seed=5)
TASKS = {
    "two nodes": TINY,
    "padding everywhere": Task(nodes=3, hidden=6, batch=5, batches=2, epochs=1),
    "weights in one export": Task(nodes=4, hidden=5, batch=4, batches=1, epochs=2),
    "eight nodes": Task(nodes=8, hidden=4, batch=4, batches=1, epochs=1),
}


@pytest.fixture(scope="module", params=[Engine.GOLDEN, Engine.LOCKSTEP], ids=lambda engine: engine.value)
def outcome(request):
    """A tiny run on each engine, with the engine and its report as it is written."""
    result = run(TINY, engine=request.param)
    return result, request.param, json.loads(report(result, engine=request.param).to_json())


def final_weights(result):
    parts = exports_due(result.task, result.memory)[0]
    payload = b"".join(export.payload for export in result.exports[0][-parts:])
    return weights_of(payload, result.task, result.memory)


def reference(task):
    """Both layers after training in plain numpy."""
    weights = initial_weights(task)
    trained = train(
        weights.first,
        weights.second,
        [(shard.inputs, shard.targets) for shard in load(task).shards],
        epochs=task.epochs,
        learning_rate=task.learning_rate,
        n=ACCELERATOR.array_size,
    )
    return tuple(matrix.tobytes() for matrix in trained)


@pytest.mark.parametrize(
    ("task", "tile", "expected"),
    [
        # 64-32-10 in tiles of 4: 10 becomes 12; 608 words of weights make 8 chunks of 76 words.
        (
            Task(),
            4,
            {
                "forward": 2 * 32 * 64 * 32 + 2 * 32 * 32 * 12,
                "activation": 32 * 32,
                "error": 2 * 32 * 12,
                "backward": 2 * 32 * 32 * 12 * 2 + 32 * 32 + 2 * 64 * 32 * 32,
                "all_reduce": 2 * 3 * 76 * 4,
                "update": 2 * (64 * 32 + 32 * 12),
            },
        ),
        # Everything is padded: 6 to 8, 5 to 8, 10 to 12; 152 words of weights make 6 chunks of 26 words.
        (
            TASKS["padding everywhere"],
            4,
            {
                "forward": 2 * 8 * 64 * 8 + 2 * 8 * 8 * 12,
                "activation": 8 * 8,
                "error": 2 * 8 * 12,
                "backward": 2 * 8 * 8 * 12 * 2 + 8 * 8 + 2 * 64 * 8 * 8,
                "all_reduce": 2 * 2 * 26 * 4,
                "update": 2 * (64 * 8 + 8 * 12),
            },
        ),
    ],
    ids=["usual", "padded"],
)
def test_flops_of_a_step_by_hand(task, tile, expected):
    assert vars(step_flops(task, tile=tile)) == expected
    assert step_flops(task, tile=tile).total == sum(expected.values())


def test_torch_rule_leaves_out_padding_and_all_but_matrix_products():
    forward = 32 * (64 * 32 + 32 * 10)
    backward = 32 * (64 * 32 + 2 * 32 * 10)
    assert torch_flops(Task(), steps=7) == 2 * (forward + backward) * 4 * 7


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_programs_compute_what_plain_numpy_does(task):
    result = run(task, engine=Engine.GOLDEN)
    trained = final_weights(result)
    assert (trained.first.tobytes(), trained.second.tobytes()) == reference(task)
    told = report(result, engine=Engine.GOLDEN)
    assert told.flops_counted == told.flops_analytic


def test_usual_task_fits_and_leaves_no_program_of_one_node_to_another():
    programs = set()
    for nodes in range(2, 9):
        task = Task(nodes=nodes)
        memory = Memory.of(task, batches=load(task).batches, array_size=ACCELERATOR.array_size)
        for rank in range(nodes):
            program = training_program(
                task,
                memory,
                rank=rank,
                message_bytes=PARAMETERS.message_bytes,
                scratch_words=ACCELERATOR.scratch_words,
            )
            programs.add(program.assemble())
    assert len(programs) == sum(range(2, 9))


def test_task_that_does_not_fit_is_refused_before_anything_runs():
    with pytest.raises(BadTask, match=r"needs \d+ words of scratch memory and has 16384"):
        run(Task(hidden=512), engine=Engine.GOLDEN)


def test_report_counts_exactly_what_the_shapes_predict(outcome):
    _, _, told = outcome
    assert told["flops_counted"] == told["flops_analytic"] == sum(told["flops_by_work"].values())
    assert told["flops_analytic"] == step_flops(TINY, tile=4).total * 6 * 2
    assert told["flops_torch_rule"] == torch_flops(TINY, steps=6) < told["flops_analytic"]
    assert told["steps"] == 6
    for node in told["logs"]:
        assert sum(node["flops_by_bin"].values()) == node["own_flops"]
        matrix = step_flops(TINY, tile=4)
        products = matrix.forward + matrix.backward - matrix.activation  # the mask is as large as the ReLU
        assert node["flops_by_bin"]["FP16"] == products * 6


def test_every_final_log_covers_the_whole_run(outcome):
    _, _, told = outcome
    own = {node["node"]: node["own_flops"] for node in told["logs"]}
    for node in told["logs"]:
        assert {source["source"]: source["flops"] for source in node["log"]} == own
        assert node["history"][-1]["total"] == told["flops_counted"]
        assert node["log"][0]["source"] == node["node"]
        assert all(source["flags"] == 4 for source in node["log"])  # UNADMITTED data; no CLEAR links


def test_logs_begin_alone_grow_and_need_the_empty_message_to_be_complete(outcome):
    _, _, told = outcome
    for number, node in enumerate(told["logs"]):
        first, *trained, last = node["history"]
        assert [snapshot["epoch"] for snapshot in (first, *trained, last)] == [0, 1, 2, 2]
        assert (first["final"], last["final"]) == (False, True)
        assert not any(flops for other, flops in enumerate(first["flops"]) if other != number)
        totals = [snapshot["total"] for snapshot in (first, *trained, last)]
        assert totals == sorted(totals)
        # What the others did after their last message is unknown until the empty message has gone round.
        assert trained[-1]["total"] < last["total"]
        ticks = [snapshot["ticks"] for snapshot in node["history"]]
        assert ticks == sorted(set(ticks))


def test_curve_comes_from_the_exported_weights(outcome):
    _, _, told = outcome
    assert [point["steps"] for point in told["curve"]] == [0, 3, 6]
    data = load(TINY)
    begun = initial_weights(TINY).accuracy(data.held_out, data.held_out_labels)
    assert told["curve"][0]["accuracy"] == begun
    assert told["curve"][-1]["accuracy"] == told["accuracy"]
    assert told["held_out"] == len(data.held_out) == 359


def test_prefixes_tell_of_both_sources_and_of_every_digest_at_most_once(outcome):
    result, _, told = outcome
    digests = 32 * len(result.exports[0][-1].externals)
    assert digests > 0
    for link in told["links"]:
        # A message in either phase of a step; the empty one goes twice, and only one way.
        messages = 6 * 2 + (2 if link["slot"] == NEXT_SLOT else 0)
        assert link["messages"] == messages
        assert messages * 64 <= link["prefix_bytes"] <= messages * 96 + digests
        assert link["payload_bytes"] == 12 * 38 * 16  # 152 words of weights in 4 chunks
    total = sum(
        link["prefix_bytes"] + link["payload_bytes"] + link["framing_bytes"] for link in told["links"]
    )
    assert told["prefix_share"] == sum(link["prefix_bytes"] for link in told["links"]) / total
    assert 0.05 < told["prefix_share"] < 0.5


def test_first_hops_tell_how_influence_spreads(outcome):
    _, _, told = outcome
    assert len(told["hops"]) == 4  # of each node to either side
    for hop in told["hops"]:
        assert hop["names"][0] == hop["source"]
        assert hop["sent"] < hop["received"]


def test_lockstep_compares_every_byte_once(outcome):
    result, engine, told = outcome
    if engine is Engine.GOLDEN:
        assert told["bytes_compared"] == told["sim_cycles"] == 0
        assert told["bytes_by_port"] == {}
        return
    ports = [count for counts in told["bytes_by_port"].values() for count in counts.values()]
    assert len(ports) == 2 * (2 + 3)
    assert min(ports) > 0
    assert told["bytes_compared"] == sum(ports)
    assert told["mismatches"] == 0
    assert told["sim_cycles"] == sum(figures.cycles for figures in result.figures) > 0
    # What went over the links was also metered on its way.
    metered = sum(
        link["prefix_bytes"] + link["payload_bytes"] + link["framing_bytes"] for link in told["links"]
    )
    counted = sum(counts[f"link {slot}"] for counts in told["bytes_by_port"].values() for slot in (0, 1))
    assert metered == counted


def test_every_engine_trains_the_same_weights(outcome):
    result, _, _ = outcome
    trained, expected = final_weights(result), reference(TINY)
    assert (trained.first.tobytes(), trained.second.tobytes()) == expected


def test_same_seed_same_report_but_for_times(outcome):
    _, engine, told = outcome
    again = json.loads(report(run(TINY, engine=engine), engine=engine).to_json())
    times = {"wall_s", "build_s", "sim_cycles_per_s"}
    assert {**told, **dict.fromkeys(times)} == {**again, **dict.fromkeys(times)}


def test_links_in_clear_must_be_asked_for_and_are_on_record():
    told = report(run(TINY, engine=Engine.GOLDEN, is_clear=True), engine=Engine.GOLDEN)
    flags = {source.flags for node in told.logs for source in node.log}
    assert flags == {1 | 4}  # CLEAR links, UNADMITTED data
    assert told.flops_counted == told.flops_analytic


def test_other_seed_other_bytes():
    def exported(seed):
        result = run(Task(nodes=2, hidden=4, batch=4, batches=1, epochs=1, seed=seed), engine=Engine.GOLDEN)
        return [[(e.payload, e.log, e.summary) for e in exports] for exports in result.exports]

    assert exported(1) != exported(2)


@pytest.mark.parametrize(
    ("task", "engine"),
    [(Task(epochs=2), Engine.GOLDEN), (Task(nodes=2, epochs=1), Engine.LOCKSTEP)],
    ids=["usual", "gateware"],
)
def test_demo_learns(task, engine):
    told = report(run(task, engine=engine), engine=engine)
    assert told.accuracy >= 0.9
    assert told.flops_counted == told.flops_analytic
    assert told.bytes_compared > 1_000_000 or engine is Engine.GOLDEN


def test_every_field_of_the_report_is_explained(outcome):
    _, _, told = outcome
    page = Path(__file__).resolve().parents[1] / "docs" / "demo.md"
    table = page.read_text().partition("## The report")[2]
    explained = {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in row.split(", ")
    }
    assert explained == {f"`{field}`" for field in told}


def test_page_stands_alone(outcome):
    result, engine, _ = outcome
    page = render(report(result, engine=engine), command="interlock demo")
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", page)
    assert set(re.findall(r"https?://[^\"'<> ]+", page)) <= {"http://www.w3.org/2000/svg"}
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) == 6
    for picture in pictures:
        ElementTree.fromstring(picture)
    assert ("Lockstep" in page) == (engine is Engine.LOCKSTEP)


class Dead:
    """A node that does nothing at all."""

    def __getattr__(self, name):
        return lambda *arguments: ()


def test_cluster_that_does_nothing_is_noticed(monkeypatch):
    monkeypatch.setattr(running, "machines", lambda *_, **__: nullcontext([Machine(Dead())] * 2))
    with pytest.raises(Stalled, match=r"since cycle 0, after \[0, 0\] exports"):
        run(TINY, engine=Engine.GOLDEN)
