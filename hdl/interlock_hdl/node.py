"""A node as the engines run it: the reference accelerator behind its Interlock."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.accelerator import Accelerator
from interlock_hdl.beat import beat_stream
from interlock_hdl.config import InterlockConfig
from interlock_hdl.interlock import Interlock
from interlock_hdl.link_keys import WORD_BYTES
from interlock_hdl.monitor import MonitorSignature
from interlock_hdl.ports import LinkPort
from interlock_hdl.session import Alarm
from interlock_hdl.trace import TraceSignature


class Node(wiring.Component):
    """Joins an :class:`Accelerator` and an :class:`Interlock`, and shows the wires between them to a bench.

    The outer ports are the Interlock's; ``monitor`` shows the accelerator's side, ``trace`` the schedule.

    Parameters
    ----------
    config : InterlockConfig
    accelerator : Accelerator
        Its issue ports and beats must be those of ``config``.
    """

    def __init__(self, *, config: InterlockConfig, accelerator: Accelerator) -> None:
        self.config = config
        self.accelerator = accelerator
        self.interlock = Interlock(config=config)
        self.counter_latency = self.interlock.counter_latency
        beat_bytes, links = config.beat_bytes, config.links
        super().__init__(
            {
                "host_in": In(beat_stream(beat_bytes)),
                "host_out": Out(beat_stream(beat_bytes)),
                "links": Out(LinkPort(beat_bytes)).array(links),
                "keys": In(beat_stream(WORD_BYTES)),
                "keys_wanted": Out(links),
                "random": In(stream.Signature(32)),
                "maker": In(32),
                "serial": In(32),
                "roll": In(1),
                "reopen": In(links),
                "request_full": In(links),
                "session_id": Out(128),
                "is_open": Out(1),
                "alarm": Out(len(Alarm)),
                "link_open": Out(links),
                "trace": Out(TraceSignature(links)),
                "monitor": Out(MonitorSignature(beat_bytes, len(config.issue_ports))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.accelerator = accelerator = self.accelerator
        m.submodules.interlock = interlock = self.interlock

        for name in self.signature.members:
            if name == "monitor":
                continue
            inner, outer = getattr(interlock, name), getattr(self, name)
            if name in ("host_in", "host_out", "keys", "random", "trace"):
                wiring.connect(m, inner, wiring.flipped(outer))
            elif name == "links":
                for inner_link, outer_link in zip(inner, outer, strict=True):
                    wiring.connect(m, inner_link, wiring.flipped(outer_link))
            elif self.signature.members[name].flow is In:
                m.d.comb += inner.eq(outer)
            else:
                m.d.comb += outer.eq(inner)

        wiring.connect(m, accelerator.tx, interlock.tx)
        wiring.connect(m, interlock.rx, accelerator.rx)
        m.d.comb += [
            accelerator.clear_request.eq(interlock.clear_request),
            interlock.clear_done.eq(accelerator.clear_done),
        ]
        for i, event in enumerate(accelerator.events):
            m.d.comb += [interlock.events[i].eq(event), self.monitor.events[i].eq(event)]
        for name in ("tx", "rx"):
            wire = getattr(interlock, name)
            shown = getattr(self.monitor, name)
            m.d.comb += [shown.payload.eq(wire.payload), shown.fire.eq(wire.valid & wire.ready)]
        m.d.comb += [
            self.monitor.counting.eq(interlock.counting),
            self.monitor.clear.eq(interlock.clear_request),
        ]
        return m
