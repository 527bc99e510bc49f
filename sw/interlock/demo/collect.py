"""From what a run left behind to its report."""

from collections.abc import Sequence
from dataclasses import asdict

from interlock.demo.data import Weights
from interlock.demo.engines import ACCELERATOR, Engine
from interlock.demo.exports import Export
from interlock.demo.flops import analytic_flops, step_flops, torch_flops
from interlock.demo.loading import weights_of
from interlock.demo.program import NEXT_SLOT
from interlock.demo.report import Hop, LinkReport, NodeReport, Point, Report, Snapshot, Source
from interlock.demo.run import Outcome, exports_due
from interlock.model.parameters import Bin


def report(outcome: Outcome, *, engine: Engine) -> Report:
    """The report of a run."""
    task, steps = outcome.task, outcome.steps
    tile = ACCELERATOR.array_size
    groups = [
        _grouped(exports, parts)
        for exports, parts in zip(outcome.exports, exports_due(task, outcome.memory), strict=True)
    ]
    names = {exports[0].log[0].session_id: f"node {number}" for number, exports in enumerate(outcome.exports)}
    last_weights = _weights(groups[0][-1], outcome)
    links = _links(outcome)
    link_bytes = sum(link.total_bytes for link in links)
    cycles = sum(figures.cycles for figures in outcome.figures)
    by_port = {f"node {number}": dict(figures.bytes_sent) for number, figures in enumerate(outcome.figures)}
    return Report(
        accuracy=last_weights.accuracy(outcome.dataset.held_out, outcome.dataset.held_out_labels),
        flops_counted=sum(entry.flops for entry in groups[0][-1][-1].log),
        flops_analytic=analytic_flops(task, steps=steps, tile=tile),
        flops_torch_rule=torch_flops(task, steps=steps),
        flops_by_work={
            name: flops * steps * task.nodes for name, flops in asdict(step_flops(task, tile=tile)).items()
        },
        bytes_compared=sum(figures.bytes_compared for figures in outcome.figures),
        bytes_by_port=by_port if any(by_port.values()) else {},
        mismatches=0,  # the first one would have ended the run
        sim_cycles=cycles,
        sim_cycles_per_s=cycles / outcome.wall_s,
        wall_s=outcome.wall_s,
        build_s=outcome.build_s,
        engine=engine.value,
        seed=task.seed,
        nodes=task.nodes,
        epochs=task.epochs,
        steps=steps,
        batch=task.batch,
        layers=task.layers,
        learning_rate=task.learning_rate,
        held_out=len(outcome.dataset.held_out),
        prefix_share=sum(link.prefix_bytes for link in links) / link_bytes,
        curve=_curve(groups[0][:-1], outcome),
        logs=tuple(_node(number, groups[number], names) for number in range(task.nodes)),
        links=links,
        hops=_hops(outcome, names),
        waves=tuple(map(str, outcome.waves)),
    )


def _grouped(exports: Sequence[Export], parts: int) -> list[Sequence[Export]]:
    """The exports that a node made at a time: before the first step, after each epoch, at the end."""
    return [exports[start : start + parts] for start in range(0, len(exports), parts)]


def _weights(group: Sequence[Export], outcome: Outcome) -> Weights:
    return weights_of(b"".join(export.payload for export in group), outcome.task, outcome.memory)


def _curve(groups: Sequence[Sequence[Export]], outcome: Outcome) -> tuple[Point, ...]:
    data = outcome.dataset
    return tuple(
        Point(
            epoch=epoch,
            steps=epoch * data.batches,
            accuracy=_weights(group, outcome).accuracy(data.held_out, data.held_out_labels),
            total=group[-1].summary.total,
        )
        for epoch, group in enumerate(groups)
    )


def _node(number: int, groups: Sequence[Sequence[Export]], names: dict[bytes, str]) -> NodeReport:
    last = groups[-1][-1]
    epochs = len(groups) - 2
    history = []
    for index, group in enumerate(groups):
        known = {entry.session_id: entry.flops for entry in group[-1].log}
        history.append(
            Snapshot(
                epoch=min(index, epochs),
                final=index > epochs,
                ticks=group[-1].summary.ticks,
                total=group[-1].summary.total,
                flops=tuple(known.get(session, 0) for session in names),
            )
        )
    return NodeReport(
        node=f"node {number}",
        session_id=last.log[0].session_id.hex(),
        exports=last.summary.export_counter + 1,
        ticks=last.summary.ticks,
        own_flops=last.log[0].flops,
        flops_by_bin={bin.name: flops for bin, flops in zip(Bin, last.summary.bins, strict=True)},
        log=tuple(
            Source(
                source=names[entry.session_id],
                session_id=entry.session_id.hex(),
                flops=entry.flops,
                mode=entry.mode,
                weight_table=entry.weight_table,
                flags=entry.flags,
            )
            for entry in last.log
        ),
        history=tuple(history),
    )


def _links(outcome: Outcome) -> tuple[LinkReport, ...]:
    return tuple(
        LinkReport(
            source=f"node {number}",
            slot=slot,
            target=f"node {_other_end(number, slot, outcome.task.nodes)}",
            messages=meter.messages,
            prefix_bytes=meter.prefix_bytes,
            payload_bytes=meter.payload_bytes,
            framing_bytes=meter.framing_bytes,
        )
        for number, meters in enumerate(outcome.meters)
        for slot, meter in enumerate(meters)
    )


def _hops(outcome: Outcome, names: dict[bytes, str]) -> tuple[Hop, ...]:
    """The messages that the meters remember, which are those of the first reduction, in order of time."""
    hops = [
        Hop(
            source=f"node {number}",
            target=f"node {_other_end(number, slot, outcome.task.nodes)}",
            is_clockwise=slot == NEXT_SLOT,
            sent=seen.sent,
            received=seen.received,
            names=tuple(names[entry.session_id] for entry in seen.prefix),
        )
        for number, meters in enumerate(outcome.meters)
        for slot, meter in enumerate(meters)
        for seen in meter.seen
    ]
    return tuple(sorted(hops, key=lambda hop: (hop.sent, hop.source, hop.target)))


def _other_end(number: int, slot: int, nodes: int) -> int:
    return (number + (1 if slot == NEXT_SLOT else -1)) % nodes
