"""Egress: a message, a count and the log become records, or an export."""

from collections import deque
from dataclasses import dataclass, field
from zlib import crc32

from interlock.model.counter import Count
from interlock.model.link import Link
from interlock.model.log import ENTRY_BYTES, Entry
from interlock.model.messages import HEADER as MESSAGE_HEADER
from interlock.model.messages import Kind, Message
from interlock.model.outbox import Outbox
from interlock.model.records import (
    MAX_LENGTH,
    PREFIX_HEADER,
    Record,
    RecordType,
    encode_header,
    encode_prefix_header,
    encode_tail,
)
from interlock.model.summary import Summary


@dataclass(slots=True)
class Outgoing:
    """A message that the Interlock accepted from its accelerator.

    Attributes
    ----------
    events_before : tuple of int
        Events of each issue port that were made before its last beat.
    count : Count or None
        The sample that covers it.
    """

    message: Message
    events_before: tuple[int, ...]
    count: Count | None = None


@dataclass(slots=True)
class Scan:
    """Entries 0 … ``size`` - 1, as they are when they are read."""

    size: int
    entries: list[Entry] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return len(self.entries) == self.size


class Sending:
    """A PEER message on its way to its link: one PREFIX record, then its payload.

    The bytes of the prefix leave as far as they are known: what a channel carried when it closed is
    compared too.
    """

    def __init__(self, message: Message, scan: Scan, *, link: Link) -> None:
        self.message = message
        self.scan = scan
        self._link = link
        self._crc: int | None = None  # of the prefix so far, once its header left
        self._entries_put = 0
        self._payload_put = 0

    @property
    def has_begun(self) -> bool:
        """Whether its first record's header has left."""
        return self._crc is not None

    @property
    def next_record(self) -> tuple[RecordType, int] | None:
        """Type and length of the record that has to come next."""
        if self._crc is None:
            return RecordType.PREFIX, PREFIX_HEADER.size + ENTRY_BYTES * self.scan.size
        left = len(self.message.payload) - self._payload_put
        return (RecordType.PAYLOAD, min(left, MAX_LENGTH)) if left else None

    @property
    def is_done(self) -> bool:
        return self.next_record is None and self._entries_put == self.scan.size

    def begin_record(self) -> None:
        """The next record's header leaves."""
        payload = self.message.payload
        if self._crc is None:
            _, length = self.next_record or (None, 0)
            data = encode_header(
                RecordType.PREFIX, som=True, eom=not payload, length=length, seq=self._link.send_seq
            ) + encode_prefix_header(self.scan.size)
            self._crc = crc32(data)
            self._link.sent.put(data, first=True)
            self.put_entries()
        else:
            begin, end = self._payload_put, min(self._payload_put + MAX_LENGTH, len(payload))
            record = Record(
                RecordType.PAYLOAD, False, end == len(payload), self._link.send_seq, payload[begin:end]
            )
            self._link.sent.put(record.encode(), first=True, last=True)
            self._payload_put = end
        self._link.send_seq += 1

    def put_entries(self) -> None:
        """What was read of the log leaves, behind the prefix's header."""
        if self._crc is None:
            return
        for entry in self.scan.entries[self._entries_put :]:
            data = entry.encode()
            self._crc = crc32(data, self._crc)
            self._link.sent.put(data)
            self._entries_put += 1
            if self._entries_put == self.scan.size:
                self._link.sent.put(encode_tail(self._crc, 0), last=True)


class Exporting:
    """An EXPORT message on its way to the host: LOG, then SUMMARY, then the message itself."""

    def __init__(self, message: Message, scan: Scan, *, count: Count, number: int, to: Outbox) -> None:
        self.message = message
        self.scan = scan
        self.ticks: int | None = None
        self._count = count
        self._number = number
        self._to = to
        self._to.put(MESSAGE_HEADER.pack(kind=Kind.LOG), first=True)
        self._entries_put = 0

    @property
    def is_done(self) -> bool:
        return self._entries_put == self.scan.size

    def put_entries(self) -> None:
        """What was read of the log leaves, and after its last entry everything else."""
        for entry in self.scan.entries[self._entries_put :]:
            self._entries_put += 1
            self._to.put(entry.encode(), last=self._entries_put == self.scan.size)
        if self.is_done:
            assert self.ticks is not None
            summary = Summary.over(
                self.scan.entries,
                export_counter=self._number,
                payload_length=len(self.message.payload),
                bins=self._count.bins,
                ticks=self.ticks,
            )
            self._to.put(MESSAGE_HEADER.pack(kind=Kind.SUMMARY) + summary.encode(), first=True, last=True)
            self._to.put(self.message.encode(), first=True, last=True)


class Egress:
    """Messages on their way out, in order, one at a time.

    Attributes
    ----------
    accepted : deque of Outgoing
        Messages that wait, the oldest first.
    scan : Scan or None
        The scan that runs; it runs to its end even when its message was dropped.
    sending : Sending or Exporting or None
        The message being sent.
    exports : int
        Exports of this session.
    """

    def __init__(self) -> None:
        self.accepted: deque[Outgoing] = deque()
        self.scan: Scan | None = None
        self.sending: Sending | Exporting | None = None
        self.exports = 0

    @property
    def unsampled(self) -> Outgoing | None:
        """The oldest message that waits for its sample."""
        return next((outgoing for outgoing in self.accepted if outgoing.count is None), None)

    def read(self, entry: Entry) -> None:
        """The running scan emits its next entry."""
        assert self.scan is not None
        self.scan.entries.append(entry)
        if self.scan.is_complete:
            self.scan = None
        if self.sending is not None:
            self.sending.put_entries()
            self._settle()

    def begin_record(self, sending: Sending) -> None:
        """The next record of the message being sent leaves."""
        sending.begin_record()
        self._settle()

    def _settle(self) -> None:
        """Forgets the message being sent once all of it has left."""
        if self.sending is not None and self.sending.is_done:
            self.sending = None
