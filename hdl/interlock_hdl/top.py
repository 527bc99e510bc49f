"""The Interlock with the ports that integrators know: AXI4-Stream, AXI4-Lite, and limited status."""

from amaranth.hdl import Cat, Module, ResetInserter
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.axi.link import AxisLink
from interlock_hdl.axi.signatures import AxiLite, AxiStream
from interlock_hdl.axi.stream import AxisInput, AxisOutput
from interlock_hdl.config import InterlockConfig
from interlock_hdl.events import OpEvent
from interlock_hdl.interlock import Interlock
from interlock_hdl.link_keys import WORD_BYTES
from interlock_hdl.ports import LinkLevels
from interlock_hdl.registers.block import RegisterBlock
from interlock_hdl.registers.map import read
from interlock_hdl.session import Alarm
from interlock_hdl.status import STATUS_PERIOD_LOG2, StatusLimiter


class InterlockTop(wiring.Component):
    """An :class:`Interlock` behind AXI ports, for designs that are not written in Amaranth.

    An AXI4-Stream carries messages (on links: records), with ``tlast`` on the last transfer of each.  What it
    does not have, ``first``, is made from ``tlast`` (:class:`AxisInput`).  What it forbids, to withdraw an
    offer, happens only where the reset of the same port is an output, and low (:class:`AxisOutput`).
    docs/integration.md tells how to connect it.

    No combinational path leads from an input to an output.

    **Latency**: one cycle more than the Interlock on every stream out, none on streams in.

    Parameters
    ----------
    config : InterlockConfig
    status_period_log2 : int
        Status changes at most once every so many cycles, as a power of two.

    Members
    -------
    s_axis_tx, m_axis_rx : In, Out (AxiStream)
        The accelerator's messages.
    m_axis_rx_aresetn : Out(1)
        Low while the accelerator is being cleared: resets its side of ``s_axis_tx`` and ``m_axis_rx``.
    event0 … : In(OpEvent's fields)
        One for each issue port.
    clear_request, clear_done : Out(1), In(1)
        See docs/specification.md, *Session*.
    s_axis_host, m_axis_host : In, Out (AxiStream)
    m_axis_link0_tx, s_axis_link0_rx … : Out, In (AxiStream)
    link0_tx, link0_rx … : Out, In (LinkLevels)
        The levels beside them.
    s_axis_keys : In(AxiStream of 4 bytes)
        Sealed builds only: keys of the links, from whoever shook hands with the other end, over wires that
        nobody else sees (docs/specification.md, *Keys*).
    keys_wanted, session_id : Out(links), Out(128)
        Sealed builds only: links that wait for keys, and whom the other end must be told of.
    s_axis_random : In(AxiStream, unframed)
        Entropy for the session id.
    maker, serial : In(32)
        Who this device is; constant.
    s_axil : In(AxiLite)
        The registers (docs/registers.md).
    status_open, status_clearing, status_alarm : Out(1)
    status_links : Out(links)
        What STATUS and LINKS show, when they show it.
    """

    def __init__(self, *, config: InterlockConfig, status_period_log2: int = STATUS_PERIOD_LOG2) -> None:
        self.config = config
        self.status_period_log2 = status_period_log2
        self.interlock = Interlock(config=config)
        self.registers = RegisterBlock(map=read())
        stream = AxiStream(config.beat_bytes)
        members = {"s_axis_tx": In(stream), "m_axis_rx": Out(stream), "m_axis_rx_aresetn": Out(1)}
        for i in range(len(config.issue_ports)):
            members[f"event{i}"] = In(wiring.Signature({name: Out(field.width) for name, field in OpEvent}))
        members |= {
            "clear_request": Out(1),
            "clear_done": In(1),
            "s_axis_host": In(stream),
            "m_axis_host": Out(stream),
        }
        for i in range(config.links):
            members |= {
                f"m_axis_link{i}_tx": Out(stream),
                f"link{i}_tx": Out(LinkLevels()),
                f"s_axis_link{i}_rx": In(stream),
                f"link{i}_rx": In(LinkLevels()),
            }
        if config.is_sealed:
            members |= {
                "s_axis_keys": In(AxiStream(WORD_BYTES)),
                "keys_wanted": Out(config.links),
                "session_id": Out(128),
            }
        super().__init__(
            members
            | {
                "s_axis_random": In(AxiStream(4, framed=False)),
                "maker": In(32),
                "serial": In(32),
                "s_axil": In(AxiLite(self.registers.map.address_width)),
                "status_open": Out(1),
                "status_clearing": Out(1),
                "status_alarm": Out(1),
                "status_links": Out(config.links),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.interlock = interlock = self.interlock
        self._accelerator(m, interlock)
        self._host(m, interlock)
        for i in range(self.config.links):
            m.submodules[f"link{i}"] = link = AxisLink(beat_bytes=self.config.beat_bytes)
            wiring.connect(m, interlock.links[i], link.port)
            wiring.connect(m, link.tx, wiring.flipped(getattr(self, f"m_axis_link{i}_tx")))
            wiring.connect(m, wiring.flipped(getattr(self, f"s_axis_link{i}_rx")), link.rx)
            wiring.connect(m, link.tx_levels, wiring.flipped(getattr(self, f"link{i}_tx")))
            wiring.connect(m, wiring.flipped(getattr(self, f"link{i}_rx")), link.rx_levels)
            m.d.comb += link.enable.eq(interlock.is_open & interlock.link_open[i])
        if self.config.is_sealed:
            m.submodules.keys = keys = AxisInput(beat_bytes=WORD_BYTES)
            wiring.connect(m, wiring.flipped(self.s_axis_keys), keys.i)
            wiring.connect(m, keys.o, interlock.keys)
            m.d.comb += [
                self.keys_wanted.eq(interlock.keys_wanted),
                self.session_id.eq(interlock.session_id),
            ]
        self._registers(m, interlock)
        return m

    def _accelerator(self, m: Module, interlock: Interlock) -> None:
        m.submodules.tx = tx = AxisInput(beat_bytes=self.config.beat_bytes)
        wiring.connect(m, wiring.flipped(self.s_axis_tx), tx.i)
        wiring.connect(m, tx.o, interlock.tx)
        # A beat that waits at `rx` must not get into the next session: it goes with the accelerator's memory.
        rx = AxisOutput(beat_bytes=self.config.beat_bytes)
        m.submodules.rx = ResetInserter(interlock.clear_request)(rx)
        wiring.connect(m, interlock.rx, rx.i)
        wiring.connect(m, rx.o, wiring.flipped(self.m_axis_rx))
        m.d.sync += self.m_axis_rx_aresetn.eq(~interlock.clear_request)
        m.d.comb += [
            tx.restart.eq(interlock.clear_request),
            rx.enable.eq(interlock.is_open),
            rx.may_end.eq(1),
            self.clear_request.eq(interlock.clear_request),
            interlock.clear_done.eq(self.clear_done),
        ]
        for i, event in enumerate(interlock.events):
            port = getattr(self, f"event{i}")
            m.d.comb += [event[name].eq(getattr(port, name)) for name in OpEvent.members]

    def _host(self, m: Module, interlock: Interlock) -> None:
        m.submodules.host_in = host_in = AxisInput(beat_bytes=self.config.beat_bytes)
        wiring.connect(m, wiring.flipped(self.s_axis_host), host_in.i)
        wiring.connect(m, host_in.o, interlock.host_in)
        m.submodules.host_out = host_out = AxisOutput(beat_bytes=self.config.beat_bytes)
        wiring.connect(m, interlock.host_out, host_out.i)
        wiring.connect(m, host_out.o, wiring.flipped(self.m_axis_host))
        m.d.comb += [
            host_out.enable.eq(interlock.is_open),
            host_out.may_end.eq(1),
            interlock.random.payload.eq(self.s_axis_random.tdata),
            interlock.random.valid.eq(self.s_axis_random.tvalid),
            self.s_axis_random.tready.eq(interlock.random.ready),
            interlock.maker.eq(self.maker),
            interlock.serial.eq(self.serial),
        ]

    def _registers(self, m: Module, interlock: Interlock) -> None:
        config = self.config
        m.submodules.registers = registers = self.registers
        wiring.connect(m, wiring.flipped(self.s_axil), registers.bus)
        m.d.comb += [
            registers.build_links.eq(config.links),
            registers.build_beat_bytes.eq(config.beat_bytes),
            registers.build_counting_mode.eq(config.mode),
            registers.build_weight_table.eq(config.weights.number),
            registers.log_entries_value.eq(config.log_entries),
            registers.message_bytes_value.eq(config.message_bytes),
            registers.maker_value.eq(self.maker),
            registers.serial_value.eq(self.serial),
            registers.status_period_log2.eq(self.status_period_log2),
            interlock.roll.eq(registers.control_roll),
            interlock.reopen.eq(Cat(getattr(registers, f"reopen_slot{i}") for i in range(config.links))),
        ]

        # All that is shown of the inside goes through here.
        Status = data.StructLayout({"open": 1, "clearing": 1, "alarm": len(Alarm), "links": config.links})
        m.submodules.limiter = limiter = StatusLimiter(shape=Status, period_log2=self.status_period_log2)
        shown = limiter.o
        m.d.comb += [
            limiter.i.open.eq(interlock.is_open),
            limiter.i.clearing.eq(interlock.clear_request),
            limiter.i.alarm.eq(interlock.alarm),
            limiter.i.links.eq(interlock.link_open),
            self.status_open.eq(shown.open),
            self.status_clearing.eq(shown.clearing),
            self.status_alarm.eq(shown.alarm.any()),
            self.status_links.eq(shown.links),
            registers.status_open.eq(shown.open),
            registers.status_clearing.eq(shown.clearing),
            registers.status_alarm.eq(shown.alarm.any()),
            registers.links_open.eq(shown.links),
            Cat(getattr(registers, f"alarm_{cause.name.lower()}") for cause in Alarm).eq(shown.alarm),
        ]
        # Names are the source's: a cause without a field, or a field without a cause, is an error here.
        causes = {field.name: field.low for field in registers.map["ALARM"].fields}
        assert causes == {cause.name: cause.value for cause in Alarm}, "interlock.rdl has other alarms"
