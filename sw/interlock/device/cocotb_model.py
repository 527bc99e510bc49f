"""A component as a Verilated program that cocotb drives, one cycle at a time."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from interlock import toolchain
from interlock.device.verilate import TOP, Recipe
from interlock.errors import ToolMissing

try:
    import cocotb_tools.config
    from cocotb_tools.runner import get_runner
except ImportError as error:
    raise ToolMissing(
        "cocotb was not found, which drives simulations: pip install cocotb (part of interlock[test])"
    ) from error


def recipe(*, public: bool = False, waves: bool = False, runs_long: bool = False) -> Recipe:
    """How such a program is built.

    Parameters
    ----------
    public : bool
        Tests can read and write every signal, not only the ports.  Slower to build and to run.
    waves : bool
        It can write ``dump.vcd``.  Slower, too.
    runs_long : bool
        Verilated as a whole, not module by module: longer to build, somewhat faster.
    """
    libraries = cocotb_tools.config.libs_dir
    main = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"
    runtime = ("verilated", "verilated_vpi", "verilated_dpi", "verilated_threads")
    return Recipe(
        output=TOP,
        runtime=(*runtime, "verilated_vcd_c") if waves else runtime,
        verilator=(
            "--vpi",
            *(("--trace-vcd",) if waves else ()),
            *(() if runs_long else ("-fno-inline",)),
        ),
        compiler=("-O1", "-DVM_COVERAGE=0"),
        linker=(f"-Wl,-rpath,{libraries}", f"-L{libraries}", "-lcocotbvpi_verilator", "-ldl"),
        # Said here and not to the compiler: one run-time serves models with waves and without.
        sources=(("main.cpp", f"#define VM_TRACE {int(waves)}\n{main.read_text()}"),),
        public=public,
    )


def simulate(
    folder: Path,
    test_dir: Path,
    test_module: str,
    *,
    top: str = TOP,
    environment: Mapping[str, str],
    seed: int = 0,
    testcase: str | Sequence[str] | None = None,
    waves: bool = False,
    timeout_seconds: int = 300,
) -> str | None:
    """Runs the tests of ``test_module`` on what was built in ``folder``, whose module is ``top``.

    Leaves ``results.xml`` and ``simulation.log`` in ``test_dir``.  Returns what went wrong with the process,
    if anything did; what the tests found is in the results.
    """
    with _environment(
        toolchain.environment() | {"SIM_CMD_PREFIX": f"timeout --kill-after=5 {timeout_seconds}"}
    ):
        try:
            get_runner("verilator").test(
                test_module=test_module,
                hdl_toplevel=top,
                hdl_toplevel_lang="verilog",
                build_dir=folder,
                test_dir=test_dir,
                results_xml=str(test_dir / "results.xml"),
                testcase=testcase,
                seed=seed,
                waves=waves,
                log_file=test_dir / "simulation.log",
                extra_env={"GPI_LOG_LEVEL": "WARNING", **environment},
            )
        except RuntimeError as error:
            return f"{error} (124: out of time, after {timeout_seconds} s)"
    return None


@contextlib.contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """Lets the runner, which looks at the environment of this process, see another one."""
    before = dict(os.environ)
    wanted.pop("PYTEST_CURRENT_TEST", None)  # else the runner exits the process in its own ways
    try:
        os.environ.clear()
        os.environ.update(wanted)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
