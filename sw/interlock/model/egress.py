"""Egress: a message, a count and the log become records, or an export."""

from collections import deque
from dataclasses import dataclass

from interlock.model.accelerator import SentMessage
from interlock.model.counter import Count
from interlock.model.link import Link
from interlock.model.log import Log, Scan
from interlock.model.messages import HEADER as MESSAGE_HEADER
from interlock.model.messages import Kind, Message
from interlock.model.outbox import Outbox
from interlock.model.records import MAX_LENGTH, PREFIX_HEADER, Descriptor, RecordType
from interlock.model.summary import Summary


@dataclass(slots=True)
class Outgoing:
    """A message that the Interlock accepted from its accelerator.

    Attributes
    ----------
    sent : SentMessage
        The same as the accelerator sent it.
    count : Count or None
        The sample that covers it, or of a STREAM its first 32 bytes.
    """

    message: Message
    sent: SentMessage
    count: Count | None = None

    @property
    def events_before(self) -> tuple[int, ...]:
        """Events of each issue port that its sample must cover."""
        message = self.message
        return self.sent.events_at(message.header_size if message.is_stream else len(self.sent.data))


@dataclass(slots=True)
class Cut:
    """Payload of a STREAM that goes into one record.

    Attributes
    ----------
    count : Count or None
        The sample that covers it.
    """

    length: int
    is_last: bool
    count: Count | None = None


class Sending:
    """A PEER message on its way to its link: PREFIX records, then its payload.

    The bytes of the prefix leave as far as they are known: what a channel carried when it closed is
    compared too.

    Attributes
    ----------
    cut : Cut or None
        Of a STREAM, what its next record has.
    """

    def __init__(self, outgoing: Outgoing, scan: Scan, *, link: Link) -> None:
        assert outgoing.count is not None
        self.message = outgoing.message
        self.outgoing = outgoing
        self.scan = scan
        self.cut: Cut | None = None
        self._announced = outgoing.count.total + self.message.bound
        self._link = link
        self._descriptor = Descriptor(
            scan.n_sessions, scan.n_externals, scan.is_delta, max_bound=self.message.bound
        )
        self._prefix_put = 0  # bytes of the prefix that have left
        self._prefix_end = 0  # where the last PREFIX record whose header has left ends
        self._payload_put = 0

    @property
    def next_record(self) -> tuple[RecordType, int] | None:
        """Type and length of the record that has to come next, as far as that is known."""
        prefix_left = self._descriptor.size - self._prefix_end
        if prefix_left:
            return RecordType.PREFIX, min(prefix_left, MAX_LENGTH)
        if self.message.is_stream:
            return (RecordType.PAYLOAD, self.cut.length) if self.cut else None
        return (RecordType.PAYLOAD, min(self._payload_left, MAX_LENGTH)) if self._payload_left else None

    @property
    def is_inside_record(self) -> bool:
        """Whether a PREFIX record whose header has left waits for entries to be read."""
        return self._prefix_put < self._prefix_end

    @property
    def is_prefix_sent(self) -> bool:
        """Whether the header of the last PREFIX record has left."""
        return self._prefix_end == self._descriptor.size

    @property
    def has_ended(self) -> bool:
        """Whether the header of the last record has left."""
        return self.is_prefix_sent and not self._payload_left and not self.message.is_broken

    @property
    def is_done(self) -> bool:
        """Whether all of it has left."""
        return self.has_ended and not self.is_inside_record

    @property
    def has_overrun(self) -> bool:
        """Whether more was spent than was announced."""
        return self.cut is not None and self.cut.count is not None and self.cut.count.total > self._announced

    @property
    def is_cut_covered(self) -> bool:
        """Whether its next record has a sample, where it needs one, that is no more than was announced."""
        return self.cut is None or (self.cut.count is not None and not self.has_overrun)

    @property
    def may_abort(self) -> bool:
        """Whether the message ends here, without its last record."""
        return self.has_overrun or self.message.is_broken

    @property
    def events_before_cut(self) -> tuple[int, ...]:
        """Events of each issue port that were made before the cut's last byte."""
        assert self.cut is not None
        return self.outgoing.sent.events_at(self.message.header_size + self._payload_put + self.cut.length)

    @property
    def largest_cut(self) -> int:
        """Most bytes that may be cut next; 0 if nothing may."""
        if not self.message.is_stream or self.cut is not None:
            return 0
        return min(self._payload_left, MAX_LENGTH)

    def is_last_cut(self, length: int) -> bool:
        """Whether a cut of ``length`` bytes ends the payload."""
        return length == self._payload_left and not self.message.is_broken

    def begin_record(self) -> None:
        """The next record's header leaves, and of a PAYLOAD record all of it."""
        assert self.next_record is not None
        type, length = self.next_record
        if type is RecordType.PREFIX:
            som = not self._prefix_end
            self._prefix_end += length
            self._link.begin_record(type, length, som=som, eom=self.has_ended)
            self.put_entries()
            return
        begin = self._payload_put
        self._payload_put += length
        self.cut = None
        body = self.message.sendable[begin : self._payload_put]
        self._link.send(type, body, eom=self.has_ended)

    def put_entries(self) -> None:
        """What was read of the log leaves, behind the header of its record."""
        if not self.is_inside_record:
            return
        if not self._prefix_put:
            self._put_prefix(self._descriptor.encode())
        known = slice(self._prefix_put - PREFIX_HEADER.size, self._prefix_end - PREFIX_HEADER.size)
        self._put_prefix(bytes(self.scan.data[known]))

    def _put_prefix(self, data: bytes) -> None:
        self._link.add_to_record(data)
        self._prefix_put += len(data)

    @property
    def _payload_left(self) -> int:
        return len(self.message.sendable) - self._payload_put


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
        self._put = 0  # bytes of the log

    @property
    def is_done(self) -> bool:
        return self._put > 0 and self.scan.is_complete

    def put_entries(self) -> None:
        """What was read of the log leaves, and after its last entry everything else."""
        data = bytes(self.scan.data[self._put :])
        self._put += len(data)
        self._to.put(data, last=self.scan.is_complete)
        if self.is_done:
            assert self.ticks is not None
            summary = Summary.over(
                self.scan.sessions,
                n_externals=len(self.scan.externals),
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
    def stream(self) -> Sending | None:
        """The STREAM being sent."""
        sending = self.sending
        return sending if isinstance(sending, Sending) and sending.message.is_stream else None

    @property
    def is_window_open(self) -> bool:
        """Whether a prefix was read that must cover what is still being made."""
        return self.stream is not None and not self.stream.has_ended

    @property
    def unsampled(self) -> Cut | Outgoing | None:
        """What the next sample is for: a cut, or the oldest message that waits for one."""
        cut = self.stream.cut if self.stream else None
        if cut is not None and cut.count is None:
            return cut
        return next((outgoing for outgoing in self.accepted if outgoing.count is None), None)

    @property
    def events_to_cover(self) -> tuple[int, ...]:
        """Events of each issue port that it must cover at least."""
        unsampled = self.unsampled
        if isinstance(unsampled, Outgoing):
            return unsampled.events_before
        assert self.stream is not None
        return self.stream.events_before_cut

    def read(self, log: Log) -> None:
        """The running scan emits its next entry."""
        assert self.scan is not None
        log.read(self.scan)
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
