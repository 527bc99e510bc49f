"""What each event of the schedule requires, and what it does (docs/specification.md, *Schedule*).

A choice is a function of the node and the event's arguments.  If the event may not happen now it raises what
:meth:`GoldenNode.illegal` makes, before it changes anything.
"""

from collections.abc import Callable

from interlock.model.choices import epochs, inward, outward, session

CHOICES: dict[str, Callable[..., None]] = {
    choice.__name__.rstrip("_"): choice
    for choice in (
        session.reopen,
        session.roll,
        session.alarm,
        session.draw,
        session.opened,
        epochs.key,
        epochs.level,
        epochs.up,
        epochs.open_,
        epochs.close,
        epochs.end,
        outward.tx_accept,
        outward.tx_refuse,
        outward.drop,
        outward.sample,
        outward.scan,
        outward.ticks,
        outward.cut,
        outward.read,
        outward.record,
        outward.abort,
        outward.grant,
        outward.full_request,
        inward.host_accept,
        inward.host_refuse,
        inward.take,
        inward.merge,
        inward.release,
    )
}
"""Every event by its name."""
