"""One link in the CLEAR profile: its epochs, and the records that arrive in them."""

from collections import deque
from collections.abc import Iterable

from interlock.model.fields import WireError
from interlock.model.framing import Frame, Frames
from interlock.model.outbox import Outbox
from interlock.model.records import Record, RecordError, check_record, decode_record
from interlock.wires import Level, LinkItem


class Link:
    """Levels of both directions, and what was received but not read.

    Attributes
    ----------
    up, heard : bool
        The node's own levels.
    peer : Level
        The other end's.
    open, closed : bool
        The epoch is open; the channel is closed until the host reopens it.
    closed_at : int, optional
        The cycle in which it last closed.
    lost : bool
        The other end has ended the epoch, and this one is about to notice.
    sent : Outbox
        What leaves on the link.
    send_seq : int
        Number of the next record to send.
    """

    def __init__(self, beat_bytes: int) -> None:
        self.up = self.heard = self.open = self.closed = self.lost = False
        self.closed_at: int | None = None
        self.peer = Level(up=False, heard=False)
        self.sent = Outbox()
        self.send_seq = 0
        self._beat_bytes = beat_bytes
        self._arrived = Frames(beat_bytes)  # since the last level that was applied
        self._coming: deque[tuple[Level, Frames]] = deque()  # levels that were not, each with what came after
        self._ending: Frames | None = None  # what came before a level that ends the epoch, until it has ended
        self._take_seq = 0
        self._sound = 0  # frames, from the next to read on, that were found to be without fault

    def push(self, items: Iterable[LinkItem]) -> None:
        """What the other end sends."""
        for item in items:
            if isinstance(item, Level):
                if item == (self._coming[-1][0] if self._coming else self.peer):
                    raise ValueError("a Level stands for a change")
                self._coming.append((item, Frames(self._beat_bytes)))
            else:
                (self._coming[-1][1] if self._coming else self._arrived).put(item)

    # Levels

    @property
    def level_is_next(self) -> bool:
        """Whether a level is still to be applied."""
        return bool(self._coming)

    def apply_level(self) -> None:
        """The next level reaches this end.  What arrived before it and no epoch has claimed is gone."""
        before = self._arrived
        self.peer, self._arrived = self._coming.popleft()
        if self.open and not self.lost:
            self.lost = True
            self._ending = before
        if self.heard != self.peer.up:
            self.heard = self.peer.up
            self._show()

    def raise_up(self) -> None:
        self.up = True
        self._show()

    def lower_up(self) -> None:
        """The session closes its gates, before an epoch could open."""
        if self.up:
            self.up = False
            self._show()

    @property
    def can_open(self) -> bool:
        """Whether both ends are up, have heard each other, and no epoch is open."""
        return self.up and self.peer.up and self.peer.heard and not self.open

    def open_epoch(self) -> None:
        self.open = True
        self._take_seq = self.send_seq = self._sound = 0

    def end_epoch(self) -> None:
        """Nothing that arrived in the epoch will be read."""
        self.open = self.up = False
        if not self.lost:
            self._arrived = Frames(self._beat_bytes)
        self.lost = False
        self._ending = None
        self._show()

    def _show(self) -> None:
        self.sent.note(Level(up=self.up, heard=self.heard))

    # Records

    def next_seq(self) -> int:
        """The number of a record that leaves now."""
        self.send_seq += 1
        return self.send_seq - 1

    def send(self, record: Record) -> None:
        """A whole record leaves."""
        self.sent.put(record.encode(), first=True, last=True)

    @property
    def _readable(self) -> deque[Frame]:
        return (self._arrived if self._ending is None else self._ending).queue

    @property
    def record_is_whole(self) -> bool:
        """Whether the next record has arrived to its last beat."""
        return bool(self._readable) and self._readable[0].complete

    def read(self) -> Record:
        """The next record, which must be whole; raises :class:`RecordError`."""
        frame = self._readable[0]
        if frame.fault:
            raise RecordError(frame.fault, len(frame))
        record = decode_record(bytes(frame.data), seq=self._take_seq)
        self._readable.popleft()
        self._take_seq += 1
        self._sound = max(self._sound - 1, 0)
        return record

    def fault(self) -> WireError | None:
        """The first fault in what has arrived in this epoch and was not read."""
        frames = self._readable
        while self._sound < len(frames):
            frame, seq = frames[self._sound], self._take_seq + self._sound
            try:
                check_record(bytes(frame.data), seq=seq, complete=frame.complete and not frame.fault)
            except RecordError as error:
                return error
            if frame.fault:
                return RecordError(frame.fault, len(frame))
            if not frame.complete:
                return None
            self._sound += 1
        return None
