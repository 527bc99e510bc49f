"""Writes the Interlock as Verilog, with a template that instantiates it.

A profile is a build with a name: --list shows them.  FILE is the module
with everything below it.  Beside it go FILE's name with _template.v, a
module that does nothing but instantiate it, and with .f, a file list for
simulators.  docs/integration.md says how to connect the ports.

  interlock verilog --list
  interlock verilog --profile small -o interlock.v
  interlock verilog --profile small --json | jq '.ports[].name'
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from interlock_hdl.profiles import PROFILES

from interlock.errors import InterlockError
from interlock.verilog import design


def verilog(
    profile: Annotated[str, typer.Option("--profile", "-p", help="Which build; see --list.")] = "default",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to: a name with .v.")
    ] = None,
    module: Annotated[str, typer.Option("--module", help="Name of the Verilog module.")] = "interlock",
    list_profiles: Annotated[bool, typer.Option("--list", help="List the profiles.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print parameters and ports (or, with --list, profiles) as JSON.")
    ] = False,
) -> int:
    """Nothing is written unless all of it is."""
    if list_profiles:
        if as_json:
            print(json.dumps({name: entry.purpose for name, entry in PROFILES.items()}, indent=2))
        else:
            print("\n".join(f"{name:10} {entry.purpose}" for name, entry in PROFILES.items()))
        return 0
    if profile not in PROFILES:
        raise InterlockError(f"no profile {profile!r}: there are {', '.join(PROFILES)}")
    if output is None and not as_json:
        raise InterlockError("where to? Say -o FILE, or --json to see the ports only")
    if output is not None:
        if output.suffix != ".v":
            raise InterlockError(f"{output}: the name must end with .v")
        if output.is_dir() or not output.parent.is_dir():
            raise InterlockError(f"{output}: cannot be written, for there is no such folder, or it is one")
    result = design(PROFILES[profile], module=module, origin=f"profile {profile}")
    files = {}
    if output is not None:
        template = output.with_name(f"{output.stem}_template.v")
        files = {
            output: result.verilog,
            template: result.template,
            output.with_suffix(".f"): f"{output.name}\n{template.name}\n",
        }
        _write(files)
    if as_json:
        content = result.as_dict() | {"profile": profile, "files": [str(path) for path in files]}
        print(json.dumps(content, indent=2))
    else:
        print("\n".join(str(path) for path in files))
    return 0


def _write(files: dict[Path, str]) -> None:
    """All of them, or none that is cut short."""
    partials = {path: path.with_name(f"{path.name}.partial") for path in files}
    try:
        for path, text in files.items():
            partials[path].write_text(text)
        for path, partial in partials.items():
            partial.replace(path)
    except OSError as error:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
        raise InterlockError(f"{error.filename}: {error.strerror}") from error
