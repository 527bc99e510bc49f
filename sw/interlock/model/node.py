"""The golden node: what an Interlock does, given what its timing decides."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from interlock.model.accelerator import EventRun, SentMessage
from interlock.model.choices import CHOICES
from interlock.model.counter import Counter
from interlock.model.credit import Credit
from interlock.model.egress import Egress, Outgoing, Sending
from interlock.model.external import External
from interlock.model.framing import Frames
from interlock.model.ingress import Ingress
from interlock.model.keys import KEYS, WORD_BYTES
from interlock.model.link import Link
from interlock.model.log import MAX_FLOPS, Log
from interlock.model.messages import TX_KINDS, Kind, Message, MessageError
from interlock.model.outbox import Outbox
from interlock.model.outstanding import outstanding
from interlock.model.parameters import NodeParameters
from interlock.model.schedule import (
    ARGUMENTS,
    GATED_EVENTS,
    HOST_SLOT_EVENTS,
    INNER_EVENTS,
    SLOT_EVENTS,
    IllegalChoice,
    Rule,
)
from interlock.model.session import ID_WORDS, Alarm, Session, State
from interlock.wires import Event, HostItem, LinkItem, OpRun, Segment


class Accelerator(Protocol):
    """What stands behind an Interlock: its answer to the messages it gets must not depend on when it gets
    them."""

    events: list[EventRun]
    """Op events since the caller last emptied the list."""
    sent: deque[SentMessage]
    """Messages since the caller last emptied the queue."""

    def receive(self, message: bytes) -> None:
        """A message is released to it, header first."""

    def advance(self) -> bool:
        """Does a little more; ``False`` if it waits for a message."""

    def clear(self) -> None:
        """Forgets everything."""


class GoldenNode:
    """An Interlock with its accelerator, led event by event through a schedule.

    :meth:`apply` first checks that the event may happen now, and raises :class:`IllegalChoice` if it may
    not; then it computes every byte that follows.  Nothing happens but by :meth:`apply`, except that the
    accelerator computes: that needs no schedule, and is done when somebody asks what came of it, or by
    :meth:`compute`.

    Parameters
    ----------
    parameters : NodeParameters
    accelerator : Accelerator
    maker, serial : int
        Who the device is, 32 bits each.
    watch : bool
        Whether the accelerator's side of the Interlock is shown.  What is shown must be taken, or it piles
        up.

    Attributes
    ----------
    host, tx, rx : Outbox
        What left at host out, and went to and fro between Interlock and accelerator.
    operations : list of Outbox
        The op events of each issue port.
    links : list of Link
    alarms : Alarm
        Alarms that are due, or were raised.
    possible_alarms : Alarm
        Alarms that timing decides.
    announcements : deque of (int, int)
        Cycles of the last scans, and the most that the node had announced of its own count before each.
    """

    def __init__(
        self,
        *,
        parameters: NodeParameters,
        accelerator: Accelerator,
        maker: int,
        serial: int,
        watch: bool = False,
    ) -> None:
        self.parameters = parameters
        self.watch = watch
        self.accelerator = accelerator
        self.links = [Link(parameters) for _ in range(parameters.links)]
        self.host = Outbox()
        self.tx = Outbox(keep=watch)
        self.rx = Outbox(keep=watch)
        self.operations = [Outbox(keep=watch) for _ in parameters.issue_ports]
        self.host_in = Frames(parameters.beat_bytes)
        self.keys_in = Frames(WORD_BYTES)
        self.random: deque[int] = deque()
        self.roll_asked = self.roll_due = False
        self.reopen_asked = [False] * parameters.links
        self._device = {"maker": maker, "serial": serial}
        self._event = Event(0, "reset")
        self.begin_session()

    def begin_session(self) -> None:
        """Forgets everything but the links' levels and what waits to come in."""
        parameters = self.parameters
        self.session = Session(**self._device)
        self.counter = Counter(parameters)
        self.egress = Egress()
        self.ingress = [
            Ingress(slot, credit=Credit(parameters.staging_bytes)) for slot in range(parameters.links)
        ]
        self.log: Log | None = None
        self.alarms = self.possible_alarms = Alarm(0)
        self.announcements: deque[tuple[int, int]] = deque(maxlen=32)  # a cycle sees one scan at most
        self.sent: deque[SentMessage] = deque()  # by the accelerator, not yet accepted or refused
        self._sent_nothing = True
        self.external: deque[External] = deque()  # from the host, not yet released
        self.full_asked, self.full_owed = ([False] * parameters.links for _ in range(2))
        self.opaque_lead: list[int | None] = [None] * len(parameters.issue_ports)

    # What goes in

    def push_link(self, slot: int, items: Iterable[LinkItem]) -> None:
        self.links[slot].push(items)

    def push_host(self, items: Iterable[HostItem]) -> None:
        for item in items:
            self.host_in.put(item)

    def push_keys(self, items: Iterable[Segment]) -> None:
        for item in items:
            self.keys_in.put(item)

    def push_random(self, words: Iterable[int]) -> None:
        self.random.extend(words)

    def roll(self) -> None:
        self.keys_in.queue.clear()  # they were for the session that ends
        self.roll_asked = True
        self.roll_due |= self.session.state is not State.CLEAR  # where it changes nothing

    def reopen(self, slot: int) -> None:
        self.reopen_asked[slot] = True

    def request_full(self, slot: int) -> None:
        self.full_asked[slot] = True
        self.full_owed[slot] |= self.links[slot].open  # where there is somebody whom it can be asked of

    # The accelerator

    def compute(self) -> bool:
        """Lets the accelerator do a little more; ``False`` if it waits for a message."""
        busy = self.accelerator.advance()
        for run in self.accelerator.events:
            self.counter.put(run.port, run.op_class, run.count, run.repeat)
            self.operations[run.port].note(OpRun(run.op_class, run.count, run.repeat))
        self.accelerator.events.clear()
        while self.accelerator.sent:
            message = self.accelerator.sent.popleft()
            self._show(message)
            if self._sent_nothing and 0 not in message.firsts:
                self.alarms |= Alarm.NO_FIRST
            self._sent_nothing = False
            self.sent.append(message)
        if self.counter.over_peak:
            self.alarms |= Alarm.OVER_PEAK
        if self.counter.saturated:
            self.alarms |= Alarm.SATURATED
        return busy

    def _show(self, message: SentMessage) -> None:
        """A message of the accelerator, with ``first`` where it was."""
        ends = sorted({0, *message.firsts, len(message.data)})
        for begin, end in pairwise(ends):
            is_last = end == len(message.data)
            self.tx.put(message.data[begin:end], first=begin in message.firsts, last=is_last)

    # The schedule

    def apply(self, event: Event) -> None:
        """Lets one event of the schedule happen, or raises :class:`IllegalChoice`."""
        name, arguments = event.name, event.arguments
        before, self._event = self._event, event
        expected = ARGUMENTS.get(name, len(self.parameters.issue_ports))
        if name not in CHOICES or len(arguments) != expected:
            raise self.illegal(Rule.KNOWN)
        if name in SLOT_EVENTS:
            slots = self.parameters.links + (name in HOST_SLOT_EVENTS)
            if not 0 <= arguments[0] < slots:
                raise self.illegal(Rule.KNOWN)
        if event.cycle < before.cycle:
            raise self.illegal(Rule.CYCLE)
        if name in GATED_EVENTS and self.session.state is not State.OPEN:
            if self.session.state is State.CLOSED and name in INNER_EVENTS:
                return
            raise self.illegal(Rule.SESSION_OPEN)
        CHOICES[name](self, *arguments)

    def illegal(self, rule: Rule, detail: str = "") -> IllegalChoice:
        """What to raise when the event at hand breaks ``rule``."""
        return IllegalChoice(rule, self._event, detail)

    @property
    def words(self) -> int:
        """Random words that a session draws."""
        return ID_WORDS + self.parameters.key_words

    @property
    def cycle(self) -> int:
        """Cycle of the last event."""
        return self._event.cycle

    @property
    def next_keys_slot(self) -> int | None:
        """Whose keys come next, if a message with keys has come."""
        queue = self.keys_in.queue
        return KEYS.unpack(bytes(queue[0].data))["slot"] if queue and queue[0].complete else None

    def wants_keys(self, slot: int) -> bool:
        """Whether a link waits for keys, and none are on their way."""
        return self.session_id is not None and self.links[slot].lacks_keys and not self.keys_in.queue

    @property
    def session_id(self) -> bytes | None:
        """Of the open session, where no roll is about to end it."""
        is_there = self.session.state is State.OPEN and not self.roll_asked
        return self.session.session_id if is_there else None

    def must_end(self, slot: int) -> bool:
        """Whether the epoch of a link has a reason to end, were it open, but for keys that have come."""
        link = self.links[slot]
        return link.lost or link.closed or link.exhausted or self.session.state is not State.OPEN

    @property
    def known(self) -> Log:
        """The log of the open session."""
        assert self.log is not None
        return self.log

    def credit(self, slot: int) -> Credit:
        """Credit of the channel, both ways."""
        return self.ingress[slot].credit

    @property
    def unmerged(self) -> External | None:
        """The oldest message of the host whose digest or mark the log has not taken."""
        return next((external for external in self.external if not external.is_logged), None)

    def never_leaves(self, outgoing: Outgoing) -> bool:
        """Whether a PEER message can never leave, as far as its sample and its credit tell."""
        message, count = outgoing.message, outgoing.count
        is_too_long = self.credit(message.peer).is_never_enough(message.size)
        return is_too_long or (count is not None and count.total + message.bound >= MAX_FLOPS)

    def may_start(self, outgoing: Outgoing) -> bool:
        """Whether a sampled message may be scanned for, as far as its destination goes."""
        message = outgoing.message
        if message.kind is Kind.EXPORT:
            return True
        is_open, credit = self.links[message.peer].open, self.credit(message.peer)
        return is_open and credit.is_enough(message.size) and not self.never_leaves(outgoing)

    def must_drop(self, outgoing: Outgoing) -> bool:
        """Whether a message is for an open epoch, and never leaves."""
        message = outgoing.message
        return message.kind is Kind.PEER and self.links[message.peer].open and self.never_leaves(outgoing)

    def is_inside_record(self, slot: int) -> bool:
        """Whether a record for the slot has begun, and waits for entries of the log."""
        sending = self.egress.sending
        return isinstance(sending, Sending) and sending.message.peer == slot and sending.is_inside_record

    def fault(self, slot: int) -> Exception | None:
        """Why the channel must close, if it must."""
        return self.ingress[slot].fault or self.links[slot].fault()

    def judge(self, data: bytes, kinds: frozenset[Kind]) -> Message | None:
        """The message in ``data``, or nothing if it is to be refused."""
        try:
            return Message.decode(
                data, kinds=kinds, links=self.parameters.links, message_bytes=self.parameters.message_bytes
            )
        except MessageError:
            return None

    def judge_sent(self, sent: SentMessage) -> Message | None:
        """The same of a message of the accelerator."""
        message, fault = self.judge(sent.data, TX_KINDS), sent.fault_at
        if message is None or fault is None:
            return message
        # A fault after what a STREAM is judged by breaks it.
        payload_at = fault - message.header_size
        return replace(message, fault_at=payload_at) if message.is_stream and payload_at >= 0 else None

    def outstanding(self) -> list[str]:
        """What has to happen still before a run may end."""
        return outstanding(self)
