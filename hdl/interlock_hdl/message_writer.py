"""Makes messages of what records bring: a header, then the payload."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.message import MESSAGE_HEADER_BYTES, Kind, MessageHeader
from interlock_hdl.wire import network


class MessageWriter(wiring.Component):
    """Writes the messages of all channels, record by record, as the accelerator gets them.

    A message's header goes before its first payload record, or behind its prefix if the payload is empty; it
    is staged like any other beat, so that release is a plain copy.

    **Latency**: 0 for payload.  **Throughput**: one beat a cycle.

    Parameters
    ----------
    beat_bytes, links : int

    Members
    -------
    enable, slot : In(1), In(8)
        A record of this channel is being written; the channel is named at least a cycle before.
    eom, empty : In(1)
        It ends its message; it is a prefix, and the message has no payload.
    begins : In(1)
        The record is in the cycle in which it is found out whether it may be here: nothing ends in that one.
    body : In(stream of Beat)
        Its payload.
    o : Out(stream of Beat)
    commit, done : Out(1)
        Strobes: with this beat the message is whole; the record is written.
    abort : In(1)
        Strobe: the message at hand is given up.
    ended : In(links)
        Strobes: the epoch is over, and its message given up.
    """

    def __init__(self, *, beat_bytes: int, links: int) -> None:
        self.beat_bytes = beat_bytes
        self.links = links
        super().__init__(
            {
                "enable": In(1),
                "slot": In(8),
                "eom": In(1),
                "empty": In(1),
                "begins": In(1),
                "body": In(beat_stream(beat_bytes)),
                "o": Out(beat_stream(beat_bytes)),
                "commit": Out(1),
                "done": Out(1),
                "abort": In(1),
                "ended": In(links),
            }
        )

    def elaborate(self, platform):
        m = Module()
        header = Signal(MessageHeader)
        beat = Signal(range(MESSAGE_HEADER_BYTES // self.beat_bytes))
        header_ends = beat == MESSAGE_HEADER_BYTES // self.beat_bytes - 1
        has_header = Signal(self.links)  # the header of the open message is written
        here = Signal()  # that of the record at hand is
        m.d.comb += [header.kind.eq(Kind.PEER), header.peer.eq(self.slot)]

        writes_header = self.enable & ~here
        writes_payload = self.enable & here & ~(self.begins & self.body.payload.last)
        with m.If(writes_header):
            m.d.comb += [
                self.o.payload.data.eq(network(header).word_select(beat, 8 * self.beat_bytes)),
                self.o.payload.keep.eq(-1),
                self.o.payload.first.eq(beat == 0),
                self.o.payload.last.eq(self.empty & header_ends),
            ]
        with m.Else():
            m.d.comb += [
                self.o.payload.data.eq(self.body.payload.data),
                self.o.payload.keep.eq(self.body.payload.keep),
                self.o.payload.last.eq(self.body.payload.last & self.eom),
            ]
        taken = self.o.valid & self.o.ready
        header_taken = writes_header & taken & header_ends
        ends = (header_taken & self.empty) | (writes_payload & taken & self.body.payload.last)
        m.d.comb += [
            self.o.valid.eq(writes_header | (writes_payload & self.body.valid)),
            self.body.ready.eq(writes_payload & self.o.ready),
            self.done.eq(ends),
            self.commit.eq(self.done & self.eom),
        ]

        with m.If(~self.enable):
            m.d.sync += [beat.eq(0), here.eq(has_header.bit_select(self.slot, 1))]
        with m.Elif(writes_header & taken):
            m.d.sync += [beat.eq(beat + 1), here.eq(header_ends & ~self.empty)]
        gone = (self.commit | self.abort) << self.slot
        begun = (header_taken & ~self.empty) << self.slot
        m.d.sync += has_header.eq((has_header | begun) & ~gone & ~self.ended)
        return m
