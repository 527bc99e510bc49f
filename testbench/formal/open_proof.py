"""What is proved of Open: nothing leaves it before its record's tag was right."""

from amaranth.hdl import Assert, Assume, Cover, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from interlock_hdl.channel_keys import ChannelKeys
from interlock_hdl.crypto.aes_round import BLOCK_BITS
from interlock_hdl.crypto.gcm import BLOCK_BYTES, Gcm
from interlock_hdl.open import Open
from interlock_hdl.opened_records import OpenedHeader
from interlock_hdl.record import RecordHeader
from interlock_hdl.sealed_inbox import SealedInbox, SealedRow
from interlock_hdl.wire import network

LARGEST = 2
"""Blocks of the longest body."""
STORE_ROWS, STORE_HEADERS = 4, 4
COUNT_BITS = 3


class FreeGcm(wiring.Component):
    """Takes the place of the engine: lets blocks pass when it pleases.

    Headers are as they came; of a body and of a tag's difference anything may have become.
    """

    def __init__(self, engine: Gcm) -> None:
        self.latency = engine.latency
        free = {"gives": In(1), "block": In(BLOCK_BITS)}
        super().__init__({**engine.signature.members, **free})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += [
            self.i.ready.eq(self.o.ready & self.gives),
            self.o.valid.eq(self.i.valid & self.gives),
            self.o.payload.eq(self.i.payload),
            self.keys.ready.eq(1),
            self.wiped.eq(1),
        ]
        with m.If(~self.i.p.first):
            m.d.comb += self.o.p.block.eq(self.block)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += self.inside[0].eq(~self.i.p.last)
        return m


class FreeKeys(wiring.Component):
    """Takes the place of what keeps keys: there is one or not, and another one follows when it pleases."""

    def __init__(self, keys: ChannelKeys) -> None:
        self.slots = keys.slots
        super().__init__({**keys.signature.members, "is_keyed": In(1), "is_following": In(1)})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += [self.keyed.eq(self.is_keyed), self.following.eq(self.is_following), self.i.ready.eq(1)]
        return m


class FreeInbox(wiring.Component):
    """Takes the place of a link's inbox: has any rows at any time, and says of itself what it pleases."""

    def __init__(self, inbox: SealedInbox) -> None:
        free = {"row": In(SealedRow(BLOCK_BYTES)), "there": In(1), "whole": In(1), "flaw": In(1)}
        super().__init__({**inbox.signature.members, **free})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += [
            self.o.payload.eq(self.row),
            self.o.valid.eq(self.there),
            self.complete.eq(self.whole),
            self.malformed.eq(self.flaw),
            self.wiped.eq(1),
        ]
        return m


