"""What left the cluster through its hosts, read back: exports with the logs that they carry."""

from collections.abc import Iterable
from dataclasses import dataclass

from interlock.errors import Malformed
from interlock.model.log import ENTRY_BYTES, Entry
from interlock.model.messages import Kind, Message
from interlock.model.summary import Summary
from interlock.wires import Rolled, Segment

_PARTS = (Kind.LOG, Kind.SUMMARY, Kind.EXPORT)


@dataclass(frozen=True)
class Export:
    """One export: payload, log and summary, which agree with each other.

    ``log`` are its sources, ``externals`` the digests of what hosts brought in.
    """

    log: tuple[Entry, ...]
    externals: tuple[bytes, ...]
    summary: Summary
    payload: bytes


class ExportReader:
    """Puts together the exports of one node from what its host out sends.

    Parameters
    ----------
    message_bytes : int
        Largest payload of a message of the build.
    """

    def __init__(self, *, message_bytes: int) -> None:
        self.exports: list[Export] = []
        self._message_bytes = message_bytes
        self._open = bytearray()
        self._parts: list[bytes] = []

    def feed(self, items: Iterable[Segment | Rolled]) -> None:
        """Takes what host out sent; raises :class:`Malformed` where that is no sequence of true exports."""
        for item in items:
            if isinstance(item, Rolled):
                self._open.clear()
                self._parts.clear()
                continue
            self._open += item.data
            if item.last:
                self._take(bytes(self._open))
                self._open.clear()

    def _take(self, data: bytes) -> None:
        expected = _PARTS[len(self._parts)]
        # A log may be longer than a message: only payloads of the accelerator are limited.
        limit = self._message_bytes if expected == Kind.EXPORT else len(data)
        try:
            message = Message.decode(data, kinds=frozenset({expected}), links=1, message_bytes=limit)
        except ValueError as error:
            raise Malformed(f"host out sent no {expected.name} where one was due: {error}") from error
        self._parts.append(message.payload)
        if len(self._parts) == len(_PARTS):
            self.exports.append(_export(*self._parts))
            self._parts.clear()


def _export(log: bytes, summary: bytes, payload: bytes) -> Export:
    if not log or len(log) % ENTRY_BYTES:
        raise Malformed(f"a log of {len(log)} bytes has no whole number of entries")
    try:
        told = Summary.decode(summary)
    except ValueError as error:
        raise Malformed(f"host out sent a summary that cannot be read: {error}") from error
    parts = [log[i : i + ENTRY_BYTES] for i in range(0, len(log), ENTRY_BYTES)]
    if not 0 < told.n_sessions <= len(parts):
        raise Malformed(f"a log of {len(parts)} entries has not {told.n_sessions} sources")
    entries = tuple(map(Entry.decode, parts[: told.n_sessions]))
    externals = tuple(parts[told.n_sessions :])
    derived = Summary.over(
        entries,
        n_externals=len(externals),
        export_counter=told.export_counter,
        payload_length=len(payload),
        bins=told.bins,
        ticks=told.ticks,
    )
    if told != derived:
        raise Malformed(f"export {told.export_counter}: the summary does not follow from log and payload")
    if sum(told.bins) != entries[0].flops:
        raise Malformed(f"export {told.export_counter}: the bins do not add up to the node's own FLOPs")
    return Export(entries, externals, told, payload)
