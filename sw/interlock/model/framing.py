"""Frames: beats with ``first``, ``last`` and ``keep`` become whole messages or records, or faults."""

from collections import deque
from dataclasses import dataclass, field

from interlock.wires import RawBeat, Segment


@dataclass(slots=True)
class Frame:
    """The beats up to one ``last``, as far as they were received.

    Attributes
    ----------
    data : bytearray
        Their bytes, up to the first fault.
    taken : int
        How many there are, counting what is kept of each.
    complete : bool
        The one with ``last`` is there.
    fault : str
        Which rule of framing is broken (``first``, ``last`` or ``keep``), at the end of ``data``; or nothing.
    """

    data: bytearray = field(default_factory=bytearray)
    taken: int = 0
    complete: bool = False
    fault: str = ""

    def __len__(self) -> int:
        return len(self.data)


class Frames:
    """A queue of frames, the last of which may be incomplete."""

    def __init__(self, beat_bytes: int) -> None:
        self.beat_bytes = beat_bytes
        self.queue: deque[Frame] = deque()

    def put(self, item: Segment | RawBeat) -> None:
        """Takes further beats.  ``ValueError`` if ``item`` is nothing that a wire can carry."""
        if isinstance(item, RawBeat):
            data, legal = self._kept(item)
            taken = item.keep.bit_count()
        else:
            data, legal = item.data, True
            taken = len(data)
            if not data or (len(data) % self.beat_bytes and not item.last):
                raise ValueError(f"a segment is whole beats of {self.beat_bytes} bytes, but for its last one")
        frame = self.queue[-1] if self.queue and not self.queue[-1].complete else None
        begins = frame is None
        if frame is None:
            frame = Frame()
            self.queue.append(frame)
        if not frame.fault:
            if item.first != begins:
                frame.fault = "first"
            elif not legal:
                frame.fault = "keep"
            else:
                frame.data += data
        frame.taken += taken
        frame.complete = item.last

    def _kept(self, beat: RawBeat) -> tuple[bytes, bool]:
        """The bytes that ``keep`` keeps, and whether it is legal."""
        if len(beat.data) != self.beat_bytes or not 0 <= beat.keep < 1 << self.beat_bytes:
            raise ValueError(f"a beat is {self.beat_bytes} bytes, with a bit of keep for each")
        kept = beat.keep.bit_length()
        is_run = kept > 0 and beat.keep == (1 << kept) - 1
        return beat.data[:kept], is_run and (beat.last or kept == self.beat_bytes)

    def lose(self, taken: int) -> bool:
        """Drops bytes that were taken of a message not yet complete; ``False`` if there can be no such bytes.

        What follows of that message is without its first beat, and so no legal message any more.
        """
        if not taken:
            return True
        if not self.queue or taken > self.queue[0].taken - self.queue[0].complete:
            return False
        self.queue[0].taken -= taken
        self.queue[0].fault = "first"
        return True
