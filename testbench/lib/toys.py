"""Small components whose behaviour is plain to see, to test engines with."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from interlock_hdl.beat import beat_stream
from interlock_hdl.config import InterlockConfig, IssuePort, LinkProfile
from interlock_hdl.monitor import MonitorSignature
from interlock_hdl.ports import LinkPort
from interlock_hdl.record import Mode
from interlock_hdl.trace import EVENTS, TraceSignature


def _fifo(m, source, sink, *, depth=4):
    """Joins two streams by a FIFO."""
    m.submodules += (fifo := SyncFIFOBuffered(width=len(Value.cast(source.payload)), depth=depth))
    m.d.comb += [
        fifo.w_data.eq(source.payload),
        fifo.w_en.eq(source.valid),
        source.ready.eq(fifo.w_rdy),
        sink.payload.eq(fifo.r_data),
        sink.valid.eq(fifo.r_rdy),
        fifo.r_en.eq(sink.ready),
    ]


class Loopback(wiring.Component):
    """Gives back what it gets: beats and words through FIFOs, a wide input one cycle later.

    ``pulses`` counts the cycles in which ``pulse`` is high.
    """

    def __init__(self, *, beat_bytes):
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "o": Out(beat_stream(beat_bytes)),
                "words_in": In(stream.Signature(32)),
                "words_out": Out(stream.Signature(32)),
                "wide_in": In(100),
                "wide_out": Out(100),
                "pulse": In(1),
                "pulses": Out(8),
            }
        )

    def elaborate(self, platform):
        m = Module()
        _fifo(m, self.i, self.o)
        _fifo(m, self.words_in, self.words_out)
        m.d.sync += [self.wide_out.eq(self.wide_in), self.pulses.eq(self.pulses + self.pulse)]
        return m


class Table(wiring.Component):
    """What a translation to native code could lose: a memory's initial words, constants, masked parities."""

    def __init__(self, *, words, mask):
        self.words = words
        self.mask = mask
        super().__init__(
            {
                "address": In(range(len(words))),
                "word": Out(16),
                "constant": Out(8),
                "i": In(128),
                "parity": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=16, depth=len(self.words), init=self.words)
        port = memory.read_port(domain="comb")
        m.d.comb += [
            port.addr.eq(self.address),
            self.word.eq(port.data),
            self.parity.eq((self.i & Const(self.mask, 128)).xor()),
        ]
        with m.If(Const(1)):
            m.d.comb += self.constant.eq(0xA5)
        return m


class ToyNode(wiring.Component):
    """Has the ports of a node, and echoes: host in to host out, each link to itself, levels among the beats.

    Every bit of ``strobe`` raises one event of the trace, all its arguments being ``argument``.  Issue port 0
    reports an event in every third cycle, of a class that changes every 12 cycles; issue port 1 is OPAQUE and
    counted in every cycle but each fourth.  Both run while ``working``.  ``clear`` goes to ``monitor`` as is.
    """

    def __init__(self, *, beat_bytes=4, links=2, counter_latency=3):
        self.config = InterlockConfig(
            beat_bytes=beat_bytes,
            links=links,
            issue_ports=(IssuePort(peak=32), IssuePort(mode=Mode.OPAQUE, peak=4)),
            profile=LinkProfile.CLEAR,
        )
        self.counter_latency = counter_latency
        super().__init__(
            {
                "host_in": In(beat_stream(beat_bytes)),
                "host_out": Out(beat_stream(beat_bytes)),
                "links": Out(LinkPort(beat_bytes)).array(links),
                "random": In(stream.Signature(32)),
                "maker": In(32),
                "serial": In(32),
                "roll": In(1),
                "reopen": In(links),
                "is_open": Out(1),
                "alarm": Out(9),
                "link_open": Out(links),
                "trace": Out(TraceSignature(links)),
                "monitor": Out(MonitorSignature(beat_bytes, 2)),
                "strobe": In(len(EVENTS)),
                "argument": In(64),
                "working": In(1),
                "clear": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        _fifo(m, self.host_in, self.host_out)
        for port in self.links:
            self._echo(m, port)
        m.d.comb += [
            self.random.ready.eq(1),
            self.is_open.eq(self.maker == 1),
            self.alarm.eq(self.serial),
            self.link_open.eq(0b10),
            self.monitor.tx.payload.eq(self.host_in.payload),
            self.monitor.tx.fire.eq(self.host_in.valid & self.host_in.ready),
            self.monitor.rx.payload.eq(self.host_out.payload),
            self.monitor.rx.fire.eq(self.host_out.valid & self.host_out.ready),
            self.monitor.clear.eq(self.clear),
        ]
        for i, (event, arguments) in enumerate(EVENTS.items()):
            m.d.comb += getattr(self.trace, event).eq(self.strobe[i].replicate(self.config.links))
            for name in arguments if arguments != {"slots": 0} else ():
                m.d.comb += getattr(self.trace, f"{event}_{name}").eq(self.argument)

        third, twelfth, fourth = Signal(2), Signal(4), Signal(2)
        with m.If(self.working):
            m.d.sync += [
                third.eq(Mux(third == 2, 0, third + 1)),
                twelfth.eq(Mux(twelfth == 11, 0, twelfth + 1)),
                fourth.eq(fourth + 1),
            ]
        changes = Signal(8)
        with m.If(self.working & (twelfth == 11)):
            m.d.sync += changes.eq(changes + 1)
        m.d.comb += [
            self.monitor.events[0].valid.eq(self.working & (third == 0)),
            self.monitor.events[0].op_class.eq(changes),
            self.monitor.events[0].count.eq(Cat(changes, changes)),
            self.monitor.counting.eq(self.working & (fourth != 0)),
        ]
        return m

    @staticmethod
    def _echo(m, port):
        """One beat at a time, and none before the levels that came ahead of it have left."""
        up_to_date = (port.tx_levels.up == port.rx_levels.up) & (port.tx_levels.heard == port.rx_levels.heard)
        m.d.comb += port.rx.ready.eq(~port.tx.valid & up_to_date)
        with m.If(port.rx.valid & port.rx.ready):
            m.d.sync += [port.tx.payload.eq(port.rx.payload), port.tx.valid.eq(1)]
        with m.Elif(port.tx.ready):
            m.d.sync += port.tx.valid.eq(0)
        with m.If(~port.tx.valid):
            m.d.sync += [
                port.tx_levels.up.eq(port.rx_levels.up),
                port.tx_levels.heard.eq(port.rx_levels.heard),
            ]
