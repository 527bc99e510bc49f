"""What is proved of a seal's numbers and keys, whatever egress, controller, links and engine do."""

from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In
from interlock_hdl import channel_keys
from interlock_hdl.channel_keys import ChannelKey, ChannelKeys, Task
from interlock_hdl.crypto.gcm import RecordPart
from interlock_hdl.crypto.gcm_keys import KeySource
from interlock_hdl.ones import place_of_one, without_lowest_one
from interlock_hdl.record import RecordHeader
from interlock_hdl.seal_entry import SealEntry
from interlock_hdl.seal_framer import FramedBlock
from interlock_hdl.wire import network

from formal.past import ago

LINKS = 2


class SealNumberProof(wiring.Component):
    """Under each key that is given the engine takes records 0, 1, 2 …, each once, and none after the stop; it
    has had as many keys followed as a number says; no key of a slot changes while a record of it is inside,
    no record goes in without a key, and a flush ends a key's time at once.

    That is of slot 0; slot 1 does what it likes.  The engine is free: it takes requests and blocks whenever
    it wants, has a record inside for as long as it wants, and says that a key is loaded any time after it
    took the request.  Assumed: that it says so once for each, and that no key that comes is zero.
    """

    def __init__(self, *, rekey_bits: int, stop_bits: int) -> None:
        self.rekey_bits = rekey_bits
        self.stop_bits = stop_bits
        super().__init__(
            {
                "i": In(stream.Signature(FramedBlock(LINKS))),
                "keys": In(stream.Signature(ChannelKey(LINKS))),
                "flush": In(LINKS),
                "request_ready": In(1),
                "block_ready": In(1),
                "loaded": In(1),
                "leaves": In(1),
                "other_inside": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.keys = keys = ChannelKeys(links=LINKS)
        m.submodules.entry = entry = SealEntry(
            links=LINKS, rekey_bits=self.rekey_bits, stop_bits=self.stop_bits
        )
        wiring.connect(m, wiring.flipped(self.i), entry.i)
        wiring.connect(m, wiring.flipped(self.keys), keys.i)
        loading, loading_slot = Signal(), Signal.like(keys.loaded_slot)
        inside = Signal()  # of slot 0, in the engine
        offered = entry.i.p.facts
        waiting = entry.i.valid & offered.first & offered.right  # a header, before the entry
        stands = ago(m, Cat(entry.i.valid & ~entry.i.ready, entry.i.payload))
        m.d.comb += [
            keys.forget.eq(self.flush),
            keys.follow.eq(entry.follow),
            keys.follow_slot.eq(entry.follow_slot),
            keys.inside.eq(entry.inside | entry.busy | Mux(waiting, offered.links, 0)),
            keys.requests.ready.eq(self.request_ready),
            keys.loaded.eq(self.loaded),
            keys.loaded_slot.eq(loading_slot),
            entry.following.eq(keys.following),
            entry.keyed.eq(keys.keyed),
            entry.flush.eq(keys.ends),
            *(to.eq(channel) for to, channel in zip(entry.channel, keys.channel, strict=True)),
            entry.o.ready.eq(self.block_ready),
            entry.busy.eq(Cat(inside, self.other_inside)),
            Assume(~self.loaded | loading),
            Assume(keys.i.p.key != 0),
            Assume(without_lowest_one(offered.links) == 0),
        ]

        # What is offered stays so until it is taken.
        with m.If(stands[0]):
            m.d.comb += Assume(entry.i.valid & (entry.i.payload.as_value() == stands[1:]))

        # The engine.
        header = entry.o.valid & entry.o.p.first & (entry.o.p.slot == 0)  # waits for it
        seq = RecordHeader(network(entry.o.p.block)).seq
        taken = header & entry.o.ready
        request = keys.requests
        requested = request.valid & request.ready & (request.p.slot == 0)
        has_key = Signal()
        follows = Signal(self.stop_bits - self.rekey_bits + 1)
        next_seq = Signal(self.stop_bits + 1)
        m.d.sync += inside.eq(taken | (inside & ~self.leaves))
        with m.If(request.valid & request.ready):
            m.d.sync += [loading.eq(1), loading_slot.eq(request.p.slot)]
        with m.Elif(self.loaded):
            m.d.sync += loading.eq(0)
        with m.If(requested):
            m.d.comb += Assert(~inside & ~header)
            with m.If(request.p.source == KeySource.FOLLOWS):
                m.d.sync += follows.eq(follows + 1)
            with m.Else():
                m.d.sync += [follows.eq(0), next_seq.eq(0), has_key.eq(request.p.key != 0)]
        with m.If(taken):
            m.d.sync += next_seq.eq(next_seq + 1)
        with m.If(header):
            m.d.comb += [
                Assert(has_key & ~(loading & (loading_slot == 0))),
                Assert((seq == next_seq) & (seq < 1 << self.stop_bits)),
                Assert(follows == seq >> self.rekey_bits),
            ]

        looked = entry.looked & entry.admitted
        going = looked & entry.goes & offered.links[0]  # a header that goes in, unless it has no number
        m.d.comb += [
            Assert(~looked | (waiting & offered.links.any())),
            Assert(~looked | (entry.is_spent == (entry.spent & offered.links).any())),
            Assert(~going | ~entry.due[0]),
            Assert(~entry.follow | (looked & ~entry.goes & (entry.due & offered.links).any())),
            Assert(~entry.follow | (~keys.following & (entry.state == RecordPart.HEADER))),
            Assert(~entry.follow | (entry.follow_slot == place_of_one(offered.links))),
        ]
        self._invariants(m, keys, entry, header=header, inside=inside | going, loading=loading)
        with m.If(keys.keyed[0] | going):
            self._of_the_epoch(m, keys, entry, header=header, seq=seq, next_seq=next_seq, follows=follows)
        m.d.comb += Assert(next_seq <= 1 << self.stop_bits)
        begun = Signal()
        m.d.sync += begun.eq(1)
        with m.If(begun & ~ago(m, keys.keyed[0])):
            m.d.comb += Assert(Cat(entry.seqs[0], entry.due[0], entry.spent[0]) == Const(0))
        asking, installing = keys.state != channel_keys.State.IDLE, keys.task == Task.INSTALL
        m.d.comb += [
            # What the engine has is what the block believes.
            Assert(~loading | (loading_slot == keys.slot)),
            Assert(~keys.held | (keys.key != 0)),
            Assert(~(keys.keyed[0] | going) | has_key),
            Assert(~has_key | keys.dirty[0]),
            Assert(~ago(m, entry.flush[0]) | ~keys.keyed[0]),
        ]
        with m.If(loading & installing & (keys.slot == 0)):
            m.d.comb += Assert(has_key & (next_seq == 0) & (follows == 0))
        with m.If(loading & (keys.task == Task.ERASE) & (keys.slot == 0)):
            m.d.comb += Assert(~has_key)
        m.d.comb += [
            Cover(taken & (seq == 1 << self.rekey_bits)),
            Cover(header & ~keys.keyed[0]),
            Cover(requested & (request.p.key == 0) & (next_seq == 2) & asking),
        ]
        return m

    def _invariants(self, m, keys, entry, *, header: Value, inside: Value, loading: Value) -> None:
        """Where a request, a header and a key that is in use exclude each other."""
        first = entry.o.valid & entry.o.p.first
        busy = keys.state != channel_keys.State.IDLE
        settled = keys.settled & ~busy
        at_hand = busy & (keys.slot == 0)
        follows, installs = busy & (keys.task == Task.FOLLOW), busy & (keys.task == Task.INSTALL)
        is_held = keys.held & (keys.held_slot == keys.slot)
        followed = keys.following & (keys.followed_slot == 0)
        asks = entry.follow & (entry.follow_slot == 0)
        m.d.comb += [
            Assert(Value.cast(keys.state) < len(channel_keys.State)),
            Assert(Value.cast(keys.task) < len(Task)),
            Assert(Value.cast(entry.state) < len(RecordPart)),
            Assert(without_lowest_one(entry.link) == 0),
            Assert(~first | (entry.state != RecordPart.HEADER)),
            Assert(~entry.numbered | (first & (entry.o.p.slot == place_of_one(entry.link)))),
            Assert(loading == (keys.state == channel_keys.State.LOAD)),
            # A key changes where nothing is under it: one that follows in its slot's epoch, others in none.
            Assert(~(at_hand | followed | asks) | ~(header | inside)),
            Assert(~(at_hand & ~follows) | ~(keys.keyed[0] | followed)),
            Assert(~follows | keys.following),
            Assert(~follows | (keys.slot == keys.followed_slot)),
            Assert(~(header | inside) | keys.used[0]),
            # What may be done to a slot was found while nothing was under its key, and stays so.
            Assert(~(settled & keys.erasable[0]) | (keys.dirty[0] & ~(keys.keyed[0] | header | inside))),
            Assert(~(settled & keys.installable) | (keys.held & ~keys.dirty.bit_select(keys.held_slot, 1))),
            Assert(~(settled & keys.installable & (keys.held_slot == 0)) | ~(header | inside)),
            # The key that is held is the newest of its slot.
            Assert(~(keys.held & (keys.held_slot == 0)) | ~keys.keyed[0]),
            Assert(~installs | loading | is_held),
            Assert(~(installs & loading & is_held & (keys.slot == 0)) | keys.stale),
            Assert(~(installs & (keys.slot == 0)) | keys.dirty[0]),
        ]

    def _of_the_epoch(
        self, m, keys, entry, *, header: Value, seq: Value, next_seq: Value, follows: Value
    ) -> None:
        """What the entry knows of a key in use is what the engine has seen of it, or is about to."""
        counting = entry.numbered & entry.link[0]
        number = Mux(counting, seq + 1, Cat(entry.seqs[0], entry.spent[0]))
        due = Mux(counting, seq[: self.rekey_bits].all(), entry.due[0])
        owed = keys.following & (keys.followed_slot == 0)
        owed &= ~((keys.state == channel_keys.State.LOAD) & (keys.task == Task.FOLLOW))
        expected = Mux(header, seq + 1, next_seq)
        m.d.comb += [
            Assert(number == expected),
            Assert(follows + owed + due == expected >> self.rekey_bits),
        ]
