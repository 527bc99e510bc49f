"""One link: its keys, its epochs, and the records that leave and arrive in them."""

from collections import deque
from collections.abc import Iterable

from interlock.model.channel import CLEAR, Channel, Protecting, SealedChannel
from interlock.model.fields import WireError
from interlock.model.framing import Frame, Frames
from interlock.model.keys import LinkKeys
from interlock.model.outbox import Outbox
from interlock.model.parameters import NodeParameters
from interlock.model.records import (
    Record,
    RecordError,
    RecordType,
    check_record,
    decode_record,
    encode_header,
    padding,
)
from interlock.wires import Level, LinkItem


class Link:
    """Keys, levels of both directions, and what was received but not read.

    Parameters
    ----------
    parameters : NodeParameters

    Attributes
    ----------
    keys : LinkKeys, optional
        Of the epoch that is open, or of the next one.
    exhausted : bool
        A record was not sent, for its number is none that the epoch's keys may be used with.
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

    def __init__(self, parameters: NodeParameters) -> None:
        self.keys: LinkKeys | None = None
        self.up = self.heard = self.open = self.closed = self.lost = False
        self.closed_at: int | None = None
        self.peer = Level(up=False, heard=False)
        self.sent = Outbox()
        self.exhausted = False
        self._parameters = parameters
        self._send_channel: Channel = CLEAR
        self._take_channel: Channel = CLEAR
        self.send_seq = 0
        self._protecting: Protecting | None = None  # the record that leaves
        self._length = self._left = 0  # bytes of its body, and those that have not left
        self._arrived = self._frames()  # since the last level that was applied
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
                self._coming.append((item, self._frames()))
            else:
                (self._coming[-1][1] if self._coming else self._arrived).put(item)

    def _frames(self) -> Frames:
        return Frames(self._parameters.beat_bytes)

    # Keys

    @property
    def lacks_keys(self) -> bool:
        """Whether there can be no epoch before keys come."""
        return self._parameters.is_sealed and self.keys is None

    def take_keys(self, keys: LinkKeys | None) -> None:
        """Keys of the next epoch come, or something in their place that is of no use."""
        self.lower_up()
        self.keys = keys

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
        """The session closes its gates, or other keys come, before an epoch could open."""
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
        if self.keys is not None:
            self._send_channel, self._take_channel = map(self._sealed, (self.keys.send, self.keys.receive))

    def _sealed(self, key: bytes) -> SealedChannel:
        assert self.keys is not None
        limits = self._parameters
        return SealedChannel(key, self.keys.channel, rekey_bits=limits.rekey_bits, stop_bits=limits.stop_bits)

    def end_epoch(self) -> None:
        """Nothing that arrived in the epoch will be read."""
        self.open = self.up = self.exhausted = False
        self.keys = self._protecting = None
        if not self.lost:
            self._arrived = self._frames()
        self.lost = False
        self._ending = None
        self._show()

    def _show(self) -> None:
        self.sent.note(Level(up=self.up, heard=self.heard))

    # Records

    def send(self, type: RecordType, body: bytes, *, eom: bool = False) -> None:
        """A whole record leaves, which does not begin a message."""
        self.begin_record(type, len(body), eom=eom)
        self.add_to_record(body)

    def begin_record(self, type: RecordType, length: int, *, som: bool = False, eom: bool = False) -> None:
        """The header of a record with a body of ``length`` bytes leaves."""
        channel, seq = self._send_channel, self.send_seq
        if seq == channel.stop:
            self.exhausted = True
            return
        header = encode_header(type, som=som, eom=eom, length=length, seq=seq, channel=channel)
        self.send_seq += 1
        self._protecting = channel.protect(seq, header)
        self._length = length
        self._left = length
        self.sent.put(header, first=True)

    def add_to_record(self, body: bytes) -> None:
        """Further bytes of its body leave, and what follows the last one."""
        if self._protecting is None:
            return
        self.sent.put(self._protecting.add(body))
        self._left -= len(body)
        if not self._left:
            self.sent.put(bytes(padding(self._length)) + self._protecting.tag(), last=True)
            self._protecting = None

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
        record = decode_record(bytes(frame.data), seq=self._take_seq, channel=self._take_channel)
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
                complete = frame.complete and not frame.fault
                check_record(bytes(frame.data), seq=seq, complete=complete, channel=self._take_channel)
            except RecordError as error:
                return error
            if frame.fault:
                return RecordError(frame.fault, len(frame))
            if not frame.complete:
                return None
            self._sound += 1
        return None
