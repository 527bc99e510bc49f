"""What leaves on one wire, byte by byte, until somebody takes it."""

from collections.abc import Callable

from interlock.wires import Level, OpRun, Rolled, Segment

Item = Segment | Level | Rolled | OpRun


class Outbox:
    """A queue of items, of which bytes may be put in pieces and are taken in as few segments as possible.

    Parameters
    ----------
    keep : bool
        Whether anybody is going to take what is put.  If not, it is dropped at once.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self.keep = keep
        self._items: list[Item] = []
        self._bytes = bytearray()
        self._first = False

    def put(self, data: bytes, *, first: bool = False, last: bool = False) -> None:
        """Further bytes, all of one message or record."""
        if not self.keep:
            return
        if first:
            self._flush(last=False)
            self._first = True
        self._bytes += data
        if last:
            self._flush(last=True)

    def note(self, item: Level | Rolled | OpRun) -> None:
        """Anything else, between the bytes before and those after."""
        if self.keep:
            self._flush(last=False)
            self._items.append(item)

    def take(self) -> list[Item]:
        """Everything, in order."""
        self._flush(last=False)
        items, self._items = self._items, []
        return items

    def cut(self, choose: Callable[[int], int]) -> None:
        """Loses the end of the bytes put since the last :meth:`take` or :meth:`note`.

        ``choose`` gets their number, and returns how many stay.
        """
        self._flush(last=False)
        segments: list[Segment] = []
        while self._items and isinstance(item := self._items[-1], Segment):
            segments.append(item)
            self._items.pop()
        limit = choose(sum(len(segment.data) for segment in segments))
        for segment in reversed(segments):
            if len(segment.data) <= limit:
                self._items.append(segment)
            elif limit:
                self._items.append(Segment(segment.data[:limit], segment.first, last=False))
            limit -= min(limit, len(segment.data))

    def _flush(self, *, last: bool) -> None:
        if self._bytes:
            self._items.append(Segment(bytes(self._bytes), self._first, last))
            self._bytes.clear()
            self._first = False
