"""What a run of the demo comes to: numbers that anybody can check, as JSON and as a page."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Source:
    """A line of a node's log: how much of a source's work may have influenced the node."""

    source: str
    session_id: str
    flops: int
    mode: int
    weight_table: int
    flags: int


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A node's log as one of its exports carried it.

    ``epoch`` counts the epochs trained before; ``flops`` has a number for each node of the cluster, 0 where
    the log did not name it.
    """

    epoch: int
    final: bool
    ticks: int
    total: int
    flops: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """One node: its session, its log at the end, and as it grew."""

    node: str
    session_id: str
    exports: int
    ticks: int
    own_flops: int
    flops_by_bin: Mapping[str, int]
    log: tuple[Source, ...]
    history: tuple[Snapshot, ...]


@dataclass(frozen=True, kw_only=True)
class LinkReport:
    """One direction of a link, from a slot of its source: what its bytes were spent on."""

    source: str
    slot: int
    target: str
    messages: int
    prefix_bytes: int
    payload_bytes: int
    framing_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.prefix_bytes + self.payload_bytes + self.framing_bytes


@dataclass(frozen=True, kw_only=True)
class Hop:
    """A message between two nodes: when it was sent and received, in cycles, and whom its prefix named."""

    source: str
    target: str
    is_clockwise: bool
    sent: int
    received: int
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Point:
    """The weights exported after ``epoch`` epochs: accuracy on the held-out samples, and total FLOPs."""

    epoch: int
    steps: int
    accuracy: float
    total: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything about one run."""

    accuracy: float
    flops_counted: int
    flops_analytic: int
    flops_torch_rule: int
    flops_by_work: Mapping[str, int]
    bytes_compared: int
    bytes_by_port: Mapping[str, Mapping[str, int]]
    mismatches: int
    sim_cycles: int
    sim_cycles_per_s: float
    wall_s: float
    build_s: float
    engine: str
    seed: int
    nodes: int
    epochs: int
    steps: int
    batch: int
    layers: tuple[int, ...]
    learning_rate: float
    held_out: int
    prefix_share: float
    curve: tuple[Point, ...]
    logs: tuple[NodeReport, ...]
    links: tuple[LinkReport, ...]
    hops: tuple[Hop, ...]
    waves: tuple[str, ...]

    def to_json(self) -> str:
        """The report as it is written to ``report.json``."""
        return json.dumps(asdict(self), indent=2) + "\n"
