"""A FIFO in memory whose writer may change its mind: what was written is read once it is committed."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import Beat, beat_stream


class PacketBuffer(wiring.Component):
    """Holds beats; lets the writer commit or discard everything since the last commit.

    Nothing is offered at ``o`` before it is committed, so a packet can be checked while it is being stored.
    The memory has one write port and one synchronous read port (block RAM) and is followed by an output
    register.

    ``flush`` and ``wipe`` are the only causes that withdraw an offered beat.  What ``flush`` drops is gone
    from the next cycle on; a beat written in a cycle with ``flush`` or ``discard`` is dropped with the
    rest.  ``wipe`` stops both streams in the same cycle.

    Latency: ``latency`` cycles from ``commit`` to ``o.valid``, into an empty buffer.  Throughput: one beat
    a cycle.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.
    depth : int
        Beats that the memory holds, at least 2.

    Members
    -------
    i : In(beat stream)
        Ready depends on ``free`` and ``wipe`` alone.
    commit : In(1)
        Makes all that was written up to and including this cycle readable.
    discard : In(1)
        Drops all that is not committed, a beat written in this cycle included.  Wins over ``commit``.
    flush : In(1)
        Drops everything, committed or not.
    o : Out(beat stream)
        Committed beats.
    free : Out(range(depth + 1))
        Beats that can still be written; a register, so that it may lag behind ``o`` but never promises too
        much.
    empty : Out(1)
        No committed beat is left, at ``o`` neither.
    wipe : In(1)
        Holds the block in reset and overwrites memory and output register with zeros.
    wiped : Out(1)
        That is complete.  Falls after ``wipe`` does.
    """

    latency = 3

    def __init__(self, *, beat_bytes: int, depth: int) -> None:
        if depth < 2:
            raise ValueError(f"depth must be at least 2 beats, not {depth}")
        self.beat_bytes = beat_bytes
        self.depth = depth
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "commit": In(1),
                "discard": In(1),
                "flush": In(1),
                "o": Out(beat_stream(beat_bytes)),
                "free": Out(range(depth + 1), init=depth),
                "empty": Out(1),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        # Everything but the wiping itself: `flush` and `wipe` are its reset.
        m = Module()
        memory = Memory(shape=Beat(self.beat_bytes), depth=self.depth, init=[])
        write_port = memory.write_port()
        read_port = memory.read_port()

        def following(address: Value) -> Value:
            return Mux(address == self.depth - 1, 0, address + 1)

        # Writing: `stored` beats are committed and not yet read, then `pending` ones are not yet committed.
        write_address = Signal(range(self.depth))
        commit_address = Signal(range(self.depth))
        stored = Signal(range(self.depth + 1))
        pending = Signal(range(self.depth + 1))
        free = Signal(range(self.depth + 1), init=self.depth)
        written = self.i.valid & self.i.ready
        reading = Signal()

        m.d.comb += [self.i.ready.eq((free != 0) & ~self.wipe), self.free.eq(free)]
        after_write = Mux(written, following(write_address), write_address)
        with m.If(self.discard):
            m.d.sync += [write_address.eq(commit_address), pending.eq(0)]
            m.d.sync += [stored.eq(stored - reading), free.eq(free + reading + pending)]
        with m.Else():
            m.d.sync += [write_address.eq(after_write), free.eq(free + reading - written)]
            with m.If(self.commit):
                m.d.sync += [commit_address.eq(after_write), pending.eq(0)]
                m.d.sync += stored.eq(stored + pending + written - reading)
            with m.Else():
                m.d.sync += [pending.eq(pending + written), stored.eq(stored - reading)]

        # Reading: the memory's own output register, then one in fabric, because a block RAM's output comes
        # late.
        read_address = Signal(range(self.depth))
        fetched = Signal()
        offered = Signal()
        output = Signal(Beat(self.beat_bytes))
        output_moves = ~offered | self.o.ready
        fetch_moves = ~fetched | output_moves
        m.d.comb += [
            reading.eq((stored != 0) & fetch_moves),
            self.o.valid.eq(offered & ~self.wipe),
            self.o.payload.eq(output),
            self.empty.eq((stored == 0) & ~fetched & ~offered),
        ]
        with m.If(reading):
            m.d.sync += read_address.eq(following(read_address))
        with m.If(fetch_moves):
            m.d.sync += fetched.eq(reading)
        with m.If(output_moves):
            m.d.sync += [offered.eq(fetched), output.eq(read_port.data)]

        # While wiping, zeros are written to every address, and address 0 is read into the memory's output
        # register.
        top = Module()
        top.submodules.memory = memory
        top.submodules.control = ResetInserter(self.flush | self.wipe)(m)
        wipe_address = Signal(range(self.depth))
        with top.If(self.wipe):
            with top.If(wipe_address == self.depth - 1):
                top.d.sync += self.wiped.eq(1)
            with top.Else():
                top.d.sync += wipe_address.eq(wipe_address + 1)
        with top.Else():
            top.d.sync += [wipe_address.eq(0), self.wiped.eq(0)]
        top.d.comb += [
            write_port.en.eq(written | self.wipe),
            write_port.addr.eq(Mux(self.wipe, wipe_address, write_address)),
            write_port.data.eq(Mux(self.wipe, 0, self.i.payload)),
            read_port.en.eq(reading | self.wipe),
            read_port.addr.eq(read_address),
        ]
        return top
