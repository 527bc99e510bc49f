"""What is proved of the AXI ports: handshakes, nothing lost or doubled, nothing that waits for ever."""

from amaranth.hdl import Assert, Cover, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from interlock_hdl.axi.signatures import Response
from interlock_hdl.axi.stream import AxisOutput
from interlock_hdl.beat import Beat
from interlock_hdl.registers.block import RegisterBlock
from interlock_hdl.registers.map import Kind, read
from interlock_hdl.status import StatusLimiter

BEAT_BYTES = 4


def ago(m: Module, value: Value) -> Value:
    """``value`` as it was one cycle ago; zero before the beginning."""
    earlier = Signal(len(value))
    m.d.sync += earlier.eq(value)
    return earlier


def holds_still(m: Module, valid: Value, ready: Value, *payload: Value) -> None:
    """Claims of one channel: what is offered and not taken is still offered in the next cycle, unchanged."""
    waits = ago(m, valid & ~ready)
    m.d.comb += Assert(~waits | valid)
    for part in payload:
        m.d.comb += Assert(~waits | (part == ago(m, part)))


class AxisOutputProof(wiring.Component):
    """The stage keeps AXI4-Stream, and no message continues one that was cut.

    Nothing is assumed of what comes in: beats may be withdrawn or changed, gates may close at any time.

    Members
    -------
    All inputs of the stage, as free variables.
    """

    beat: In(Beat(BEAT_BYTES))
    valid: In(1)
    enable: In(1)
    may_end: In(1)
    tready: In(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = AxisOutput(beat_bytes=BEAT_BYTES)
        o = dut.o
        m.d.comb += [
            dut.i.payload.eq(self.beat),
            dut.i.valid.eq(self.valid),
            dut.enable.eq(self.enable),
            dut.may_end.eq(self.may_end),
            o.tready.eq(self.tready),
        ]
        holds_still(m, o.tvalid, o.tready, o.tdata, o.tkeep, o.tlast)

        # What was taken leaves once, as it was: the stage is one deep.
        taken = dut.i.valid & dut.i.ready
        left = o.tvalid & o.tready
        due = Signal()
        last_taken = Signal(Beat(BEAT_BYTES))
        is_mark = o.tlast & (o.tkeep == 0) & (o.tdata == 0)
        with m.If(taken):
            m.d.sync += [due.eq(1), last_taken.eq(self.beat)]
        with m.Elif(left):
            m.d.sync += due.eq(0)
        m.d.comb += [
            Assert(~taken | self.enable),
            Assert(~(taken & due) | left),
            Assert(~due | o.tvalid),
            Assert(~(o.tvalid & ~due) | is_mark),
        ]
        for name, part in (("data", o.tdata), ("keep", o.tkeep), ("last", o.tlast)):
            m.d.comb += Assert(~due | (part == last_taken[name]))

        # Each fall of `enable` begins an era; what follows within a message is of the same era, or its end.
        era, taken_era, left_era = Signal(), Signal(), Signal()
        was_enabled = ago(m, self.enable)
        now = era ^ (was_enabled & ~self.enable)
        m.d.sync += era.eq(now)
        within = Signal()  # a message has begun to leave, and its end has not left
        with m.If(taken):
            m.d.sync += taken_era.eq(now)
        with m.If(left):
            m.d.sync += [within.eq(~o.tlast), left_era.eq(Mux(due, taken_era, now))]
        m.d.comb += Assert(~(within & o.tvalid & due) | (taken_era == left_era))
        m.d.comb += Assert(~(o.tvalid & ~due) | within)

        # A stage that may end, and is taken from, is empty soon.
        waited = Signal(range(4))
        idle = ~self.enable & self.may_end & self.tready
        m.d.sync += waited.eq(Mux(idle, Mux(waited == 3, 3, waited + 1), 0))
        m.d.comb += Assert((waited < 3) | dut.empty)
        m.d.comb += Assert(~dut.empty | (~o.tvalid & (self.enable | ~within)))

        # What carries the induction.
        inside, was_cut = dut.inside, dut.was_cut
        m.d.comb += [
            Assert(~due | (inside == ~o.tlast)),
            Assert(~(o.tvalid & ~due) | ~inside),
            Assert(o.tvalid | (inside == within)),
            Assert(~was_cut | inside),
            Assert(~(inside & ~was_cut & self.enable) | (era == now)),
            Assert(~(inside & ~was_cut & due) | ((taken_era == era) & was_enabled)),
            Assert(~(inside & ~was_cut & ~due) | ((left_era == era) & was_enabled)),
        ]
        m.d.comb += [
            Cover(left & ~due & ago(m, self.enable)),
            Cover(taken & left & (taken_era != now)),
        ]
        return m


class RegisterBlockProof(wiring.Component):
    """Each write and each read is answered once, as the map says, in time, and by an answer that holds still.

    Members
    -------
    All inputs of the bus, and one word for everything that is shown, as free variables.
    """

    def __init__(self) -> None:
        self.map = read()
        self.dut = RegisterBlock(map=self.map)
        inputs = {
            name: In(member.shape)
            for name, member in self.dut.bus.signature.flip().members.items()
            if member.flow is wiring.Out
        }
        super().__init__(inputs | {"shown": In(32)})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = self.dut
        bus = dut.bus
        for name in self.signature.members:
            if name != "shown":
                m.d.comb += getattr(bus, name).eq(getattr(self, name))
        for register in self.map.registers:
            for field in register.fields:
                if field.kind is Kind.SHOWN:
                    m.d.comb += getattr(dut, register.port(field)).eq(self.shown)
        holds_still(m, bus.bvalid, bus.bready, bus.bresp)
        holds_still(m, bus.rvalid, bus.rready, bus.rdata, bus.rresp)

        addresses = self._open(m, bus.awvalid & bus.awready, bus.bvalid & bus.bready)
        words = self._open(m, bus.wvalid & bus.wready, bus.bvalid & bus.bready)
        reads = self._open(m, bus.arvalid & bus.arready, bus.rvalid & bus.rready)
        m.d.comb += [
            Assert(~bus.bvalid | ((addresses != 0) & (words != 0))),
            Assert(~bus.rvalid | (reads != 0)),
            Assert(addresses == dut.address_held + bus.bvalid),
            Assert(words == dut.word_held + bus.bvalid),
            Assert(reads == dut.read_held + bus.rvalid),
        ]
        self._answered(m, (addresses != 0) & (words != 0), bus.bvalid)
        self._answered(m, reads != 0, bus.rvalid)
        # A channel that is not ready is so for at most a cycle, where nothing else is missing.
        self._becomes_ready(m, bus.awready, bus.bready & (words > bus.bvalid))
        self._becomes_ready(m, bus.wready, bus.bready & (addresses > bus.bvalid))
        self._becomes_ready(m, bus.arready, bus.rready)

        # Answers, and what is asked for, follow from what was accepted last.
        write_address, word, strobes = Signal(len(bus.awaddr)), Signal(32), Signal(4)
        read_address = Signal(len(bus.araddr))
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += write_address.eq(bus.awaddr)
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [word.eq(bus.wdata), strobes.eq(bus.wstrb)]
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += read_address.eq(bus.araddr)
        answers_write = bus.bvalid & ~ago(m, bus.bvalid)
        answers_read = bus.rvalid & ~ago(m, bus.rvalid)
        m.d.comb += [
            Assert(~answers_write | (bus.bresp == ago(m, self._response(write_address, is_write=True)))),
            Assert(~answers_read | (bus.rresp == ago(m, self._response(read_address, is_write=False)))),
            Assert(~(bus.rvalid & (bus.rresp != Response.OKAY)) | (bus.rdata == 0)),
            Assert(~dut.address_held | (dut.write_address == write_address)),
            Assert(~dut.word_held | ((dut.word == word) & (dut.strobes == strobes))),
            Assert(~dut.read_held | (dut.read_address == read_address)),
        ]
        for register in self.map.registers:
            for field in register.fields:
                if field.kind is Kind.REQUEST:
                    made = getattr(dut, register.port(field))
                    asked = (write_address >> 2 == register.address >> 2) & strobes[field.low // 8]
                    m.d.comb += Assert(~made | (asked & word[field.low]))
                    # It comes with the one answer: never twice, and never without.
                    m.d.comb += Assert(~ago(m, made) | (answers_write & (bus.bresp == Response.OKAY)))
                    was_asked = ago(m, asked & word[field.low])
                    m.d.comb += Assert(~(answers_write & was_asked) | ago(m, made))
        m.d.comb += [
            Cover(dut.control_roll),
            Cover((addresses == 2) & bus.bvalid & bus.bready),
            Cover(answers_read & (bus.rdata == 0x12345678)),
            Cover(answers_read & (bus.rresp == Response.DECERR)),
        ]
        return m

    def _open(self, m: Module, accepted: Value, answered: Value) -> Signal:
        """Accepted and not answered yet."""
        number = Signal(3)
        m.d.sync += number.eq(number + accepted - answered)
        m.d.comb += Assert(number <= 2)
        return number

    def _answered(self, m: Module, complete: Value, valid: Value) -> None:
        """What is complete is offered an answer one cycle later, whether or not the host is ready for it."""
        m.d.comb += Assert(~ago(m, complete & ~valid) | valid)

    def _becomes_ready(self, m: Module, ready: Value, helped: Value) -> None:
        """Two cycles with everything that it waits for are enough."""
        stuck = Signal(2)
        m.d.sync += stuck.eq(Mux(~ready & helped, Mux(stuck == 3, 3, stuck + 1), 0))
        m.d.comb += Assert(stuck < 3)

    def _response(self, address: Value, *, is_write: bool) -> Value:
        response = Value.cast(Response.DECERR)
        for register in self.map.registers:
            right = Response.OKAY if register.is_request == is_write else Response.SLVERR
            response = Mux(address >> 2 == register.address >> 2, right, response)
        return response


class StatusLimiterProof(wiring.Component):
    """What is shown changes once a period, on a grid that nothing moves, and was true a cycle before."""

    i: In(4)
    period_log2 = 3

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = StatusLimiter(shape=4, period_log2=self.period_log2)
        m.d.comb += dut.i.eq(self.i)
        cycle = Signal(self.period_log2)
        m.d.sync += cycle.eq(cycle + 1)
        changed = dut.o != ago(m, dut.o)
        m.d.comb += [
            Assert(~changed | (cycle == 0)),
            Assert(~changed | (dut.o == ago(m, self.i))),
            Assert(dut.cycle == cycle),
            Cover(changed & (dut.o == 9)),
        ]
        return m
