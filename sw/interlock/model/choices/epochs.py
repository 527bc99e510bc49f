"""Choices that open, close and end the epochs of a link."""

from typing import TYPE_CHECKING

from interlock.model.egress import Sending
from interlock.model.schedule import Rule
from interlock.model.session import State

if TYPE_CHECKING:
    from interlock.model.node import GoldenNode


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
    link.raise_up()


def open_(node: "GoldenNode", slot: int) -> None:
    link = node.links[slot]
    if not link.can_open:
        raise node.illegal(Rule.OPEN_LEVELS)
    link.open_epoch()
    node.ingress[slot].begin_epoch()
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
    if not (link.lost or link.closed or node.session.state is not State.OPEN):
        raise node.illegal(Rule.END_REASON)
    link.end_epoch()
    node.ingress[slot].end_epoch()
    node.credit(slot).end_epoch()
    node.full_asked[slot] = node.full_owed[slot] = False
    sending = node.egress.sending
    if isinstance(sending, Sending) and sending.message.peer == slot:
        node.egress.sending = None  # the rest of it will never leave
