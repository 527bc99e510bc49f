"""Reads the prefix of a message: its descriptor, then entries for the log."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.record import ENTRY_BYTES, Entry, PrefixFlag, PrefixHeader
from interlock_hdl.wire import network


class PrefixReader(wiring.Component):
    """Turns the body of a PREFIX record into entries, and stops at the first thing out of place.

    The descriptor must say exactly what the record's length says, and nothing else; entry 0 must be who has
    spoken in this epoch before, and never this node itself.  Neither a bad descriptor nor a bad entry 0 is
    ever offered as an entry.

    **Latency**: one cycle from the last beat of an entry to ``entries``.  **Throughput**: one beat a cycle.

    Parameters
    ----------
    beat_bytes : int

    Members
    -------
    enable : In(1)
        A PREFIX record is being read.  While it is low the block is in reset.
    body : In(stream of Beat)
        The record's body, a multiple of 32 bytes, at least 64.
    length : In(16)
        Bytes of the body.
    session_id : In(128)
        The node's own id.
    peer_known, peer_id : In(1), In(128)
        Who spoke in this epoch before, if anybody did.
    entries : Out(stream of Entry)
    introduced : Out(1)
        Strobe: ``entries`` gives entry 0.
    fault : Out(1)
        Something is out of place.
    done : Out(1)
        Every entry was taken.
    """

    def __init__(self, *, beat_bytes: int) -> None:
        self.beat_bytes = beat_bytes
        super().__init__(
            {
                "enable": In(1),
                "body": In(beat_stream(beat_bytes)),
                "length": In(16),
                "session_id": In(128),
                "peer_known": In(1),
                "peer_id": In(128),
                "entries": Out(stream.Signature(Entry)),
                "introduced": Out(1),
                "fault": Out(1),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beats = ENTRY_BYTES // self.beat_bytes

        # Descriptor and entries are words of 32 bytes.
        word = Signal(8 * ENTRY_BYTES)
        full = Signal()
        beat = Signal(range(beats))
        is_descriptor = Signal(init=1)
        is_entry_0 = Signal()
        all_read = Signal()
        descriptor = PrefixHeader(word)
        entry = Entry(word)

        expected = Signal(PrefixHeader)
        m.d.comb += [expected.n_sessions.eq((self.length >> 5) - 1), expected.flags.eq(PrefixFlag.FULL)]
        impostor = Signal()
        m.d.comb += impostor.eq(
            (entry.session_id == self.session_id) | (self.peer_known & (entry.session_id != self.peer_id))
        )

        right = Signal()
        use = Signal()
        with m.If(is_descriptor):
            m.d.comb += [right.eq(descriptor.as_value() == expected.as_value()), use.eq(full)]
        with m.Else():
            m.d.comb += [right.eq(~(is_entry_0 & impostor)), use.eq(full & self.entries.ready)]
        m.d.comb += [
            self.fault.eq(full & ~right),
            self.entries.payload.eq(entry),
            self.entries.valid.eq(full & ~is_descriptor & right),
            self.introduced.eq(self.entries.valid & self.entries.ready & is_entry_0),
            self.body.ready.eq(self.enable & ~all_read & (~full | use)),
            self.done.eq(all_read & ~full),
        ]
        with m.If(use):
            m.d.sync += [full.eq(0), is_descriptor.eq(0), is_entry_0.eq(is_descriptor)]
        with m.If(self.body.valid & self.body.ready):
            m.d.sync += [
                word.eq(Cat(network(self.body.payload.data), word)),
                beat.eq(beat + 1),
                full.eq(beat == beats - 1),
                all_read.eq(self.body.payload.last),
            ]
        return ResetInserter(~self.enable)(m)
