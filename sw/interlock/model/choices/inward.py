"""Choices on the way in: from the host's messages and the peers' records to what the accelerator gets."""

from typing import TYPE_CHECKING

from interlock.model.log import Answer, ProvenanceFlag
from interlock.model.messages import HOST_KINDS
from interlock.model.records import RecordError
from interlock.model.schedule import Rule
from interlock.model.session import Alarm

if TYPE_CHECKING:
    from interlock.model.node import GoldenNode

ANNOUNCING = 2
"""Cycles that may pass until merges know of the count that a scan announces."""


def host_accept(node: "GoldenNode") -> None:
    _take_external(node, accept=True)


def host_refuse(node: "GoldenNode") -> None:
    _take_external(node, accept=False)


def _take_external(node: "GoldenNode", *, accept: bool) -> None:
    queue = node.host_in.queue
    if not queue or not queue[0].complete:
        raise node.illegal(Rule.HOST_SENT)
    message = None if queue[0].fault else node.judge(bytes(queue[0].data), HOST_KINDS)
    if (message is not None) != accept:
        raise node.illegal(Rule.HOST_JUDGED)
    queue.popleft()
    if message is not None:
        node.external.append(message)


def take(node: "GoldenNode", slot: int) -> None:
    link, ingress = node.links[slot], node.ingress[slot]
    if not link.open or link.closed:
        raise node.illegal(Rule.TAKE_OPEN)
    if ingress.fault is not None:
        raise node.illegal(Rule.TAKE_FAULT, str(ingress.fault))
    if ingress.to_merge:
        raise node.illegal(Rule.TAKE_MERGES)
    if not link.record_is_whole:
        raise node.illegal(Rule.TAKE_WHOLE)
    try:
        record = link.read()
    except RecordError as error:
        raise node.illegal(Rule.TAKE_FAULT, str(error)) from error
    ingress.take(record, node.known.own.session_id)


def merge(node: "GoldenNode", slot: int) -> None:
    if slot == node.parameters.links:
        if node.marked == len(node.external):
            raise node.illegal(Rule.MERGE_ENTRY)
        node.marked += 1
        node.known.mark(ProvenanceFlag.UNLOGGED)
        return
    ingress = node.ingress[slot]
    if not ingress.to_merge:
        raise node.illegal(Rule.MERGE_ENTRY)
    entry = ingress.to_merge[0]
    answer = ingress.merge(node.known)
    before, announced_at = node.announced_before
    if answer is Answer.OWN_AHEAD:
        node.alarms |= Alarm.OWN_AHEAD
    elif answer is Answer.OWN and entry.flops > before and node.cycle - announced_at <= ANNOUNCING:
        node.possible_alarms |= Alarm.OWN_AHEAD


def release(node: "GoldenNode", slot: int) -> None:
    from_host = slot == node.parameters.links
    waiting = node.external if from_host else node.ingress[slot].complete
    if not waiting:
        raise node.illegal(Rule.RELEASE_COMPLETE)
    if from_host:
        if not node.marked:
            raise node.illegal(Rule.RELEASE_MARKED)
        node.marked -= 1
    data = waiting.popleft().encode()
    node.rx.put(data, first=True, last=True)
    node.accelerator.receive(data)
