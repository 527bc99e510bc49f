"""What a component will elaborate to, known without elaborating it: a node takes Amaranth half a minute."""

import enum
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import amaranth
from amaranth.hdl import Signal, Value
from amaranth.lib import data, wiring

from interlock.device import held

_PLAIN = (bool, int, str, bytes, type(None))
_AMARANTH_S_OWN = "_MustUse__", "_Component__"


class Unknown(Exception):
    """Something that a component holds says nothing of itself that would be the same in another process."""


def identity(component: wiring.Component) -> str | None:
    """A digest of everything that a component is made from: source text, and what its objects hold.

    Components of equal identity elaborate to equal RTLIL.  None where that cannot be told: for a class from
    outside the gateware, or one that holds anything but numbers, names, and data and components of them.
    """
    try:
        parts = "\n".join(_of(component))
    except Unknown:
        return None
    return hashlib.sha256(f"{_sources()}\n{parts}".encode()).hexdigest()


def _of(thing: Any) -> Iterator[str]:
    """Text that is different for things that are."""
    if isinstance(thing, enum.Enum):
        yield f"{_name(type(thing))}.{thing.name}"
    elif isinstance(thing, _PLAIN):
        yield repr(thing)
    elif isinstance(thing, type):
        yield thing.__name__ if thing.__module__ == "builtins" else _name(thing)
    elif isinstance(thing, data.Layout):
        yield f"{thing!r}"
    elif isinstance(thing, tuple | list):
        yield f"{type(thing).__name__} of {len(thing)}"
        for item in thing:
            yield from _of(item)
    elif isinstance(thing, dict):
        yield from _of(list(thing.items()))
    elif isinstance(thing, Signal):
        yield f"{thing.name} {thing.shape()!r} {thing.init!r} {thing.reset_less}"
    elif isinstance(thing, data.View):
        yield from _of((thing.shape(), Value.cast(thing)))
    else:
        yield _name(type(thing))
        ports: Any = ()
        if isinstance(thing, wiring.Component):
            ports = thing.signature.members
            yield from (f"{path} {member!r}" for path, member, _ in thing.signature.flatten(thing))
        held_by_it = {name: value for name, value in vars(thing).items() if name not in ports}
        yield from _of({k: v for k, v in held_by_it.items() if not k.startswith(_AMARANTH_S_OWN)})


def _name(of: type) -> str:
    """Of a class whose source is among those that count."""
    if of.__module__.partition(".")[0] != "interlock_hdl" and of is not held.Held:
        raise Unknown(repr(of))
    return f"{of.__module__}.{of.__qualname__}"


@cache
def _sources() -> str:
    """A digest of the gateware's source text and of Amaranth's version."""
    package = find_spec("interlock_hdl")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent
    digest = hashlib.sha256(amaranth.__version__.encode())
    texts = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    for path in (*texts, Path(held.__file__)):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()
