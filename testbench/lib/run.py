"""Builds a component and runs a cocotb test module on it: the one door from pytest into the simulator."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from amaranth.lib import wiring
from interlock import toolchain
from interlock.device import cocotb_model
from interlock.device.verilate import build, build_verilog

from lib.parameters import PARAMETERS, SEED, default_seed

_ASSERTIONS = {
    # cocotb has pytest rewrite every module that it imports, so that failed assertions say more: those of the
    # tests will do, and no plugins.  It is half of the time of a short simulation.
    "COCOTB_REWRITE_ASSERTION_FILES": "testbench/*.py",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}


class SimulationBroke(RuntimeError):
    """The simulation did not come to a verdict: it crashed, ran out of time, or ran no test."""


def run(
    component: wiring.Component,
    test_module: str,
    *,
    parameters: dict | None = None,
    name: str | None = None,
    testcase: str | list[str] | None = None,
    public: bool = False,
    waves: bool = False,
    timeout_seconds: int = 300,
) -> list[str]:
    """Runs the tests of ``test_module`` on ``component`` and returns the names of those that ran and passed.

    Raises ``AssertionError`` with names and messages of the cocotb tests that failed,
    :class:`SimulationBroke` where there is no verdict.

    Parameters
    ----------
    component : wiring.Component
        What is tested.  Its ports have the names of the signature's members, joined by ``__``.
    test_module : str
        Name of a module with cocotb tests.
    parameters : dict, optional
        What the tests want to know of the component or the case; read by ``lib.parameters.parameters()``.
    name : str, optional
        Name of the model's folder; the component's class otherwise.
    testcase : str or list of str, optional
        Runs only these tests of the module.
    public : bool
        Lets tests read and deposit into every signal, not only the ports.  Slower to build and to run.
    waves : bool
        Writes ``dump.vcd``, into the folder that is printed.
    timeout_seconds : int
        Time that the whole simulation may take.  Running out of it is a failure.
    """
    __tracebackhide__ = True
    folder = build(component, cocotb_model.recipe(public=public, waves=waves), name=name)
    case = json.dumps([test_module, parameters, testcase], sort_keys=True) + os.environ.get(
        "PYTEST_CURRENT_TEST", ""
    )
    test_dir = (
        toolchain.build_folder() / "tests" / f"{folder.name}-{hashlib.sha256(case.encode()).hexdigest()[:12]}"
    )
    with toolchain.locked(test_dir.with_suffix(".lock")):
        shutil.rmtree(test_dir, ignore_errors=True)
        test_dir.mkdir(parents=True)
        broken = _simulate(
            folder,
            test_dir,
            test_module,
            parameters=parameters,
            testcase=testcase,
            waves=waves,
            timeout_seconds=timeout_seconds,
        )
        return _verdict(test_dir, broken)


def run_verilog(sources: Sequence[Path], top: str, test_module: str, *, folder: Path) -> list[str]:
    """Runs the tests of ``test_module`` on module ``top`` of Verilog files.

    Builds in ``folder``; returns and raises as :func:`run` does.
    """
    __tracebackhide__ = True
    build_verilog(sources, top, replace(cocotb_model.recipe(), output=top), folder)
    broken = _simulate(folder, folder, test_module, top=top)
    return _verdict(folder, broken)


def _simulate(
    folder: Path, test_dir: Path, test_module: str, *, parameters: dict | None = None, **options: object
) -> str | None:
    """Simulates, leaving results and a log in ``test_dir``; returns what went wrong with the process."""
    seed = default_seed()
    environment = {PARAMETERS: json.dumps(parameters or {}), SEED: str(seed), **_ASSERTIONS}
    broken = cocotb_model.simulate(
        folder, test_dir, test_module, environment=environment, seed=seed, **options
    )
    log = (test_dir / "simulation.log").read_text(errors="replace")
    print(re.sub(r"\x1b\[[0-9;]*m", "", log))
    print(f"simulated in {test_dir}")
    return broken


def _verdict(test_dir: Path, broken: str | None) -> list[str]:
    """Names of the tests that passed; raises as :func:`run` does."""
    __tracebackhide__ = True
    results = test_dir / "results.xml"
    passed, failed = [], []
    if results.is_file() and results.stat().st_size:
        for test in ElementTree.parse(results).getroot().iter("testcase"):
            problems = [element for element in test if element.tag in ("failure", "error")]
            if problems:
                failed.append(f"{test.get('name')}: {_message(problems[0])}")
            elif test.find("skipped") is None:
                passed.append(str(test.get("name")))
    if failed:
        raise AssertionError("\n".join(["failed in simulation:", *failed]))
    if broken or not passed:
        raise SimulationBroke(f"{broken or 'no cocotb test ran'}, see {test_dir / 'simulation.log'}")
    return passed


def _message(problem: ElementTree.Element) -> str:
    """What went wrong, behind the type of its exception: a failed assertion is not a time-out."""
    text = problem.get("error_msg") or problem.get("message") or (problem.text or "").strip()
    return f"{problem.get('type')}: {text}"
