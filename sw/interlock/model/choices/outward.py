"""Choices on the way out: from the accelerator's messages to records and exports."""

from typing import TYPE_CHECKING

from interlock.model.credit import cost
from interlock.model.egress import Cut, Exporting, Outgoing, Sending
from interlock.model.messages import Kind
from interlock.model.parameters import Mode
from interlock.model.records import RecordType, encode_credit
from interlock.model.schedule import Rule

if TYPE_CHECKING:
    from interlock.model.node import GoldenNode


def tx_accept(node: "GoldenNode") -> None:
    _take_sent(node, accept=True)


def tx_refuse(node: "GoldenNode") -> None:
    _take_sent(node, accept=False)


def _take_sent(node: "GoldenNode", *, accept: bool) -> None:
    while not node.sent and node.compute():
        pass
    if not node.sent:
        raise node.illegal(Rule.TX_SENT)
    sent = node.sent[0]
    message = node.judge_sent(sent)
    if (message is not None) != accept:
        raise node.illegal(Rule.TX_JUDGED)
    node.sent.popleft()
    if message is not None:
        node.egress.accepted.append(Outgoing(message, sent))


def drop(node: "GoldenNode", slot: int) -> None:
    oldest = node.egress.accepted[0] if node.egress.accepted else None
    if oldest is None or oldest.message.kind is not Kind.PEER or oldest.message.peer != slot:
        raise node.illegal(Rule.DROP_MESSAGE)
    if not node.links[slot].open:
        raise node.illegal(Rule.DROP_OPEN)
    if not node.never_leaves(oldest):
        raise node.illegal(Rule.DROP_NEVER)
    node.egress.accepted.popleft()


def sample(node: "GoldenNode", *positions: int) -> None:
    unsampled = node.egress.unsampled
    if unsampled is None:
        raise node.illegal(Rule.SAMPLE_MESSAGE)
    before = node.egress.events_to_cover
    lead = list(node.opaque_lead)
    for port, position in enumerate(positions):
        if node.parameters.issue_ports[port].mode is Mode.OPAQUE:
            ahead = position - node.cycle
            if position <= 0 or lead[port] not in (None, ahead):
                raise node.illegal(Rule.SAMPLE_CYCLES, f"port {port}")
            lead[port] = ahead
            continue
        if position < before[port]:
            raise node.illegal(Rule.SAMPLE_COVERS, f"port {port} made {before[port]} before")
        if position < node.counter.sampled[port]:
            raise node.illegal(Rule.SAMPLE_FALLS, f"port {port} was at {node.counter.sampled[port]}")
        while position > node.counter.made[port] and node.compute():
            pass
        if position > node.counter.made[port]:
            raise node.illegal(Rule.SAMPLE_MADE, f"port {port} can have made {node.counter.made[port]}")
    node.opaque_lead = lead
    unsampled.count = node.counter.sample(positions)


def scan(node: "GoldenNode", slot: int) -> None:
    egress = node.egress
    if egress.scan is not None or egress.sending is not None:
        raise node.illegal(Rule.SCAN_ALONE)
    oldest = egress.accepted[0] if egress.accepted else None
    if oldest is None or oldest.count is None:
        raise node.illegal(Rule.SCAN_SAMPLED)
    message, count = oldest.message, oldest.count
    is_export = message.kind is Kind.EXPORT
    if slot != (node.parameters.links if is_export else message.peer):
        raise node.illegal(Rule.SCAN_DESTINATION)
    if not is_export and not node.links[slot].open:
        raise node.illegal(Rule.SCAN_OPEN)
    if not is_export and node.never_leaves(oldest):
        raise node.illegal(Rule.SCAN_NEVER)
    if not is_export and not node.credit(slot).is_enough(message.size):
        raise node.illegal(Rule.SCAN_CREDIT)
    egress.accepted.popleft()
    node.announcements.append((node.cycle, node.known.announced))
    node.known.announce(count.total, message.bound)
    egress.scan = node.known.begin_scan(None if is_export else slot, bound=message.bound)
    if is_export:
        egress.sending = Exporting(message, egress.scan, count=count, number=egress.exports, to=node.host)
        egress.exports += 1
    else:
        egress.sending = Sending(oldest, egress.scan, link=node.links[slot])


