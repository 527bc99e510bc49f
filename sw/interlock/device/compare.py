"""One wire of two engines, compared item by item and byte by byte."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Self

from interlock.errors import InterlockError
from interlock.model.explain import explain_message, explain_record, field_at
from interlock.model.fields import Field
from interlock.model.outbox import Outbox
from interlock.wires import Level, OpRun, Rolled, Segment


class Mismatch(InterlockError):
    """Two engines differ.

    Attributes
    ----------
    wire : str
        Where: a wire, or the schedule.
    message : int
        Which message or record on that wire, from 0 since its session or epoch began.
    field : str
        Name of the field in which the first difference lies, where there is one.
    offset : int
        Its byte, from the start of the message or record.
    cycle : int
        It was there before this cycle.
    """

    def __init__(
        self, wire: str, what: str, *, message: int = 0, field: str = "", offset: int = 0, where: str = ""
    ) -> None:
        self.wire = wire
        self.message = message
        self.field = field
        self.offset = offset
        self.cycle = 0
        super().__init__(f"{wire}: {what}" + (f" ({where})" if where else ""))

    def before(self, cycle: int) -> Self:
        """The same, with the time at which it was noticed."""
        self.cycle = cycle
        self.args = (f"{self.args[0]}, before cycle {cycle}",)
        return self


Mark = Rolled | bool
"""What splits a wire into stretches: a new session, or on a link its new ``up``."""


class Wire:
    """What a node under test sent on one wire of messages, and what it should have.

    Bytes may come in any pieces.  When a session (on a link: an epoch) ends, what was sent until then need
    only be the beginning of what should have been.

    Parameters
    ----------
    name : str
    expected : Outbox
        The golden node's, of the same wire.
    """

    explain: Callable[[bytes], list[Field]] = staticmethod(explain_message)

    def __init__(self, name: str, expected: Outbox) -> None:
        self.name = name
        self.bytes_compared = 0
        self._outbox = expected
        self._expected: deque[Segment | Mark] = deque()
        self._actual: deque[Segment | Mark] = deque()
        self._at = [0, 0]  # bytes already compared of the first segment, expected and actual
        self._message = -1  # number of the current one since the last mark
        self._bytes = bytearray()  # of it, as expected

    def put(self, items: Iterable[Segment | Level | Rolled]) -> None:
        """What the node under test sent."""
        self._actual.extend(self._split(items, is_expected=False))

    def _split(
        self, items: Iterable[Segment | Level | Rolled | OpRun], *, is_expected: bool
    ) -> Iterable[Segment | Mark]:
        return (item for item in items if isinstance(item, Segment | Rolled))

    def compare(self) -> None:
        """Compares what there is; raises :class:`Mismatch`."""
        self._expected.extend(self._split(self._outbox.take(), is_expected=True))
        expected, actual = self._expected, self._actual
        while actual:
            if not isinstance(actual[0], Segment):
                if not self._mark(actual[0]):
                    return
            elif not expected:
                return
            elif isinstance(expected[0], Segment):
                self._bytes_of(expected[0], actual[0])
            else:
                raise self._mismatch("bytes that should not be there", self._at[1], actual[0])

    @property
    def is_ahead(self) -> bool:
        """Whether the node under test sent more than is expected so far."""
        return bool(self._actual)

    @property
    def is_ahead_in_session(self) -> bool:
        """Whether that is so before any new session that it knows of."""
        return bool(self._actual) and not isinstance(self._actual[0], Rolled)

    @property
    def is_behind(self) -> bool:
        """Whether it has yet to send something."""
        return bool(self._expected)

    def _mark(self, mark: Mark) -> bool:
        """A session or epoch ended: what it had no time to send is forgotten.

        ``False`` if it has not, as far as is known here.
        """
        if all(isinstance(item, Segment) for item in self._expected):
            return False
        while isinstance(self._expected[0], Segment):
            self._drop(0)
        if self._expected.popleft() != mark:
            raise Mismatch(self.name, f"up is {mark} where it should not be")
        self._actual.popleft()
        self._message = -1
        self._bytes.clear()
        return True

    def _bytes_of(self, expected: Segment, actual: Segment) -> None:
        """Compares as much as there is of two segments."""
        begin, start = self._at
        if (expected.first and not begin) != (actual.first and not start):
            raise self._mismatch("first is not where it should be", start, actual)
        if expected.first and not begin:
            self._message += 1
            self._bytes.clear()
        size = min(len(expected.data) - begin, len(actual.data) - start)
        wanted = expected.data[begin : begin + size]
        got = actual.data[start : start + size]
        if wanted != got:
            same = next(i for i in range(size) if wanted[i] != got[i])
            self._bytes += wanted
            offset = len(self._bytes) - size + same
            raise self._mismatch(f"{got[same]:#04x} instead of {wanted[same]:#04x}", start, actual, offset)
        self._bytes += wanted
        self.bytes_compared += size
        self._at = [begin + size, start + size]
        ends = self._at[0] == len(expected.data), self._at[1] == len(actual.data)
        if (ends[0] and expected.last) != (ends[1] and actual.last):
            raise self._mismatch("last is not where it should be", start, actual)
        for side, is_over in enumerate(ends):
            if is_over:
                self._drop(side)

    def _drop(self, side: int) -> None:
        (self._expected, self._actual)[side].popleft()
        self._at[side] = 0

    def _mismatch(self, what: str, start: int, actual: Segment, offset: int | None = None) -> Mismatch:
        at = len(self._bytes) if offset is None else offset
        field = field_at(self.explain(bytes(self._bytes)), at)
        number = max(self._message, 0)
        where = f"message {number}, {field.name}, byte {at}"
        return Mismatch(self.name, what, message=number, field=field.name, offset=at, where=where)


class LinkWire(Wire):
    """The sending direction of a link: records, and between them the levels.

    ``up`` must change exactly between the right bytes.  ``heard`` follows the other end by one register; that
    it changes as often, to the same, and before the first byte of an epoch, is all that can be said without
    cycles.
    """

    explain = staticmethod(explain_record)

    def __init__(self, name: str, expected: Outbox) -> None:
        super().__init__(name, expected)
        self._levels = [Level(up=False, heard=False)] * 2
        self._heard: list[deque[bool]] = [deque(), deque()]
        self._may_send = [False, False]

    def _split(
        self, items: Iterable[Segment | Level | Rolled | OpRun], *, is_expected: bool
    ) -> Iterable[Segment | Mark]:
        for item in items:
            before = self._levels[is_expected]
            if isinstance(item, Level):
                self._levels[is_expected] = item
                self._may_send[is_expected] = item.up and (item.heard or self._may_send[is_expected])
                if item.heard != before.heard:
                    self._heard[is_expected].append(item.heard)
                if item.up != before.up:
                    yield item.up
            elif isinstance(item, Segment):
                if not self._may_send[is_expected]:
                    raise Mismatch(self.name, "bytes before up and heard were high")
                yield item

    def compare(self) -> None:
        super().compare()
        actual, expected = self._heard
        while actual:
            if not expected or actual.popleft() != expected.popleft():
                raise Mismatch(self.name, "heard is not what the other end's up was")

    @property
    def is_behind(self) -> bool:
        return super().is_behind or bool(self._heard[True])


class OperationWire:
    """The op events of one issue port, in runs of any length."""

    def __init__(self, name: str, expected: Outbox) -> None:
        self.name = name
        self.events_compared = 0
        self._outbox = expected
        self._expected: deque[OpRun | Rolled] = deque()
        self._actual: deque[OpRun | Rolled] = deque()

    def put(self, items: Sequence[OpRun | Rolled]) -> None:
        """What the accelerator of the node under test did."""
        self._actual.extend(items)

    @property
    def is_ahead(self) -> bool:
        """As of a :class:`Wire`, and so the next two."""
        return bool(self._actual)

    @property
    def is_ahead_in_session(self) -> bool:
        return bool(self._actual) and not isinstance(self._actual[0], Rolled)

    @property
    def is_behind(self) -> bool:
        return bool(self._expected)

    def compare(self) -> None:
        """Compares what there is; raises :class:`Mismatch`."""
        self._expected.extend(item for item in self._outbox.take() if isinstance(item, OpRun | Rolled))
        expected, actual = self._expected, self._actual
        while actual:
            if isinstance(actual[0], Rolled):
                if Rolled() not in expected:
                    return
                while not isinstance(expected.popleft(), Rolled):
                    pass
                actual.popleft()
                continue
            if not expected:
                return
            wanted, got = expected[0], actual[0]
            if isinstance(wanted, Rolled) or (wanted.op_class, wanted.count) != (got.op_class, got.count):
                raise Mismatch(self.name, f"event {self.events_compared} is {got}, not {wanted}")
            repeat = min(wanted.repeat, got.repeat)
            self.events_compared += repeat
            for queue, run in ((expected, wanted), (actual, got)):
                queue.popleft()
                if run.repeat > repeat:
                    queue.appendleft(OpRun(run.op_class, run.count, run.repeat - repeat))
