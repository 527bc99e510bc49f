"""Frames: beats with ``first``, ``last`` and ``keep`` become whole messages or records, or faults."""

from collections import deque
from dataclasses import dataclass, field

from interlock.wires import RawBeat, Segment


@dataclass(slots=True)
class Frame:
    """The beats up to one ``last``, as far as they were received.

    Attributes
    ----------
    items : list of Segment or RawBeat
        As they came.
    data : bytearray
        Their bytes, up to the first fault.
    beats : int
        How many there are.
    complete : bool
        The one with ``last`` is there.
    fault : str
        Which rule of framing is broken (``first`` or ``keep``), at the end of ``data``; or nothing.
    """

    items: list[Segment | RawBeat] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    beats: int = 0
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
        data, legal = self._kept(item) if isinstance(item, RawBeat) else (self._whole(item), True)
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
        frame.items.append(item)
        frame.beats += self._beats(item)
        frame.complete = item.last

    def lose(self, beats: int) -> bool:
        """Drops the first beats of the oldest message; ``False`` if it does not have so many.

        What follows begins anew: most likely without a beat marked as the first, and so it is refused.
        """
        if not beats:
            return True
        if not self.queue or beats > self.queue[0].beats:
            return False
        frame = self.queue.popleft()
        later, self.queue = self.queue, deque()
        for item in frame.items:
            lost = min(beats, self._beats(item))
            beats -= lost
            if lost < self._beats(item):
                rest = item.data[lost * self.beat_bytes :]
                self.put(Segment(rest, first=False, last=item.last) if lost else item)
        self.queue += later
        return True

    def _beats(self, item: Segment | RawBeat) -> int:
        return -(-len(item.data) // self.beat_bytes)

    def _whole(self, segment: Segment) -> bytes:
        if not segment.data or (len(segment.data) % self.beat_bytes and not segment.last):
            raise ValueError(f"a segment is whole beats of {self.beat_bytes} bytes, but for its last one")
        return segment.data

    def _kept(self, beat: RawBeat) -> tuple[bytes, bool]:
        """The bytes that ``keep`` keeps, and whether it is legal."""
        if len(beat.data) != self.beat_bytes or not 0 <= beat.keep < 1 << self.beat_bytes:
            raise ValueError(f"a beat is {self.beat_bytes} bytes, with a bit of keep for each")
        kept = beat.keep.bit_length()
        is_run = kept > 0 and beat.keep == (1 << kept) - 1
        return beat.data[:kept], is_run and (beat.last or kept == self.beat_bytes)