class OpenProof(wiring.Component):
    """What is offered are the right records of this epoch, one after another, up to the first wrong one.

    Whatever comes from the link, whenever there is a key, whatever the engine makes of it and how long it
    takes, and whenever the epoch ends, be it for a cycle.  A record is right if the difference of its tag was
    zero; it is of this epoch if its header was read for the engine in it.

    It is shown for the record, and the row of plaintext, of which ``number`` tells.  Buffers are smaller than
    they are, and so are bodies, which nothing else depends on.
    """

    row: In(SealedRow(BLOCK_BYTES))
    there: In(1)
    whole: In(1)
    flaw: In(1)
    is_open: In(1)
    is_keyed: In(1)
    is_following: In(1)
    gives: In(1)
    block: In(BLOCK_BITS)
    header_ready: In(1)
    body_ready: In(1)
    number: In(COUNT_BITS)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = Open(
            beat_bytes=BLOCK_BYTES, links=1, interval=14, rekey_bits=1, stop_bits=COUNT_BITS
        )
        dut.gcm = engine = FreeGcm(dut.gcm)
        dut.channel_keys = keys = FreeKeys(dut.channel_keys)
        dut.inboxes[0] = inbox = FreeInbox(dut.inboxes[0])
        store, turns = dut.stores[0], dut.turns
        store.depth, store.largest, store.headers = STORE_ROWS, LARGEST, STORE_HEADERS
        m.d.comb += [
            inbox.row.eq(self.row),
            inbox.there.eq(self.there),
            inbox.whole.eq(self.whole),
            inbox.flaw.eq(self.flaw),
            dut.open.eq(self.is_open),
            dut.header[0].ready.eq(self.header_ready),
            dut.body[0].ready.eq(self.body_ready),
            keys.is_keyed.eq(self.is_keyed),
            keys.is_following.eq(self.is_following),
            engine.gives.eq(self.gives),
            engine.block.eq(self.block),
        ]
        number = Signal(COUNT_BITS)  # is one and the same all the time
        started = Signal()
        m.d.sync += [number.eq(self.number), started.eq(1)]
        # No body is longer than it may be; here that is less.
        length = RecordHeader(network(self.row.data)).length
        reads_header = turns.begins[0]
        m.d.comb += [
            Assume(~started | (self.number == number)),
            Assume(~reads_header | turns.cut[0] | (length <= LARGEST * BLOCK_BYTES)),
        ]

        # Records in the engine, the first ``old`` of which are of epochs before.
        out = engine.o
        leaves = out.valid & out.ready
        judged = leaves & out.p.last
        records, old = Signal(COUNT_BITS), Signal(COUNT_BITS)
        records_next = records + reads_header - judged
        m.d.sync += records.eq(records_next)
        with m.If(~self.is_open):
            m.d.sync += old.eq(records_next)
        with m.Else():
            m.d.sync += old.eq(old - (judged & (old != 0)) + (reads_header & turns.cut[0]))
        counts = leaves & (old == 0)

        # What has been found right in this epoch, and what one record and one row of that are.
        wrong = Signal()
        rights, rows_right, rows = Signal(COUNT_BITS), Signal(COUNT_BITS), Signal(COUNT_BITS)
        header, kept_header = Signal(OpenedHeader), Signal(OpenedHeader)
        kept_row = Signal()  # its first bit, which stands for the others
        arrived = RecordHeader(network(out.p.block))
        is_right = out.p.block == 0
        with m.If(~self.is_open):
            m.d.sync += [wrong.eq(0), rights.eq(0), rows_right.eq(0), rows.eq(0)]
        with m.Elif(counts & ~wrong):
            with m.If(out.p.first):
                m.d.sync += [
                    header.type.eq(arrived.type),
                    header.flags.eq(arrived.flags),
                    header.length.eq(arrived.length),
                ]
            with m.Elif(out.p.last):
                m.d.sync += [wrong.eq(~is_right), rights.eq(rights + is_right), rows_right.eq(rows)]
                with m.If(rights == number):
                    m.d.sync += kept_header.eq(header)
            with m.Else():
                m.d.sync += rows.eq(rows + 1)
                with m.If(rows == number):
                    m.d.sync += kept_row.eq(out.p.block[0])

        # What was read.
        headers_read, rows_read = Signal(COUNT_BITS), Signal(COUNT_BITS)
        offered, body = dut.header[0], dut.body[0]
        with m.If(~self.is_open):
            m.d.sync += [headers_read.eq(0), rows_read.eq(0)]
        with m.Else():
            m.d.sync += [
                headers_read.eq(headers_read + (offered.valid & offered.ready)),
                rows_read.eq(rows_read + (body.valid & body.ready)),
            ]
        its_header = offered.valid & (headers_read == number)
        its_row = body.valid & (rows_read == number)
        m.d.comb += [
            Assert(~offered.valid | (headers_read < rights)),
            Assert(~body.valid | (rows_read < rows_right)),
            Assert(~its_header | (offered.p.type == kept_header.type)),
            Assert(~its_header | (offered.p.flags == kept_header.flags)),
            Assert(~its_header | (offered.p.length == kept_header.length)),
            Assert(~its_header | (offered.p.seq == number)),
            Assert(~its_row | (body.p.data[0] == kept_row)),
            Cover(offered.valid & (headers_read == 1)),
            Cover(body.valid & body.p.last),
            Cover(dut.fault[0] & offered.valid),
            Cover((old != 0) & judged & self.is_open & store.room),
        ]
        return m
