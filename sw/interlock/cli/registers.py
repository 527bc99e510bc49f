"""Writes the registers as web pages, a C header and an IP-XACT description.

All three are made by PeakRDL from one SystemRDL file, which is also what
the gateware is made from.  Open DIR/html/index.html in a browser;
docs/registers.md has the same in short.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from interlock import toolchain
from interlock.errors import BuildFailed, InterlockError

_EXPORTS = {"html": "html", "c-header": "interlock_registers.h", "ip-xact": "interlock_registers.xml"}
"""PeakRDL's name of each export, and that of the file or folder which it makes."""


def registers(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where to; build/registers unless given."),
    ] = None,
) -> int:
    """DIR is made if it is not there.  Files of these names in it are replaced; others stay."""
    from interlock_hdl.registers.map import SOURCE  # needs the compiler, which --help does not

    peakrdl = toolchain.require("peakrdl")
    target = output or toolchain.build_folder() / "registers"
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InterlockError(f"{target}: cannot be made: {error.strerror}") from error
    for export, name in _EXPORTS.items():
        partial = target / f"{name}.partial"
        _remove(partial)
        done = subprocess.run(
            [peakrdl, export, SOURCE, "-o", partial], capture_output=True, text=True, check=False
        )
        if done.returncode:
            _remove(partial)
            raise BuildFailed(f"peakrdl {export} failed: {done.stderr or done.stdout}")
        _remove(target / name)
        partial.rename(target / name)
        print(target / name)
    return 0


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
