"""A FIFO in memory whose writer may change its mind: what was written is read once it is committed."""

from amaranth.hdl import Module, Mux, ResetInserter, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from interlock_hdl.register_queue import RegisterQueue


class PacketBuffer(wiring.Component):
    """Holds beats; lets the writer commit or discard everything since the last commit.

    Nothing is offered at ``o`` before it is committed, so a packet can be checked while it is being stored.
    The memory has one write port and one synchronous read port (block RAM) and is followed by a short queue,
    so that nothing of the memory waits for ``o.ready``.

    ``flush`` and ``wipe`` are the only causes that withdraw an offered beat.  What they drop is gone from the
    next cycle on; a beat written in a cycle with ``flush`` or ``discard`` is dropped with the rest.  ``wipe``
    stops ``i`` in the same cycle.

    Latency: ``latency`` cycles from ``commit`` to ``o.valid``, into an empty buffer.  Throughput: one beat
    a cycle.

    Parameters
    ----------
    shape : ShapeLike
        What is held: a ``Beat``, or what else there is one of a cycle.
    depth : int
        Beats that the memory holds, at least 4.  So many as ``registers`` more, once committed, stand behind
        it.

    Members
    -------
    i : In(stream of ``shape``)
        Ready depends on ``free`` and ``wipe`` alone.
    commit : In(1)
        Makes all that was written up to and including this cycle readable.
    discard : In(1)
        Drops all that is not committed, a beat written in this cycle included.  Wins over ``commit``.
    flush : In(1)
        Drops everything, committed or not.
    o : Out(stream of the same)
        Committed beats.
    free : Out(range(depth + 1))
        Beats that can still be written; a register, so that it may lag behind ``o`` but never promises too
        much.
    wipe : In(1)
        Holds the block in reset and overwrites memory and output registers with zeros.
    wiped : Out(1)
        That is complete.  Falls after ``wipe`` does.
    """

    latency = 5
    registers = 4

    def __init__(self, *, shape: ShapeLike, depth: int) -> None:
        if depth < 4:
            raise ValueError(f"depth must be at least 4 beats, not {depth}")
        self.shape = shape
        self.depth = depth
        super().__init__(
            {
                "i": In(stream.Signature(self.shape)),
                "commit": In(1),
                "discard": In(1),
                "flush": In(1),
                "o": Out(stream.Signature(self.shape)),
                "free": Out(range(depth + 1), init=depth),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        # No beat is ever read in the cycle in which it is written.  Told so, and given the read port's
        # register apart, Yosys uses the block RAM as it is; else it builds a bypass around it, of two more
        # registers a bit.
        memory = Memory(shape=self.shape, depth=self.depth, init=[], attrs={"no_rw_check": 1})
        m.submodules.memory = memory
        write_port = memory.write_port()
        read_port = memory.read_port(domain="comb")
        control = Module()  # everything that `flush` and `wipe` reset
        m.submodules.control = ResetInserter(self.flush | self.wipe)(control)

        # Addresses: of the next beat to write, of the next one to read, of the one behind the last commit.
        write, read, committed = (
            Signal(range(self.depth)),
            Signal(range(self.depth)),
            Signal(range(self.depth)),
        )

        def following(address: Signal) -> Value:
            return Mux(address == self.depth - 1, 0, address + 1)

        # Writing.  Places come back to `free` one cycle late, which keeps adders out of the way of `o.ready`
        # and of `discard`: that comes late where it depends on the beat itself.  That `free` is not 0 has a
        # register of its own, for much may wait for `i.ready`.
        written = self.i.valid & self.i.ready
        after_write = Mux(written, following(write), write)
        pending = Signal(range(self.depth + 1))  # beats written and not yet committed
        dropping = Signal()
        dropped = Signal(range(self.depth + 1))
        returned = Signal()
        reading = Signal()
        free = Signal(range(self.depth + 1), init=self.depth)
        room = Signal(init=1)
        m.d.comb += [self.free.eq(free), self.i.ready.eq(room & ~self.wipe)]
        control.d.sync += [
            dropping.eq(self.discard),
            dropped.eq(pending + written),
            returned.eq(reading),
            free.eq(free + Mux(dropping, dropped, 0) + returned - written),
            room.eq(returned | (dropping & (dropped != 0)) | (free > 1) | (free[0] & ~written)),
        ]
        with control.If(self.discard):
            control.d.sync += [write.eq(committed), pending.eq(0)]
        with control.Else():
            control.d.sync += write.eq(after_write)
            with control.If(self.commit):
                control.d.sync += [committed.eq(after_write), pending.eq(0)]
            with control.Else():
                control.d.sync += pending.eq(pending + written)

        # A commit is added a cycle late, for it comes late; that anything is there has a register of its own.
        arrived, level = Signal.like(pending), Signal.like(pending)
        some = Signal()
        control.d.sync += [
            arrived.eq(Mux(self.commit & ~self.discard, pending + written, 0)),
            level.eq(level + arrived - reading),
            some.eq((arrived != 0) | (level > 1) | (level[0] & ~reading)),
        ]

        # Reading: a register that is the block RAM's own; one that takes what comes late of it, through the
        # multiplexers of a deep memory; then those of the queue.
        fetched, caught = Signal(), Signal()  # there is a beat in `fetch`, in `catch`
        fetch, catch = (Signal(self.shape, reset_less=True, name=name) for name in ("fetch", "catch"))
        control.submodules.queue = queue = RegisterQueue(shape=self.shape, depth=2)
        catch_moves = ~caught | queue.i.ready
        fetch_moves = ~fetched | catch_moves
        m.d.comb += [
            reading.eq(some & fetch_moves),
            queue.i.valid.eq(caught),
            queue.i.payload.eq(catch),
            self.o.valid.eq(queue.o.valid),
            self.o.payload.eq(queue.o.payload),
            queue.o.ready.eq(self.o.ready),
        ]
        with control.If(reading):
            control.d.sync += read.eq(following(read))
        with control.If(fetch_moves):
            control.d.sync += fetched.eq(reading)
        with control.If(catch_moves):
            control.d.sync += caught.eq(fetched)
        with m.If(reading | self.wipe):
            m.d.sync += fetch.eq(read_port.data)
        with m.If(catch_moves | self.wipe):
            m.d.sync += catch.eq(fetch)

        # Wiping: zeros go to every address, and by way of address 0 into the registers behind the memory,
        # too.
        wipe_address = Signal(range(self.depth))
        with m.If(~self.wipe):
            m.d.sync += [wipe_address.eq(0), self.wiped.eq(0)]
        with m.Elif(wipe_address == self.depth - 1):
            m.d.sync += self.wiped.eq(1)
        with m.Else():
            m.d.sync += wipe_address.eq(wipe_address + 1)
        m.d.comb += [
            write_port.en.eq(written | self.wipe),
            write_port.addr.eq(Mux(self.wipe, wipe_address, write)),
            write_port.data.eq(Mux(self.wipe, 0, self.i.payload)),
            read_port.addr.eq(read),
        ]
        return m
