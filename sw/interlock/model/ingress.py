"""Ingress: records of one link become merges and whole messages."""

from collections import deque
from collections.abc import Sequence

from interlock.model.fields import WireError
from interlock.model.log import Answer, Entry, Log
from interlock.model.messages import Kind, Message
from interlock.model.records import MAX_LENGTH as MAX_RECORD
from interlock.model.records import PrefixError, Record, RecordError, RecordType, decode_prefix


class Ingress:
    """What one channel's epoch has brought.

    Attributes
    ----------
    complete : deque of Message
        Messages that may be released, the oldest first.
    to_merge : deque of Entry
        Entries of the last prefix that the log has not answered yet.
    fault : WireError or None
        Why the channel must close.
    """

    def __init__(self, slot: int, *, message_bytes: int) -> None:
        self.slot = slot
        self.message_bytes = message_bytes
        self.to_merge: deque[Entry] = deque()
        self.end_epoch()

    def end_epoch(self) -> None:
        """Everything that is not released is dropped; entries on their way to the log may still get there."""
        self.complete: deque[Message] = deque()
        self.fault: WireError | None = None
        self._peer_id: bytes | None = None
        self._payload: list[bytes] | None = None  # of the open message
        self._received = 0
        self._is_last = False  # the open message has no further record

    def begin_epoch(self) -> None:
        """From here on nothing of an earlier epoch is left."""
        self.to_merge.clear()
        self.fault = None

    def take(self, record: Record, own_id: bytes) -> None:
        """Reads a well-formed record.  Afterwards ``fault`` says if it was out of place."""
        try:
            if record.type is RecordType.PREFIX:
                self.to_merge.extend(self._prefix(record, own_id))
                self._payload, self._received = [], 0
            else:
                self._add(record)
        except WireError as error:
            self.fault = error
            return
        self._is_last = record.eom
        self._finish()

    def merge(self, log: Log) -> Answer:
        """Offers the next entry to the log."""
        answer = log.merge(self.to_merge.popleft())
        if answer.closes and self.fault is None:
            self.fault = PrefixError(answer.name, 0, "the log refused an entry")
        elif self._payload is not None:
            self._finish()
        return answer

    def _prefix(self, record: Record, own_id: bytes) -> Sequence[Entry]:
        if self._payload is not None:
            raise RecordError("type", 1, "PREFIX inside a message")
        if not record.som:
            raise RecordError("flags", 2, "PREFIX without SOM")
        entries = decode_prefix(record.body)
        speaker = entries[0].session_id
        if speaker == own_id or (self._peer_id is not None and speaker != self._peer_id):
            raise PrefixError("session_id", 48, "entry 0 is not the peer's own")
        self._peer_id = speaker
        return entries

    def _add(self, record: Record) -> None:
        if self._payload is None:
            raise RecordError("type", 1, "PAYLOAD outside a message")
        if record.som:
            raise RecordError("flags", 2, "PAYLOAD with SOM")
        if not record.eom and len(record.body) != MAX_RECORD:
            raise RecordError("length", 6, f"PAYLOAD of less than {MAX_RECORD} bytes without EOM")
        if self._received + len(record.body) > self.message_bytes:
            raise RecordError("length", 6, f"payload of more than {self.message_bytes} bytes")
        self._payload.append(record.body)
        self._received += len(record.body)

    def _finish(self) -> None:
        """Completes the open message once its last record was read and its last entry merged."""
        if self._is_last and not self.to_merge and self.fault is None:
            assert self._payload is not None
            self.complete.append(Message(Kind.PEER, self.slot, b"".join(self._payload)))
            self._payload = None
            self._is_last = False
