"""What has to happen in a node before its run may end (docs/specification.md, *Schedule*)."""

from typing import TYPE_CHECKING

from interlock.model.session import State

if TYPE_CHECKING:
    from interlock.model.node import GoldenNode


def outstanding(node: "GoldenNode") -> list[str]:
    """What has to happen still before a run may end."""
    left = [
        f"{what} of link {slot}"
        for slot, link in enumerate(node.links)
        for what, is_left in (
            ("the next level", link.level_is_next),
            ("reopening", node.reopen_asked[slot]),
            (
                "the end of the epoch",
                link.open and (node.must_end(slot) or slot == node.next_keys_slot),
            ),
        )
        if is_left
    ]
    left += ["a new session"] if node.roll_due else []
    left += ["taking keys"] if node.next_keys_slot is not None and node.session.state is State.OPEN else []
    return left + (_in_session(node) if node.session.state is State.OPEN else [])


def _in_session(node: "GoldenNode") -> list[str]:
    waiting = node.egress.accepted[0] if node.egress.accepted else None
    may_leave = waiting is not None and (node.may_start(waiting) or node.must_drop(waiting))
    left = [
        f"{what} of link {slot}"
        for slot, (link, ingress) in enumerate(zip(node.links, node.ingress, strict=True))
        if link.open
        for what, is_left in (
            ("closing", node.fault(slot) is not None),
            ("reading a record", node.fault(slot) is None and link.record_is_whole),
            ("merging a prefix", bool(ingress.to_merge)),
            ("releasing a message", bool(ingress.complete)),
            ("granting credit", ingress.credit.is_owed),
            ("asking for a FULL prefix", node.full_owed[slot]),
        )
        if is_left
    ]
    return left + [
        what
        for what, is_left in (
            (f"the alarm {node.alarms!r}", bool(node.alarms)),
            ("sending a message", may_leave or node.egress.scan is not None),
            ("sending the rest of a message", node.egress.sending is not None),
            ("taking a message of the accelerator", waiting is None and bool(node.sent)),
            ("taking a message of the host", bool(node.host_in.queue) and node.host_in.queue[0].complete),
            ("releasing a message of the host", bool(node.external)),
        )
        if is_left
    ]
