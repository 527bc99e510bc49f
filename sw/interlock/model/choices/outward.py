"""Choices on the way out: from the accelerator's messages to records and exports."""

from typing import TYPE_CHECKING

from interlock.model.egress import Exporting, Outgoing, Scan, Sending
from interlock.model.messages import TX_KINDS, Kind
from interlock.model.parameters import Mode
from interlock.model.records import RecordType
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
    message = node.judge(sent.data, TX_KINDS)
    if (message is not None) != accept:
        raise node.illegal(Rule.TX_JUDGED)
    node.sent.popleft()
    if message is not None:
        node.egress.accepted.append(Outgoing(message, sent.events_before))


def sample(node: "GoldenNode", *positions: int) -> None:
    outgoing = node.egress.unsampled
    if outgoing is None:
        raise node.illegal(Rule.SAMPLE_MESSAGE)
    lead = list(node.opaque_lead)
    for port, position in enumerate(positions):
        if node.parameters.issue_ports[port].mode is Mode.OPAQUE:
            ahead = position - node.cycle
            if position <= 0 or lead[port] not in (None, ahead):
                raise node.illegal(Rule.SAMPLE_CYCLES, f"port {port}")
            lead[port] = ahead
            continue
        if position < outgoing.events_before[port]:
            raise node.illegal(Rule.SAMPLE_COVERS, f"port {port} made {outgoing.events_before[port]} before")
        if position < node.counter.sampled[port]:
            raise node.illegal(Rule.SAMPLE_FALLS, f"port {port} was at {node.counter.sampled[port]}")
        while position > node.counter.made[port] and node.compute():
            pass
        if position > node.counter.made[port]:
            raise node.illegal(Rule.SAMPLE_MADE, f"port {port} can have made {node.counter.made[port]}")
    node.opaque_lead = lead
    outgoing.count = node.counter.sample(positions)


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
    egress.accepted.popleft()
    node.announced_before = node.known.own.flops, node.cycle
    node.known.announce(count.total)
    egress.scan = Scan(len(node.known.entries))
    if is_export:
        egress.sending = Exporting(message, egress.scan, count=count, number=egress.exports, to=node.host)
        egress.exports += 1
    else:
        egress.sending = Sending(message, egress.scan, link=node.links[slot])


def ticks(node: "GoldenNode", value: int) -> None:
    sending = node.egress.sending
    if not isinstance(sending, Exporting) or sending.ticks is not None:
        raise node.illegal(Rule.TICKS_EXPORT)
    if value != node.cycle - node.session.opened_at:
        raise node.illegal(Rule.TICKS_VALUE)
    sending.ticks = value


def read(node: "GoldenNode", index: int) -> None:
    egress = node.egress
    if egress.scan is None:
        raise node.illegal(Rule.READ_SCAN)
    if index != len(egress.scan.entries):
        raise node.illegal(Rule.READ_ORDER)
    if isinstance(egress.sending, Exporting) and egress.sending.ticks is None:
        raise node.illegal(Rule.TICKS_EXPORT)
    egress.read(node.known.entries[index])


def record(node: "GoldenNode", slot: int, type: int, length: int) -> None:
    sending = node.egress.sending
    if not isinstance(sending, Sending) or sending.message.peer != slot:
        raise node.illegal(Rule.RECORD_MESSAGE)
    if type != RecordType.PREFIX and not sending.scan.is_complete:
        raise node.illegal(Rule.RECORD_READS)
    if (type, length) != sending.next_record:
        raise node.illegal(Rule.RECORD_CUT, f"next is {sending.next_record}")
    node.egress.begin_record(sending)
