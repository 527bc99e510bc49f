"""The entries of a hash log: one dense array in block RAM, merged into at one port, read at the other."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from interlock_hdl.log.store import EntryAddress, ReadEntryStream, ReadStream
from interlock_hdl.log.stored import StoredEntry
from interlock_hdl.twin import Twin

PLACES = 4  # entries between memory and output: as many as are asked for before the first one is taken

Offered = data.StructLayout({"stored": StoredEntry, "address": EntryAddress, "parity": 1})
"""What waits at the output; ``parity`` is that of the address."""


class EntryArray(wiring.Component):
    """Holds ``entries`` words.  Sessions stand from address 0 up, externals from the top down.

    Merging has a port of the memory to itself, reading in odd cycles and writing in even ones; ``read`` has
    the other one.  Entry 0 is the caller's: it is shown as ``own`` is one cycle after the read.

    A read shows what was written in its own cycle or before.

    **Latency**: 2 cycles from ``fetch_at`` to ``fetched``; ``read_latency`` cycles from ``read`` to
    ``entries``.  **Throughput**: a word fetched and one written every two cycles; an entry read every cycle.

    Parameters
    ----------
    entries : int
        A power of two.

    Members
    -------
    odd : In(1)
    fetch_at, fetched : In(address), Out(StoredEntry)
        Taken in odd cycles; there in the next odd one and the even one after that.
    write, write_at, new : In(1), In(address), In(StoredEntry)
        Taken in even cycles.  ``new`` must hold still in the odd one before.
    written : Out(StoredEntry)
        ``new`` of the last even cycle.
    own : In(StoredEntry)
    read : In(ReadStream)
    entries : Out(ReadEntryStream)
    wiping, wiping_at : In(1), In(address)
        The word is overwritten with zeros.
    damaged : Out(1)
        What waits at the output is not what was stored, or a register that decides is damaged.
    """

    read_latency = 3

    def __init__(self, *, entries: int) -> None:
        self.capacity = entries
        address = range(entries)
        super().__init__(
            {
                "odd": In(1),
                "fetch_at": In(address),
                "fetched": Out(StoredEntry),
                "write": In(1),
                "write_at": In(address),
                "new": In(StoredEntry),
                "written": Out(StoredEntry),
                "own": In(StoredEntry),
                "read": In(ReadStream),
                "entries": Out(ReadEntryStream),
                "wiping": In(1),
                "wiping_at": In(address),
                "damaged": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        # True dual port.  The one case in which a word is read while it is written is met below; told so, and
        # given the registers behind the memory apart, Yosys uses the block RAM as it is.
        memory = Memory(shape=StoredEntry, depth=self.capacity, init=[], attrs={"no_rw_check": 1})
        m.submodules.memory = memory
        fetch_port, read_port = memory.read_port(domain="comb"), memory.read_port(domain="comb")
        write_port = memory.write_port()
        # The block RAM's own registers, which come late, and one behind each.
        fetched, word = (Signal(StoredEntry, name=name, reset_less=True) for name in ("fetched_word", "word"))
        settled = Signal(StoredEntry)
        m.d.sync += [fetched.eq(fetch_port.data), word.eq(read_port.data), settled.eq(word)]
        with m.If(~self.odd):
            m.d.sync += [self.fetched.eq(fetched), self.written.eq(self.new)]
        merge_address = Mux(self.wiping, self.wiping_at, Mux(self.odd, self.fetch_at, self.write_at))
        shared = Signal(range(self.capacity))  # by one name, that Yosys may see one port
        writes = self.write & ~self.odd
        m.d.comb += [
            shared.eq(merge_address),
            fetch_port.addr.eq(shared),
            write_port.addr.eq(shared),
            write_port.en.eq(self.wiping | writes),
            write_port.data.eq(Mux(self.wiping, 0, self.new)),
        ]

        asked = self.read.payload
        accept = self.read.valid & self.read.ready
        address = Mux(asked.external, ~asked.index, asked.index)[: len(shared)]
        m.d.comb += read_port.addr.eq(address)

        place = range(PLACES)
        control = Twin(
            data.StructLayout(
                {
                    "awake": 1,  # the first cycle is over
                    "arriving": 1,  # the memory shows what was asked for one cycle before
                    "own": 1,  # and it is entry 0
                    "written": 1,  # and was being written
                    "address": EntryAddress,
                    "settled": 1,  # what it showed then stands in the register behind it
                    "replaced": 1,  # or something else is shown instead
                    "settled_address": EntryAddress,
                    "write": place,
                    "read": place,
                    "held": range(PLACES + 1),
                    "free": range(PLACES + 1),  # the inverse of all that was asked for and not yet taken
                }
            ),
            init={"free": PLACES},
        )
        m.submodules.control = control
        now, following = control.value, control.next
        take = self.entries.valid & self.entries.ready
        m.d.comb += [
            control.load.eq(1),
            following.eq(now),
            following.awake.eq(1),
            following.arriving.eq(accept),
            following.own.eq(~asked.external & (asked.index == 0)),
            following.written.eq(writes & (address == self.write_at)),
            following.address.eq(asked),
            following.settled.eq(now.arriving),
            following.replaced.eq(now.own | now.written),
            following.settled_address.eq(now.address),
            following.held.eq(now.held + now.settled - take),
            following.free.eq(now.free - accept + take),
            self.read.ready.eq(now.awake & (now.free != 0)),
        ]

        replacement = Signal(StoredEntry)
        m.d.sync += replacement.eq(Mux(now.own, self.own, self.written))
        places = [Signal(Offered, name=f"place_{n}") for n in range(PLACES)]
        with m.If(now.settled):
            m.d.comb += following.write.eq(_next_place(now.write))
            for number, waiting in enumerate(places):
                with m.If(now.write == number):
                    m.d.sync += [
                        waiting.stored.eq(Mux(now.replaced, replacement, settled)),
                        waiting.address.eq(now.settled_address),
                        waiting.parity.eq(now.settled_address.as_value().xor()),
                    ]
        with m.If(take):
            m.d.comb += following.read.eq(_next_place(now.read))
        offered = Signal(Offered)
        m.d.comb += [
            offered.eq(Array(places)[now.read]),
            self.entries.valid.eq(now.held != 0),
            self.entries.payload.entry.eq(offered.stored.entry),
            self.entries.payload.address.eq(offered.address),
            # Each place by itself: to look at the one that is offered would take longer.
            self.damaged.eq(Cat(control.fault, *(place.as_value().xor() for place in places)).any()),
        ]
        return m


def _next_place(place: Value) -> Value:
    return Mux(place == PLACES - 1, 0, place + 1)
