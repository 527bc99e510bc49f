"""What a bench sees of the wires between an accelerator and its Interlock (simulation only)."""

from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from interlock_hdl.beat import Beat
from interlock_hdl.events import OpEvent


class BeatMonitor(wiring.Signature):
    """A beat stream, looked at: ``fire`` in every cycle in which ``payload`` is transferred."""

    def __init__(self, beat_bytes: int) -> None:
        super().__init__({"payload": Out(Beat(beat_bytes)), "fire": Out(1)})


class MonitorSignature(wiring.Signature):
    """The accelerator's side of a node.

    Members
    -------
    tx, rx : BeatMonitor
    events : OpEvent array of ``issue_ports``
    counting : 1
        OPAQUE ports are counted in this cycle.
    clear : 1
        The accelerator is being cleared: what it does in this cycle belongs to no session, and is not shown.
    """

    def __init__(self, beat_bytes: int, issue_ports: int) -> None:
        super().__init__(
            {
                "tx": Out(BeatMonitor(beat_bytes)),
                "rx": Out(BeatMonitor(beat_bytes)),
                "events": Out(OpEvent).array(issue_ports),
                "counting": Out(1),
                "clear": Out(1),
            }
        )
