"""Ingress: records of one link become credit, merges and whole messages."""

from collections import deque

from interlock.model.credit import Credit, cost
from interlock.model.fields import WireError
from interlock.model.log import ENTRY_BYTES, Answer, Entry, Log
from interlock.model.messages import Kind, Message
from interlock.model.records import (
    CREDIT,
    DIGEST_BYTES,
    PREFIX_HEADER,
    Descriptor,
    PrefixError,
    Record,
    RecordError,
    RecordType,
)
from interlock.model.records import MAX_LENGTH as MAX_RECORD


class Ingress:
    """What one channel's epoch has brought.

    Attributes
    ----------
    complete : deque of Message
        Messages that may be released, the oldest first.
    to_merge : deque of Entry or bytes
        Entries of the last PREFIX record, sessions and digests, that the log has not answered yet.
    fault : WireError or None
        Why the channel must close.
    """

    def __init__(self, slot: int, *, credit: Credit) -> None:
        self.slot = slot
        self.credit = credit
        self.to_merge: deque[Entry | bytes] = deque()
        self.end_epoch()

    def end_epoch(self) -> None:
        """Everything that is not released is dropped; entries on their way to the log may still get there."""
        self.complete: deque[Message] = deque()
        self.fault: WireError | None = None
        self._peer_id: bytes | None = None
        self._needs_full = True
        self._close_message()

    def begin_epoch(self, peer_id: bytes | None = None) -> None:
        """Nothing of an earlier epoch is left.  ``peer_id`` is who speaks, where that is known."""
        self._peer_id = peer_id
        self.to_merge.clear()
        self.fault = None

    def take(self, record: Record, log: Log) -> None:
        """Reads a well-formed record.  Afterwards ``fault`` says if it was out of place."""
        try:
            match record.type:
                case RecordType.PREFIX:
                    self._prefix(record, log.own.session_id)
                case RecordType.PAYLOAD:
                    self._add(record)
                case RecordType.CREDIT:
                    self._allow(record)
                case RecordType.ABORT:
                    self._abort()
                case RecordType.FULL_REQUEST:
                    log.require_full(self.slot)
        except WireError as error:
            self.fault = error
            return
        self._finish()

    def merge(self, log: Log) -> Answer:
        """Offers the next entry to the log."""
        entry = self.to_merge.popleft()
        answer = log.merge_external(entry) if isinstance(entry, bytes) else log.merge(entry)
        if answer.closes and self.fault is None:
            self.fault = PrefixError(answer.name, 0, "the log refused an entry")
        else:
            self._finish()
        return answer

    def _close_message(self) -> None:
        """No message is open."""
        self._payload: list[bytes] | None = None  # of the open message
        self._received = 0
        self._prefix_left = self._sessions_left = 0  # bytes and session entries that its prefix still has
        self._is_delta = False
        self._is_last = False  # it has no further record

    def _prefix(self, record: Record, own_id: bytes) -> None:
        body, left = record.body, self._prefix_left
        if record.som != (self._payload is None) or (not record.som and not left):
            raise RecordError("flags", 2, "PREFIX out of place")
        sessions = self._sessions_left
        if record.som:
            descriptor = Descriptor.decode(body)
            left, sessions = descriptor.size, descriptor.n_sessions
        if len(body) != min(left, MAX_RECORD):
            raise RecordError("length", 6, f"{left} bytes of the prefix are left")
        if record.eom and len(body) != left:
            raise RecordError("flags", 2, "EOM in the middle of a prefix")
        if record.som:
            self._open(descriptor, body[PREFIX_HEADER.size :][:16], own_id)
            body = body[PREFIX_HEADER.size :]
        entries = [body[at : at + ENTRY_BYTES] for at in range(0, len(body), DIGEST_BYTES)]
        self.to_merge.extend(Entry.decode(entry) for entry in entries[:sessions])
        self.to_merge.extend(entries[sessions:])
        self._sessions_left = sessions - min(sessions, len(entries))
        self._prefix_left = left - len(record.body)
        self._needs_full &= self._is_delta or self._prefix_left > 0
        self._is_last = record.eom

    def _open(self, descriptor: Descriptor, speaker: bytes, own_id: bytes) -> None:
        """A message begins."""
        if descriptor.is_delta and self._needs_full:
            raise PrefixError("flags", 24, "DELTA where FULL is due")
        if speaker == own_id or (self._peer_id is not None and speaker != self._peer_id):
            raise PrefixError("session_id", 48, "entry 0 is not the peer's own")
        self._charge(0)
        self._peer_id = speaker
        self._payload = []
        self._is_delta = descriptor.is_delta

    def _add(self, record: Record) -> None:
        if self._payload is None or self._prefix_left:
            raise RecordError("type", 1, "PAYLOAD outside a message's payload")
        if record.som:
            raise RecordError("flags", 2, "PAYLOAD with SOM")
        if not record.eom and len(record.body) % 16:
            raise RecordError("length", 6, "PAYLOAD without EOM that is no multiple of 16 bytes")
        self._charge(self._received + len(record.body))
        self._received += len(record.body)
        self._payload.append(record.body)
        self._is_last = record.eom

    def _charge(self, size: int) -> None:
        """The open message, or the one that begins, has ``size`` bytes of payload by now."""
        before = 0 if self._payload is None else cost(self._received)
        self.credit.received += cost(size) - before
        if self.credit.is_overdrawn:
            raise RecordError("length", 6, f"more than the {self.credit.granted or 0} bytes granted")

    def _allow(self, record: Record) -> None:
        granted = CREDIT.unpack(record.body)["granted"]
        if granted < self.credit.allowed:
            raise RecordError("granted", 16, f"{granted} after {self.credit.allowed}")
        self.credit.allow(granted)

    def _abort(self) -> None:
        if self._payload is None:
            raise RecordError("type", 1, "ABORT outside a message")
        self.credit.received -= cost(self._received)
        self._close_message()
        self._needs_full = True

    def _finish(self) -> None:
        """Completes the open message once its last record was read and its last entry merged."""
        if self._is_last and not self.to_merge and self.fault is None:
            assert self._payload is not None
            self.complete.append(Message(Kind.PEER, self.slot, b"".join(self._payload)))
            self._close_message()
