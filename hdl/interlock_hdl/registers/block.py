"""The registers as gateware: an AXI4-Lite slave made from a register map."""

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.axi.signatures import AxiLite, Response
from interlock_hdl.registers.map import Kind, Register, RegisterMap

WORD_BITS = 32


class RegisterBlock(wiring.Component):
    """Answers a host on AXI4-Lite, from the registers of a map.

    Every channel has a register of its own, so address and data of a write may come in any order and any
    distance, and a response stays until it is taken.  Each write and each read is answered exactly once:

    - a register of the right kind: OKAY;
    - a write to a readable register, a read of a request: SLVERR, and nothing happens;
    - an address without a register: DECERR, and nothing happens.

    Data of a read that is not OKAY is 0.  Addresses are those of whole words: bits 1:0 are ignored.  A
    request is made by each 1 that is written in a byte whose strobe is set, for one cycle.  ``awprot`` and
    ``arprot`` are ignored.  How long an answer takes depends on nothing but the bus itself, so it says
    nothing of the Interlock.

    **Latency**: ``latency`` cycles from an address (and data) to its response; a request one cycle before
    that.  **Throughput**: a read and a write every 2 cycles, if responses are taken at once.

    Parameters
    ----------
    map : RegisterMap

    Members
    -------
    bus : In(AxiLite)
    <register>_<field> : In or Out
        One for each field that is not constant, in lower case: In what is shown, Out what is requested.
    """

    latency = 2

    def __init__(self, *, map: RegisterMap) -> None:
        self.map = map
        members = {"bus": In(AxiLite(map.address_width))}
        for register in map.registers:
            for field in register.fields:
                if field.kind is not Kind.CONSTANT:
                    flow = Out if field.kind is Kind.REQUEST else In
                    members[register.port(field)] = flow(field.width)
        super().__init__(members)
        # What each channel holds, until it is answered.
        self.address_held, self.word_held, self.read_held = Signal(), Signal(), Signal()
        self.write_address = Signal(map.address_width)
        self.word = Signal(WORD_BITS)
        self.strobes = Signal(WORD_BITS // 8)
        self.read_address = Signal(map.address_width)

    def elaborate(self, platform) -> Module:
        m = Module()
        bus = self.bus

        # Writes: an address and a word, each waits for the other.
        address_held, word_held = self.address_held, self.word_held
        write_address, word, strobes = self.write_address, self.word, self.strobes
        write = Signal()
        m.d.comb += [
            bus.awready.eq(~address_held),
            bus.wready.eq(~word_held),
            write.eq(address_held & word_held & ~bus.bvalid),
        ]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [address_held.eq(1), write_address.eq(bus.awaddr)]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [word_held.eq(1), word.eq(bus.wdata), strobes.eq(bus.wstrb)]
        with m.If(bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(write):
            m.d.sync += [address_held.eq(0), word_held.eq(0), bus.bvalid.eq(1)]
            m.d.sync += bus.bresp.eq(self._response(m, "write", write_address, wants_request=True))

        # Reads.
        read_held, read_address = self.read_held, self.read_address
        read = Signal()
        data = Signal(WORD_BITS)
        m.d.comb += [bus.arready.eq(~read_held), read.eq(read_held & ~bus.rvalid)]
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [read_held.eq(1), read_address.eq(bus.araddr)]
        with m.If(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        with m.If(read):
            m.d.sync += [read_held.eq(0), bus.rvalid.eq(1), bus.rdata.eq(data)]
            m.d.sync += bus.rresp.eq(self._response(m, "read", read_address, wants_request=False))

        requested = word & Cat(strobe.replicate(8) for strobe in strobes)
        for register in self.map.registers:
            if register.is_request:
                # A request is made as its response is, so one that waits for the host is not made twice.
                made = write & self._is(write_address, register)
                for field in register.fields:
                    bits = requested[field.low : field.low + field.width]
                    m.d.comb += getattr(self, register.port(field)).eq(bits & made.replicate(field.width))
            else:
                with m.If(self._is(read_address, register)):
                    m.d.comb += data.eq(self._word(register))
        return m

    def _response(self, m: Module, name: str, address: Value, *, wants_request: bool) -> Signal:
        response = Signal(Response, name=f"{name}_response", init=Response.DECERR)
        m.d.comb += response.eq(Response.DECERR)
        for register in self.map.registers:
            with m.If(self._is(address, register)):
                right = register.is_request == wants_request
                m.d.comb += response.eq(Response.OKAY if right else Response.SLVERR)
        return response

    def _is(self, address: Value, register: Register) -> Value:
        return address[2:] == register.address >> 2

    def _word(self, register: Register) -> Value:
        word = Const(0, WORD_BITS)
        for field in register.fields:
            constant = field.kind is Kind.CONSTANT
            value = Const(field.value, field.width) if constant else getattr(self, register.port(field))
            word |= value << field.low
        return word[:WORD_BITS]
