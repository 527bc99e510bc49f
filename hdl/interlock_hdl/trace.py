"""The schedule port: what the gateware's timing decided, for lockstep (simulation only; feeds nothing back).

``docs/specification.md``, section *Schedule*, says what each event means.  Every event is a strobe named as there; its
arguments are members named ``<event>_<argument>``.  Events of the same cycle are taken in the order of ``EVENTS``.
"""

from amaranth.lib import wiring
from amaranth.lib.wiring import Out

EVENTS: dict[str, dict[str, int]] = {
    # event: {argument: width}
    "roll": {},
    "alarm": {"bits": 9},
    "end": {"slots": 0},  # 0: as wide as the build has links, one strobe a slot
    "close": {"slots": 0},
    "up": {"slots": 0},
    "open": {"slots": 0},
    "draw": {},
    "opened": {},
    "tx_accept": {},
    "tx_refuse": {},
    "host_accept": {},
    "host_refuse": {},
    "take": {"slot": 8},
    "sample": {},
    "scan": {"slot": 8},
    "ticks": {"value": 64},
    "read": {"index": 16},
    "record": {"slot": 8, "type": 8, "length": 16},
    "merge": {"slot": 8},
    "release": {"slot": 8},
}
"""Every event that the gateware emits, in the order in which events of one cycle take effect.

``level`` is emitted by the bench, before all of these; ``roll`` gets its argument (bytes taken of an unfinished host
message) and ``sample`` its positions from the bench's monitors.
"""


class TraceSignature(wiring.Signature):
    """Strobes and arguments of every event.  Events with an argument ``slots`` are one bit vector, no strobe."""

    def __init__(self, links: int) -> None:
        members = {}
        for event, arguments in EVENTS.items():
            if arguments == {"slots": 0}:
                members[event] = Out(links)
                continue
            members[event] = Out(1)
            members |= {f"{event}_{name}": Out(width) for name, width in arguments.items()}
        super().__init__(members)
