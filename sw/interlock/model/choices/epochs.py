"""Choices that open, close and end the epochs of a link."""

from typing import TYPE_CHECKING

from interlock.model.egress import Sending
from interlock.model.keys import LinkKeys
from interlock.model.schedule import Rule

if TYPE_CHECKING:
    from interlock.model.node import GoldenNode


def key(node: "GoldenNode") -> None:
    slot = node.next_keys_slot
    if slot is None:
        raise node.illegal(Rule.KEY_SENT)
    if slot < len(node.links) and node.links[slot].open:
        raise node.illegal(Rule.KEY_OPEN)
    frame = node.keys_in.queue.popleft()
    if slot < len(node.links):
        node.links[slot].take_keys(None if frame.fault else LinkKeys.decode(bytes(frame.data)))


def level(node: "GoldenNode", slot: int) -> None:
    if not node.links[slot].level_is_next:
        raise node.illegal(Rule.LEVEL_SENT)
    node.links[slot].apply_level()


def up(node: "GoldenNode", slot: int) -> None:
    link = node.links[slot]
    if link.up:
        raise node.illegal(Rule.UP_DOWN)
    if link.closed:
        raise node.illegal(Rule.UP_CLOSED)
    if link.peer.heard:
        raise node.illegal(Rule.UP_HEARD)
    if link.lacks_keys:
        raise node.illegal(Rule.UP_KEYED)
    link.raise_up()


def open_(node: "GoldenNode", slot: int) -> None:
    link = node.links[slot]
    if not link.can_open:
        raise node.illegal(Rule.OPEN_LEVELS)
    link.open_epoch()
    node.ingress[slot].begin_epoch(link.keys.peer if link.keys else None)
    node.known.require_full(slot)


def close(node: "GoldenNode", slot: int) -> None:
    link = node.links[slot]
    if not link.open or link.closed:
        raise node.illegal(Rule.CLOSE_OPEN)
    if node.fault(slot) is None:
        raise node.illegal(Rule.CLOSE_FAULT)
    link.closed = True
    link.closed_at = node.cycle


def end(node: "GoldenNode", slot: int) -> None:
    link = node.links[slot]
    if not link.open:
        raise node.illegal(Rule.END_OPEN)
    if not node.must_end(slot) and slot != node.next_keys_slot:
        raise node.illegal(Rule.END_REASON)
    link.end_epoch()
    node.ingress[slot].end_epoch()
    node.credit(slot).end_epoch()
    node.full_asked[slot] = node.full_owed[slot] = False
    sending = node.egress.sending
    if isinstance(sending, Sending) and sending.message.peer == slot:
        node.egress.sending = None  # the rest of it will never leave
