"""The nodes of a cluster, by the engine that runs them."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from interlock.device.golden import GoldenEngine
from interlock.device.lockstep import LockstepNode
from interlock.model.accelerator import AcceleratorParameters, GoldenAccelerator
from interlock.model.node import GoldenNode
from interlock.model.parameters import NodeParameters
from interlock.model.scheduler import PlainScheduler
from interlock.wires import Node

if TYPE_CHECKING:
    from interlock.device.rtl_node import RtlNode

MAKER = 1
"""The maker's number of every device here; serial numbers count from 1."""

PARAMETERS = NodeParameters()
ACCELERATOR = AcceleratorParameters(links=PARAMETERS.links)
"""One build serves all clusters."""


class Engine(enum.StrEnum):
    """What runs a node."""

    GOLDEN = "golden"
    RTL = "rtl"
    LOCKSTEP = "lockstep"


@dataclass(frozen=True)
class Machine:
    """A node, and what can be asked of its engine.

    Attributes
    ----------
    node : Node
    rtl : RtlNode, optional
        The gateware in it.
    waves : Path, optional
        Where it writes its waves.
    """

    node: Node
    rtl: "RtlNode | None" = None
    waves: Path | None = None

    @property
    def cycles(self) -> int:
        """Clock cycles of simulated hardware."""
        return self.rtl.cycles if self.rtl is not None else 0

    @property
    def bytes_sent(self) -> Mapping[str, int]:
        """Bytes that left each port of the gateware's Interlock, by its own count."""
        if self.rtl is None:
            return {}
        counts = self.rtl.byte_counts()
        links = {f"link {slot}": counts[f"links__{slot}__tx"] for slot in range(PARAMETERS.links)}
        return links | {
            "host out": counts["host_out"],
            "to accelerator": counts["monitor__rx"],
            "from accelerator": counts["monitor__tx"],
        }

    @property
    def bytes_compared(self) -> int:
        """Bytes that the golden model was held against."""
        return sum(self.node.bytes_compared.values()) if isinstance(self.node, LockstepNode) else 0


def machine(engine: Engine, number: int, *, waves: Path | None = None) -> Machine:
    """Node ``number`` of a cluster; ``waves`` is a folder for waves of gateware."""
    if engine is Engine.GOLDEN:
        return Machine(GoldenEngine(_golden(number), PlainScheduler()))
    path = waves and waves / f"node{number}.vcd"
    rtl = _rtl(number, path)
    if engine is Engine.RTL:
        return Machine(rtl, rtl, path)
    return Machine(LockstepNode(rtl, _golden(number, watch=True), name=f"node {number}"), rtl, path)


def _golden(number: int, *, watch: bool = False) -> GoldenNode:
    return GoldenNode(
        parameters=PARAMETERS,
        accelerator=GoldenAccelerator(ACCELERATOR),
        maker=MAKER,
        serial=number + 1,
        watch=watch,
    )


def _rtl(number: int, waves: Path | None) -> "RtlNode":
    # The golden model alone needs no HDL.
    from interlock_hdl.accelerator.accelerator import Accelerator
    from interlock_hdl.config import InterlockConfig
    from interlock_hdl.node import Node as Gateware

    from interlock.device.rtl_node import RtlNode

    config = InterlockConfig(links=PARAMETERS.links)
    assert NodeParameters.of(config) == PARAMETERS, "gateware and golden model are the same build"
    accelerator = Accelerator(
        beat_bytes=config.beat_bytes,
        array_size=ACCELERATOR.array_size,
        scratch_words=ACCELERATOR.scratch_words,
        links=ACCELERATOR.links,
        queue_words=ACCELERATOR.queue_words,
    )
    gateware = Gateware(config=config, accelerator=accelerator)
    node = RtlNode(gateware, maker=MAKER, serial=number + 1, waves=waves is not None)
    if waves is not None:
        waves.parent.mkdir(parents=True, exist_ok=True)
        node.open_waves(waves)
    return node