def ticks(node: "GoldenNode", value: int) -> None:
    sending = node.egress.sending
    if not isinstance(sending, Exporting) or sending.ticks is not None:
        raise node.illegal(Rule.TICKS_EXPORT)
    if value != node.cycle - node.session.opened_at:
        raise node.illegal(Rule.TICKS_VALUE)
    sending.ticks = value


def cut(node: "GoldenNode", length: int, last: int) -> None:
    stream = node.egress.stream
    if stream is None:
        raise node.illegal(Rule.CUT_STREAM)
    if stream.cut is not None:
        raise node.illegal(Rule.CUT_ALONE)
    is_last = stream.is_last_cut(length)
    if not 1 <= length <= stream.largest_cut or bool(last) != is_last or (length % 16 and not is_last):
        raise node.illegal(Rule.CUT_LENGTH)
    stream.cut = Cut(length, is_last)


def read(node: "GoldenNode", external: int, index: int) -> None:
    egress = node.egress
    if egress.scan is None:
        raise node.illegal(Rule.READ_SCAN)
    if (external, index) != egress.scan.next_item:
        raise node.illegal(Rule.READ_ORDER)
    if isinstance(egress.sending, Exporting) and egress.sending.ticks is None:
        raise node.illegal(Rule.TICKS_EXPORT)
    egress.read(node.known)


def record(node: "GoldenNode", slot: int, type: int, length: int) -> None:
    sending = node.egress.sending
    if not isinstance(sending, Sending) or sending.message.peer != slot:
        raise node.illegal(Rule.RECORD_MESSAGE)
    if sending.is_inside_record or (type != RecordType.PREFIX and not sending.scan.is_complete):
        raise node.illegal(Rule.RECORD_READS)
    if (type, length) != sending.next_record:
        raise node.illegal(Rule.RECORD_CUT, f"next is {sending.next_record}")
    if type == RecordType.PAYLOAD and not sending.is_cut_covered:
        raise node.illegal(Rule.RECORD_SAMPLED)
    node.egress.begin_record(sending)
    if sending.has_ended:
        node.credit(slot).spent += cost(len(sending.message.payload))


def abort(node: "GoldenNode", slot: int) -> None:
    stream = node.egress.stream
    if stream is None or stream.message.peer != slot or not stream.may_abort:
        raise node.illegal(Rule.ABORT_STREAM)
    if not stream.is_prefix_sent:
        raise node.illegal(Rule.ABORT_PREFIX)
    if stream.is_inside_record:
        raise node.illegal(Rule.RECORD_READS)
    _send_control(node, slot, RecordType.ABORT)
    node.egress.sending = None
    node.known.require_full(slot)


def grant(node: "GoldenNode", slot: int, granted: int) -> None:
    credit = node.credit(slot)
    if not node.links[slot].open:
        raise node.illegal(Rule.GRANT_OPEN)
    if node.is_inside_record(slot):
        raise node.illegal(Rule.RECORD_READS)
    if credit.granted is None and granted != credit.staging_bytes:
        raise node.illegal(Rule.GRANT_FIRST)
    if credit.granted is not None and granted < credit.granted:
        raise node.illegal(Rule.GRANT_FALLS)
    if granted > credit.grantable:
        raise node.illegal(Rule.GRANT_STAGING)
    _send_control(node, slot, RecordType.CREDIT, encode_credit(granted))
    credit.granted = granted


def full_request(node: "GoldenNode", slot: int) -> None:
    if not (node.full_asked[slot] and node.links[slot].open):
        raise node.illegal(Rule.FULL_REQUEST_ASKED)
    if node.is_inside_record(slot):
        raise node.illegal(Rule.RECORD_READS)
    _send_control(node, slot, RecordType.FULL_REQUEST)
    node.full_asked[slot] = node.full_owed[slot] = False


def _send_control(node: "GoldenNode", slot: int, type: RecordType, body: bytes = b"") -> None:
    """A record that is not of a message leaves."""
    node.links[slot].send(type, body)
