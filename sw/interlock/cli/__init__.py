"""The ``interlock`` command.

Every file of this package is one subcommand: ``doctor.py`` holds a function ``doctor`` with typer's
annotations, which returns the exit status, and the first line of the file's docstring is what ``interlock
--help`` says about it.  A file is imported only when its command runs, so the others cost no time.  Errors
that a user can cause are one line and exit status 2.
"""

import ast
import importlib
import pkgutil
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from interlock.errors import InterlockError

_HERE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits."""
    arguments = sys.argv[1:] if arguments is None else arguments
    match arguments:
        case [] | ["--help" | "-h", *_]:
            print(_help())
        case ["--version", *_]:
            print(version("interlock"))
        case [name, *_] if name not in commands():
            sys.exit(_complain(f"no command {name!r}: see interlock --help"))
        case [name, *rest]:
            sys.exit(_run(name, rest))


def commands() -> list[str]:
    """Names of all subcommands."""
    return sorted(module.name for module in pkgutil.iter_modules([str(_HERE)]))


def _help() -> str:
    lines = ["Counts an AI accelerator's FLOPs, and makes the count causal across a cluster.", ""]
    for name in commands():
        docstring = ast.get_docstring(ast.parse((_HERE / f"{name}.py").read_text())) or ""
        lines.append(f"  interlock {name:10} {docstring.partition(chr(10))[0]}")
    lines += ["", "Each of them explains itself with --help."]
    return "\n".join(lines)


def _run(name: str, arguments: list[str]) -> int:
    """Exit status of a subcommand."""
    import typer  # here, so that --help need not wait for it

    # ClickException, which typer may have from a click of its own.
    bad_usage: Any = typer.BadParameter.__mro__[2]
    module = importlib.import_module(f"{__name__}.{name}")
    function = getattr(module, name)
    # Of a component whose model was built before, Amaranth sees only that nobody elaborates it.
    warnings.filterwarnings("ignore", message=".* created but never used")
    app = typer.Typer(add_completion=False)
    app.command(help=f"{module.__doc__}\n\n{function.__doc__ or ''}")(function)
    command = typer.main.get_command(app)
    try:
        status = command.main(arguments, prog_name=f"interlock {name}", standalone_mode=False)
    except bad_usage as error:
        return _complain(error.format_message())
    except InterlockError as error:
        return _complain(str(error))
    except (typer.Abort, KeyboardInterrupt):
        return 130
    return status if isinstance(status, int) else 0


def _complain(message: str) -> int:
    print(f"interlock: {' '.join(message.split())}", file=sys.stderr)
    return 2
