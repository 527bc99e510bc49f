"""Wire items as the harness has them, and back: arrays of tokens, one a beat, level or new session."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from interlock.errors import Malformed
from interlock.wires import Level, OpRun, RawBeat, Rolled, Segment

Item = Segment | RawBeat | Level | Rolled
Tokens = npt.NDArray[Any]

BEAT, LEVEL, ROLLED = range(3)
FIRST, LAST = 1, 2
_ROLLED_CLASS = 0xFFFFFFFF

OP_RUN = np.dtype([("op_class", "<u4"), ("count", "<u4"), ("repeat", "<u8")])
WORD = np.dtype("<u8")


def token_type(beat_bytes: int) -> np.dtype[Any]:
    """One token of a beat stream, as ``Beat`` in ``harness.h``."""
    return np.dtype(
        [("data", "u1", (beat_bytes,)), ("keep", "<u2"), ("kind", "u1"), ("ends", "u1")], align=True
    )


def tokens_of(items: Iterable[Item], beat_bytes: int, *, levels: bool = True) -> Tokens:
    """The tokens of ``items``, in order.

    Raises :class:`~interlock.errors.Malformed` where a segment without ``last`` is not whole beats long, or a
    raw beat is of another size, or where a level stands and ``levels`` is false.
    """
    items = list(items)
    if not levels and any(isinstance(item, Level) for item in items):
        raise Malformed("only links carry levels")
    parts = [_tokens(item, beat_bytes) for item in items]
    return np.concatenate(parts) if parts else np.empty(0, token_type(beat_bytes))


def items_of(tokens: Tokens) -> list[Item]:
    """The items that ``tokens`` stand for: the fewest segments, and a raw beat for each illegal one."""
    items: list[Item] = []
    beat_bytes = tokens.dtype["data"].shape[0]
    full = (1 << beat_bytes) - 1
    is_beat = tokens["kind"] == BEAT
    plain = is_beat & (tokens["keep"] == full)
    starts = np.flatnonzero(~plain | (tokens["ends"] & FIRST != 0))
    ends = np.flatnonzero(~plain | (tokens["ends"] & LAST != 0)) + 1
    cuts = np.unique(np.concatenate([starts, ends, [0, len(tokens)]]))
    for start, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        _append(items, tokens[start:end], full)
    return items


def words_of(values: Iterable[int], width: int) -> Tokens:
    """The tokens of a stream of plain words."""
    words = list(values)
    if wrong := [word for word in words if not 0 <= word < 1 << width]:
        raise Malformed(f"{wrong[0]:#x} is no word of {width} bits")
    return np.array(words, WORD)


def op_runs_of(runs: npt.NDArray[Any]) -> list[OpRun | Rolled]:
    """The op events of an issue port, as runs."""
    return [
        Rolled() if op_class == _ROLLED_CLASS else OpRun(op_class, count, repeat)
        for op_class, count, repeat in runs.tolist()
    ]


def _tokens(item: Item, beat_bytes: int) -> Tokens:
    match item:
        case Segment():
            return _segment(item, beat_bytes)
        case RawBeat():
            if len(item.data) != beat_bytes or not 0 <= item.keep < 1 << beat_bytes:
                raise Malformed(f"a raw beat has {beat_bytes} bytes and as many bits of keep, not {item}")
            tokens = np.zeros(1, token_type(beat_bytes))
            tokens["data"] = np.frombuffer(item.data, np.uint8)
            tokens["keep"] = item.keep
            tokens["ends"] = FIRST * item.first | LAST * item.last
            return tokens
        case Level():
            tokens = np.zeros(1, token_type(beat_bytes))
            tokens["kind"] = LEVEL
            tokens["data"][0, 0] = item.up | item.heard << 1
            return tokens
        case Rolled():
            raise Malformed("a new session is not something that can be sent")


def _segment(segment: Segment, beat_bytes: int) -> Tokens:
    count, rest = divmod(len(segment.data), beat_bytes)
    if not segment.data or (rest and not segment.last):
        raise Malformed(
            f"{len(segment.data)} bytes are no whole beats of {beat_bytes}, and their message goes on"
        )
    tokens = np.zeros(count + (rest > 0), token_type(beat_bytes))
    padded = segment.data + bytes(-len(segment.data) % beat_bytes)
    tokens["data"] = np.frombuffer(padded, np.uint8).reshape(-1, beat_bytes)
    tokens["keep"] = (1 << beat_bytes) - 1
    if rest:
        tokens["keep"][-1] = (1 << rest) - 1
    tokens["ends"][0] |= FIRST * segment.first
    tokens["ends"][-1] |= LAST * segment.last
    return tokens


def _append(items: list[Item], tokens: Tokens, full: int) -> None:
    """Adds what ``tokens`` stand for: whole beats of one message, or one token of any kind."""
    kind, keep, ends = (int(tokens[name][0]) for name in ("kind", "keep", "ends"))
    data = tokens["data"].tobytes()
    first, last = bool(ends & FIRST), bool(tokens["ends"][-1] & LAST)
    if kind == LEVEL:
        items.append(Level(bool(data[0] & 1), bool(data[0] & 2)))
        return
    if kind == ROLLED:
        items.append(Rolled())
        return
    length = keep.bit_length()
    if keep != full:
        if not last or not keep or keep != (1 << length) - 1:
            items.append(RawBeat(data, keep, first, last))
            return
        data = data[:length]
    previous = items[-1] if items else None
    if isinstance(previous, Segment) and not previous.last and not first:
        items[-1] = Segment(previous.data + data, previous.first, last)
    else:
        items.append(Segment(data, first, last))
