"""Prints the digests of files, as the gateware makes them of bulk bytes."""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from interlock.errors import InterlockError
from interlock.model.digest import LEAF_BYTES, TreeDigest

_PIECE = 1 << 20
_LONG = 64 << 20
"""Bytes from which on a file takes long enough for a progress bar."""


class Unreadable(InterlockError):
    """A file cannot be read."""


def digest(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files to read; - is the standard input.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with lengths and numbers of leaves.")
    ] = False,
) -> int:
    """A line for each file: its digest in hex, two spaces, its name, as sha256sum prints them.

    The digest is a Merkle tree hash (RFC 9162, 2.1.1): SHA-256 over leaves of 1024 bytes, the last of which
    may be shorter.  It is therefore not what sha256sum says, unless the file is empty.  With it, and the
    length, any 1024 bytes of the file can be shown to belong to it without the rest: docs/digests.md.

    Exits with 2 at the first file that cannot be read.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files need not be text
    rows: list[dict[str, Any]] = []
    for name in files:
        tree = _read(name)
        value = tree.digest().hex()
        leaves = -(-tree.length // LEAF_BYTES)
        rows.append({"file": name, "digest": value, "length": tree.length, "leaves": leaves})
        if not as_json:
            print(_line(value, name), flush=True)
    if as_json:
        print(json.dumps(rows, indent=2))
    return 0


def _line(value: str, name: str) -> str:
    """As sha256sum has it, so that no name looks like a line of its own."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{value}  {escaped}"


def _read(name: str) -> TreeDigest:
    tree = TreeDigest()
    try:
        with _opened(name) as file, _progress(name, file) as bar:
            while piece := file.read(_PIECE):
                tree.update(piece)
                bar(len(piece))
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror or error}") from error
    except ValueError as error:  # a name with a zero byte in it
        raise Unreadable(f"{name!r}: {error}") from error
    return tree


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
    else:
        with open(name, "rb") as file:
            yield file


@contextmanager
def _progress(name: str, file: BinaryIO) -> Iterator[Any]:
    """What to call with the number of bytes that were read; it shows them where there are many."""
    size = os.fstat(file.fileno()).st_size
    if size < _LONG:
        yield lambda count: None
        return
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        row = bar.add_task(name, total=size)
        yield lambda count: bar.advance(row, count)
