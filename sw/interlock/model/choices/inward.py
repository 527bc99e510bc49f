"""Choices on the way in: from the host's messages and the peers' records to what the accelerator gets."""

from typing import TYPE_CHECKING

from interlock.model.credit import cost
from interlock.model.external import External
from interlock.model.log import Answer, Entry
from interlock.model.messages import HOST_KINDS
from interlock.model.records import RecordError
from interlock.model.schedule import Rule
from interlock.model.session import Alarm

if TYPE_CHECKING:
    from interlock.model.node import GoldenNode

ANNOUNCING = 16
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
        has_digest_core = node.parameters.digest_lanes > 0
        node.external.append(External.of(message, has_digest_core=has_digest_core))


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
    ingress.take(record, node.known)


def merge(node: "GoldenNode", slot: int) -> None:
    if slot == node.parameters.links:
        _merge_external(node)
        return
    ingress = node.ingress[slot]
    if not ingress.to_merge:
        raise node.illegal(Rule.MERGE_ENTRY)
    entry = ingress.to_merge[0]
    answer = ingress.merge(node.known)
    if answer is Answer.OWN_AHEAD:
        node.alarms |= Alarm.OWN_AHEAD
    elif answer is Answer.OWN and isinstance(entry, Entry) and entry.flops > _announced_for_long(node):
        node.possible_alarms |= Alarm.OWN_AHEAD


def _announced_for_long(node: "GoldenNode") -> int:
    """The most that merges must know to have been announced of the node's own count."""
    recent = node.announcements
    while recent and node.cycle - recent[0][0] > ANNOUNCING:
        recent.popleft()
    return recent[0][1] if recent else node.known.announced


def _merge_external(node: "GoldenNode") -> None:
    external = node.unmerged
    if external is None:
        raise node.illegal(Rule.MERGE_ENTRY)
    if external.merge(node.known) is Answer.FULL:
        node.external.remove(external)


def release(node: "GoldenNode", slot: int) -> None:
    from_host = slot == node.parameters.links
    waiting = node.external if from_host else node.ingress[slot].complete
    if not waiting:
        raise node.illegal(Rule.RELEASE_COMPLETE)
    if from_host and not node.external[0].is_logged:
        raise node.illegal(Rule.RELEASE_MARKED)
    if node.egress.is_window_open:
        raise node.illegal(Rule.RELEASE_WINDOW)
    if from_host:
        message = node.external.popleft().message
    else:
        message = node.ingress[slot].complete.popleft()
        node.credit(slot).released += cost(len(message.payload))
    data = message.encode()
    node.rx.put(data, first=True, last=True)
    node.accelerator.receive(data)
