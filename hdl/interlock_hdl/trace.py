"""The schedule port: what the gateware's timing decided, for lockstep (simulation only; feeds nothing back).

``docs/specification.md``, section *Schedule*, says what each event means.  Every event is a strobe named as
there; its arguments are members named ``<event>_<argument>``.  Events of the same cycle are taken in the
order of ``EVENTS``.
"""

from amaranth.lib import wiring
from amaranth.lib.wiring import Out

EVENTS: dict[str, dict[str, int]] = {
    # event: {argument: width}
    "key": {},
    "up": {"slots": 0},  # 0: as wide as the build has links, one strobe a slot
    "open": {"slots": 0},
    "draw": {},
    "opened": {},
    "tx_accept": {},
    "tx_refuse": {},
    "host_accept": {},
    "host_refuse": {},
    "drop": {"slot": 8},
    "take": {"slot": 8},
    "release": {"slot": 8},
    "sample": {},
    "scan": {"slot": 8},
    "ticks": {"value": 64},
    "cut": {"length": 16, "last": 1},
    "read": {"external": 1, "index": 16},
    "record": {"slot": 8, "type": 8, "length": 16},
    "abort": {"slot": 8},
    "grant": {"slot": 8, "bytes": 64},
    "full_request": {"slot": 8},
    "merge": {"slot": 8},
    "close": {"slots": 0},
    "end": {"slots": 0},
    "alarm": {"bits": 9},
    "roll": {},
}
"""Every event that the gateware emits, in the order in which events of one cycle take effect.

What ends something (``close`` … ``roll``) comes late: in the first cycle of the new state the old one still
acts.  ``level`` and ``reopen`` are emitted by the bench, after all of these, for nothing sees them before the
next cycle; ``roll`` gets its argument (beats that host in has taken of no message accepted or refused) and
``sample`` its positions from the bench's monitors.
"""


class TraceSignature(wiring.Signature):
    """Strobes and arguments of every event.  One with argument ``slots`` is one bit vector, no strobe."""

    def __init__(self, links: int) -> None:
        members = {}
        for event, arguments in EVENTS.items():
            if arguments == {"slots": 0}:
                members[event] = Out(links)
                continue
            members[event] = Out(1)
            members |= {f"{event}_{name}": Out(width) for name, width in arguments.items()}
        super().__init__(members)
