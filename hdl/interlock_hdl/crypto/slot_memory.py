"""A small memory of secrets, with one place for each slot and use."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

_DISTRIBUTED_DEPTH = 16  # of an ECP5's memory in logic


class SlotMemory(wiring.Component):
    """A memory with one port to write and one to read, in block RAM or in logic.

    Latency: what stands at an address is at ``data`` two cycles after it was at ``address``, one without the
    register, and one that is written is found from the next cycle on.  Throughput: one word a cycle.

    Parameters
    ----------
    width, depth : int
        Bits of a word, and words.
    block_ram : bool, optional
        What it is made of; without, small memories are made of logic, as an ECP5 can.
    registered : bool
        Of block RAM: a register stands behind it.  Without, ``data`` comes late in the cycle.

    Members
    -------
    address, data : In, Out
    write, write_address, write_data : In
        Writes a word.  ``write_data`` must be zero while ``wipe`` is high: nothing stands behind it, so that
        a register may reach memories all over the part.
    wipe, wiped : In(1), Out(1)
        While ``wipe`` is high the memory is overwritten with zeros; ``wiped`` once that is complete.
    """

    latency = 2

    def __init__(
        self, *, width: int, depth: int, block_ram: bool | None = None, registered: bool = True
    ) -> None:
        self.registered = registered
        self.width = width
        self.depth = depth
        self.block_ram = depth > _DISTRIBUTED_DEPTH if block_ram is None else block_ram
        super().__init__(
            {
                "address": In(range(depth)),
                "data": Out(width),
                "write": In(1),
                "write_address": In(range(depth)),
                "write_data": In(width),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        # However small it is: registers would take the place of logic.
        style = {"ram_style": "block"} if self.block_ram else {}
        attributes = {"no_rw_check": 1} | style
        memory = Memory(shape=unsigned(self.width), depth=self.depth, init=[], attrs=attributes)
        m.submodules.memory = memory
        write_port = memory.write_port()
        read_port = memory.read_port(domain="comb")
        if not self.block_ram:
            address = Signal.like(self.address)
            m.d.sync += [address.eq(self.address), self.data.eq(read_port.data)]
            m.d.comb += read_port.addr.eq(address)
        else:  # the first register is the block RAM's own
            fetched = Signal(self.width, reset_less=True)
            m.d.sync += fetched.eq(read_port.data)
            m.d["sync" if self.registered else "comb"] += self.data.eq(fetched)
            m.d.comb += read_port.addr.eq(self.address)

        wiping = Signal.like(self.write_address)
        with m.If(~self.wipe):
            m.d.sync += [wiping.eq(0), self.wiped.eq(0)]
        with m.Elif(wiping == self.depth - 1):
            m.d.sync += self.wiped.eq(1)
        with m.Else():
            m.d.sync += wiping.eq(wiping + 1)
        m.d.comb += [
            write_port.en.eq(self.write | self.wipe),
            write_port.addr.eq(Mux(self.wipe, wiping, self.write_address)),
            write_port.data.eq(self.write_data),
        ]
        return m
