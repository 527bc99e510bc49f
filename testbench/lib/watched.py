"""A gateware node that a test can ask what it did, while something else compares it."""

from collections import Counter
from collections.abc import Sequence

from interlock.device.rtl_node import RtlNode
from interlock.wires import Event, Rolled, Segment


class WatchedNode(RtlNode):
    """Notes what it shows to its caller.

    Attributes
    ----------
    choices : Counter
        How often each event of the schedule happened.
    schedule : list of Event
        Those that happened since :meth:`forget`.
    released, sent : list
        What went through ``rx`` and ``tx`` since then, whole messages and ``Rolled``.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.choices: Counter[str] = Counter()
        self.forget()

    def forget(self) -> None:
        """Begins to note anew."""
        self.schedule: list[Event] = []
        self._rx: list[Segment | Rolled] = []
        self._tx: list[Segment | Rolled] = []

    @property
    def released(self) -> list[bytes | Rolled]:
        return whole(self._rx)

    @property
    def sent(self) -> list[bytes | Rolled]:
        return whole(self._tx)

    def count(self, name: str) -> int:
        """How often an event happened since :meth:`forget`."""
        return sum(event.name == name for event in self.schedule)

    def pop_schedule(self) -> Sequence[Event]:
        events = super().pop_schedule()
        self.schedule += events
        self.choices.update(event.name for event in events)
        return events

    def pop_rx(self) -> Sequence[Segment | Rolled]:
        items = super().pop_rx()
        self._rx += items
        return items

    def pop_tx(self) -> Sequence[Segment | Rolled]:
        items = super().pop_tx()
        self._tx += items
        return items


def whole(items: Sequence[Segment | Rolled]) -> list[bytes | Rolled]:
    """Messages, the last of which may lack its end, and new sessions."""
    messages: list[bytes | Rolled] = []
    for item in items:
        if isinstance(item, Rolled):
            messages.append(item)
        elif item.first:
            messages.append(item.data)
        else:
            messages[-1] += item.data
    return messages
