"""What is proved of Ingress: what is released, and when."""

from amaranth.hdl import Array, Assert, Assume, Cover, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from interlock_hdl.beat import Beat
from interlock_hdl.config import InterlockConfig
from interlock_hdl.ingress import Ingress
from interlock_hdl.log.answer import Answer
from interlock_hdl.record import RecordFlag, RecordHeader, RecordType

from formal.register_log_proof import ago

CONFIG = InterlockConfig(beat_bytes=16, links=1, message_bytes=16, staging_messages=1)
NUMBER_BITS = 4
PLACES = 4
"""Whole messages that the channel's buffer can hold, and more."""


class ReleaseProof(wiring.Component):
    """Only whole messages of this epoch are released, in order, and none while the window is open.

    Messages are numbered, and every beat of a payload says which one it is of.  A message is *whole* when its
    last record was read to the end and the log has taken every entry that the lengths of its PREFIX records
    have room for.  Assumed: bodies are as long as their headers say, which the link has checked; the log
    answers what it was asked; each epoch's grant is what the buffer holds; no record has more than 128 bytes,
    and nothing is merged from inside the node.

    Members
    -------
    Inputs of the block, as free variables.
    """

    header: In(RecordHeader)
    header_valid: In(1)
    body: In(Beat(CONFIG.beat_bytes))
    body_valid: In(1)
    is_open: In(1)
    merge_ready: In(1)
    merged: In(1)
    answer: In(Answer)
    host: In(Beat(CONFIG.beat_bytes))
    host_valid: In(1)
    granted: In(1)
    window: In(1)
    rx_ready: In(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = Ingress(config=CONFIG)
        port = dut.records[0]
        ended = ago(m, self.is_open) & ~self.is_open
        m.d.comb += [
            port.header.payload.eq(self.header),
            port.header.valid.eq(self.header_valid),
            port.body.payload.eq(self.body),
            port.body.valid.eq(self.body_valid),
            dut.open.eq(self.is_open),
            dut.ended.eq(ended),
            dut.merge.ready.eq(self.merge_ready),
            dut.merged.eq(self.merged),
            dut.answer.eq(self.answer),
            dut.host.payload.eq(self.host),
            dut.host.valid.eq(self.host_valid),
            dut.granted.eq(self.granted),
            dut.granted_bytes.eq(CONFIG.staging_bytes),
            dut.window.eq(self.window),
            dut.rx.ready.eq(self.rx_ready),
        ]
        self._link(m, dut, port, ended)
        self._log(m, dut)
        self._messages(m, dut, port, ended)
        return m

    def _link(self, m: Module, dut: Ingress, port, ended) -> None:
        """Well-formed records, while the epoch is open; a closed channel's epoch ends in the next cycle."""
        header = self.header
        begins = port.header.valid & port.header.ready
        self.left = left = Signal(9)  # beats of the body that are still to come
        has_body = (header.type == RecordType.PREFIX) | (header.type == RecordType.PAYLOAD)
        flags = header.flags >> 2 << 2  # without SOM and EOM
        granted = Signal()
        m.d.comb += [
            Assume((header.type >= RecordType.PREFIX) & (header.type <= RecordType.FULL_REQUEST)),
            Assume(flags == RecordFlag.CLEAR),
            Assume(has_body | (header.flags == RecordFlag.CLEAR)),
            Assume(~has_body | ((header.length != 0) & (header.length <= 128))),
            Assume((header.type != RecordType.CREDIT) | (header.length == 8)),
            Assume((header.type <= RecordType.CREDIT) | (header.length == 0)),
            Assume(~self.header_valid | self.is_open),
            Assume(~self.body_valid | (self.is_open & (left != 0))),
            Assume(self.body.last == (left == 1)),
            Assume(~ago(m, dut.close) | ~self.is_open),
            Assume(~self.is_open | ago(m, self.is_open) | ago(m, dut.clean)),
            Assume(~self.granted | (self.is_open & ~granted)),
        ]
        m.d.sync += granted.eq(self.is_open & (granted | self.granted))
        with m.If(~self.is_open):
            m.d.sync += left.eq(0)
        with m.Elif(begins):
            m.d.sync += left.eq((header.length + 15) >> 4)
        with m.Elif(port.body.valid & port.body.ready):
            m.d.sync += left.eq(left - 1)

    def _log(self, m: Module, dut: Ingress) -> None:
        asked = Signal(range(16))
        asks = dut.merge.valid & dut.merge.ready
        m.d.comb += [Assume(~self.merged | (asked != 0)), Assume(~asks | (asked < 8))]
        m.d.sync += asked.eq(asked + asks - self.merged)

    def _messages(self, m: Module, dut: Ingress, port, ended) -> None:
        # The message that is being read.
        number = Signal(NUMBER_BITS)
        is_last, is_payload = Signal(), Signal()  # of the last record that was taken
        owed = Signal(12)  # entries of its prefix that the log has not taken
        refused = Signal()
        header = self.header
        begins = port.header.valid & port.header.ready
        som, eom = header.flags[0], header.flags[1]
        is_prefix = header.type == RecordType.PREFIX
        takes = self.merged & ~dut.local_merged
        entries = (header.length >> 5) - som
        with m.If(begins & is_prefix & som):
            m.d.sync += [number.eq(number + 1), owed.eq(entries), refused.eq(0)]
        with m.Else():  # the last answer may come in the cycle in which the next record is taken
            m.d.sync += owed.eq(owed + Mux(begins & is_prefix, entries, 0) - takes)
            with m.If(takes & (self.answer != Answer.OK)):
                m.d.sync += refused.eq(1)
        m.d.comb += [
            Assume(~is_payload | (self.left == 0) | (self.body.data[:NUMBER_BITS] == number)),
            # Numbers are not used twice.
            Assume(~(begins & is_prefix & som) | ~number.all()),
        ]

        # Whole ones, the oldest first, and the one that is being released.
        whole = Array(Signal(NUMBER_BITS, name=f"whole_{i}") for i in range(PLACES))
        count = Signal(range(PLACES + 1))
        is_whole = is_last & (self.left == 0) & (owed == 0) & ~refused
        completes = is_whole & ~ended
        releases = dut.released & (dut.source == 0)
        with m.If(begins):
            m.d.sync += [is_last.eq(eom), is_payload.eq(header.type == RecordType.PAYLOAD)]
        with m.Elif(is_whole):
            m.d.sync += is_last.eq(0)
        with m.If(releases):
            for i in range(PLACES - 1):
                m.d.sync += whole[i].eq(whole[i + 1])
        with m.If(completes):
            m.d.sync += whole[(count - releases)[: len(count)]].eq(number)
        m.d.sync += count.eq(Mux(ended, 0, count + completes - releases))
        with m.If(ended):
            m.d.sync += is_last.eq(0)

        released = Signal(NUMBER_BITS)
        out = Signal()  # a message of the channel is on its way out
        now = Mux(releases, whole[0], released)
        of_channel = dut.rx.valid & (dut.source == 0)
        passes = of_channel & dut.rx.ready
        m.d.sync += released.eq(now)
        with m.If(passes & dut.rx.payload.last):
            m.d.sync += out.eq(0)
        with m.Elif(releases):
            m.d.sync += out.eq(1)
        is_body = of_channel & ~dut.rx.payload.first
        m.d.comb += [
            Assert(~releases | (count != 0)),
            Assert(~dut.released | ~ago(m, self.window)),
            Assert(~of_channel | releases | out),
            Assert(~is_body | (dut.rx.payload.data[:NUMBER_BITS] == now)),
            Assert(~(completes & (count == PLACES))),
            Cover(is_body & ~self.is_open),
            Cover(ended & (count != 0)),
            Cover(is_body),
        ]
