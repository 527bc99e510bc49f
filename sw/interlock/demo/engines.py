"""The nodes of a cluster, by the engine that runs them."""

import enum
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
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
    from amaranth.lib import wiring

    from interlock.device.rtl_node import RtlNode

MAKER = 1
"""The maker's number of every device here; serial numbers count from 1."""

PARAMETERS = NodeParameters(log_entries=256, key_words=4, staging_bytes=4 * 8192)
"""A log that holds every node, and everything that their hosts bring in."""
ACCELERATOR = AcceleratorParameters(links=PARAMETERS.links)
"""One build serves all clusters."""


class Engine(enum.StrEnum):
    """What runs a node."""

    GOLDEN = "golden"
    RTL = "rtl"
    LOCKSTEP = "lockstep"


@dataclass(frozen=True)
class Figures:
    """What an engine can tell of itself after a run; a golden one has nothing to tell.

    Attributes
    ----------
    cycles : int
        Clock cycles of simulated hardware.
    bytes_sent : dict
        Bytes that left each port of the gateware's Interlock, by its own count.
    bytes_compared : int
        Bytes that the golden model was held against.
    """

    cycles: int = 0
    bytes_sent: Mapping[str, int] = field(default_factory=dict)
    bytes_compared: int = 0


@dataclass(frozen=True)
class Machine:
    """A node, the gateware in it, and the file of its waves."""

    node: Node
    rtl: "RtlNode | None" = None
    waves: Path | None = None

    def figures(self) -> Figures:
        """As of now."""
        if self.rtl is None:
            return Figures()
        counts = self.rtl.byte_counts()
        sent = {f"link {slot}": counts[f"links__{slot}__tx"] for slot in range(PARAMETERS.links)}
        sent["host out"] = counts["host_out"]
        sent["to accelerator"] = counts["monitor__rx"]
        sent["from accelerator"] = counts["monitor__tx"]
        compared = self.node.bytes_compared.values() if isinstance(self.node, LockstepNode) else ()
        return Figures(self.rtl.cycles, sent, sum(compared))

    def close(self, *, is_interrupted: bool) -> None:
        """Gives the engine back; its waves end here."""
        if self.rtl is not None:
            self.rtl.rtl.close()
        if self.waves is not None and is_interrupted:
            self.waves.unlink()

    def finish(self) -> None:
        """Ends the run: in lockstep nothing may be outstanding."""
        if isinstance(self.node, LockstepNode):
            self.node.finish()


@contextmanager
def machines(
    engine: Engine,
    count: int,
    *,
    is_clear: bool = False,
    runs_long: bool = False,
    waves: Path | None = None,
) -> Iterator[list[Machine]]:
    """The nodes of a cluster, with sealed links or CLEAR ones.

    Gateware writes its waves to files of the folder ``waves``.  Those of ``runs_long`` take longer to build.

    What an error ends has its waves whole; what is interrupted leaves none.
    """
    made: list[Machine] = []
    is_interrupted = False
    try:
        for number in range(count):
            file = waves and waves / f"node{number}.fst"
            made.append(_machine(engine, number, file, is_clear=is_clear, runs_long=runs_long))
        yield made
    except KeyboardInterrupt:
        is_interrupted = True
        raise
    finally:
        for machine in made:
            machine.close(is_interrupted=is_interrupted)


def _machine(engine: Engine, number: int, waves: Path | None, *, is_clear: bool, runs_long: bool) -> Machine:
    if engine is Engine.GOLDEN:
        return Machine(GoldenEngine(_golden(number, is_clear=is_clear), PlainScheduler()))
    rtl = _rtl(number, waves, is_clear=is_clear, runs_long=runs_long)
    if engine is Engine.RTL:
        return Machine(rtl, rtl, waves)
    golden = _golden(number, is_clear=is_clear, watch=True)
    return Machine(LockstepNode(rtl, golden, name=f"node {number}"), rtl, waves)


def _golden(number: int, *, is_clear: bool, watch: bool = False) -> GoldenNode:
    return GoldenNode(
        parameters=replace(PARAMETERS, is_sealed=not is_clear),
        accelerator=GoldenAccelerator(ACCELERATOR),
        maker=MAKER,
        serial=number + 1,
        watch=watch,
    )


def _rtl(number: int, waves: Path | None, *, is_clear: bool, runs_long: bool) -> "RtlNode":
    from interlock.device.rtl_node import RtlNode  # here, for the golden model alone needs no HDL

    node = RtlNode(
        _gateware(is_clear=is_clear),
        maker=MAKER,
        serial=number + 1,
        waves=waves is not None,
        runs_long=runs_long,
    )
    if waves is not None:
        waves.parent.mkdir(parents=True, exist_ok=True)
        node.open_waves(waves)
    return node


@cache
def _gateware(*, is_clear: bool) -> "wiring.Component":
    """What every node of gateware is an instance of."""
    from interlock_hdl.accelerator.accelerator import Accelerator
    from interlock_hdl.config import InterlockConfig, LinkProfile, LogStore
    from interlock_hdl.node import Node as Gateware

    config = InterlockConfig(
        links=PARAMETERS.links,
        log_entries=PARAMETERS.log_entries,
        log_store=LogStore.HASH,
        profile=LinkProfile.CLEAR if is_clear else LinkProfile.SEALED,
    )
    same = replace(PARAMETERS, is_sealed=not is_clear)
    assert NodeParameters.of(config) == same, "gateware and golden model are the same build"
    accelerator = Accelerator(
        beat_bytes=config.beat_bytes,
        array_size=ACCELERATOR.array_size,
        scratch_words=ACCELERATOR.scratch_words,
        links=ACCELERATOR.links,
        queue_words=ACCELERATOR.queue_words,
    )
    return Gateware(config=config, accelerator=accelerator)
