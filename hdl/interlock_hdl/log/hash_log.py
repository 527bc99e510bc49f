"""The log in block RAM: a dense array of entries, and a keyed hash index into it (D6)."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In

from interlock_hdl.log.answer import Answer
from interlock_hdl.log.comparison import Change, changed, compare
from interlock_hdl.log.entry_array import EntryArray
from interlock_hdl.log.hash_control import Kind, control_layout
from interlock_hdl.log.hash_index import HashIndex
from interlock_hdl.log.index_shape import IndexShape
from interlock_hdl.log.own_entry import OwnEntry
from interlock_hdl.log.sip_hash import SipHash
from interlock_hdl.log.store import StoreSignature
from interlock_hdl.log.stored import StoredEntry, is_damaged, parity_of
from interlock_hdl.record import ProvenanceFlag
from interlock_hdl.twin import Twin

MIN_HASH_LOG, MAX_HASH_LOG = 64, 16384
RESERVED_FLAGS = 0xFFFF & ~sum(ProvenanceFlag)


class HashLog(wiring.Component):
    """A store (:class:`StoreSignature`) for 64 … 16 384 entries in block RAM.

    An array holds the entries.  Where a key's entry is, an index tells, in which the hash of the key is
    looked up (:class:`HashIndex`); the whole key of the entry is then compared.  So the hash decides about
    room only: a key that finds no place in the index, or that another one stands in the way of, is answered
    FULL.  For keys chosen without knowledge of ``key``, the chance that this happens to any of them, up to
    the last entry, is below 2 ** -40 (docs/hash-log.md).

    Every merge goes the same way in the same time, whatever it finds; what the merges right before it have
    not written yet is looked at on the way.

    **Faults**: entries, requests and announcements carry parity from before the first register that they
    enter, registers that decide what becomes of an entry are held twice, and what is damaged is a ``fault``
    at most 2 cycles after it was first used or shown.  Memories are checked where they are read.  Neither
    the hash nor the registers of the index need protection: with a wrong address a source is refused, or
    counted twice, and never less.

    **Latency**: ``merge_latency`` and ``read_latency``.  **Throughput**: a merge is taken every second cycle,
    and an entry read every cycle.

    Parameters
    ----------
    entries : int
        A power of two, 64 … 16 384.
    shape : IndexShape, optional
        An index of another size, for tests; ``entries`` may then be as few as 4.
    hash_function : wiring.Component, optional
        In place of :class:`SipHash`, for proofs: with its ports, and a ``latency`` that is even.

    Members
    -------
    Those of :class:`StoreSignature`, and
    key : In(128)
        Of the hash: random, known to nobody, constant from the end of ``wipe`` to the next one.
    """

    read_latency = EntryArray.read_latency
    merge_latency = SipHash.latency + HashIndex.latency + 7

    def __init__(
        self,
        *,
        entries: int,
        shape: IndexShape | None = None,
        hash_function: wiring.Component | None = None,
    ) -> None:
        least = MIN_HASH_LOG if shape is None else 4
        if not least <= entries <= MAX_HASH_LOG or entries & (entries - 1):
            raise ValueError(f"entries must be a power of two, {least} … {MAX_HASH_LOG}, not {entries}")
        self.capacity = entries
        self.shape = shape or IndexShape.of(entries)
        self.hash = hash_function or SipHash()
        self.index = HashIndex(shape=self.shape)
        self.array = EntryArray(entries=entries)
        self.own = OwnEntry()
        self.windows = (self.hash.latency + self.index.latency) // 2
        self.control = Twin(control_layout(entries, self.windows), init={"odd": 1})
        super().__init__({**StoreSignature(entries).members, "key": In(128)})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.control = control = self.control
        m.submodules.hash = self.hash
        m.submodules.index = index = self.index
        m.submodules.array = array = self.array
        m.submodules.own_entry = own = self.own
        now, following = control.value, control.next
        m.d.comb += [control.load.eq(1), following.eq(now), following.odd.eq(~now.odd)]

        longest = max(self.capacity, 2 << self.shape.bucket_bits, self.windows + 1)
        wiping = Twin(data.StructLayout({"address": range(longest), "done": 1}))
        line = self._accept(m, wiping.value.address)
        self._choose(m)
        # `request` and `entry` stand here for two cycles, then `new` does.
        request, entry, new = (Signal(StoredEntry, name=name) for name in ("request", "entry", "new"))
        self._fetch(m, line, request, entry, new)
        self._combine(m, request, entry, new)

        m.d.comb += [
            *(block.odd.eq(now.odd) for block in (index, array)),
            *(block.wiping.eq(self.wipe) for block in (index, array)),
            *(block.wiping_at.eq(wiping.value.address) for block in (index, array)),
            own.ready.eq(self.own_ready),
            array.own.eq(own.stored),
            self.n_sessions.eq(now.n_sessions),
            self.n_externals.eq(now.n_externals),
            self.own_ready.eq(now.n_sessions != 0),
        ]
        wiring.connect(m, wiring.flipped(self.announce), own.announce)
        wiring.connect(m, wiring.flipped(self.read), array.read)
        wiring.connect(m, array.entries, wiring.flipped(self.entries))

        damage = Cat(own.damaged, array.damaged, index.damaged, *map(is_damaged, (request, entry, new)))
        damaged = Signal(len(damage))  # parity of some hundred bits each, so a register of its own
        m.d.sync += [
            damaged.eq(damage),
            self.fault.eq(self.fault | damaged.any() | control.fault),
        ]
        top = Module()  # what `wipe` does not reset
        top.submodules.log = ResetInserter(self.wipe)(m)
        top.submodules.wiping = wiping
        top.d.comb += [self.wiped.eq(wiping.value.done & ~wiping.fault), wiping.load.eq(1)]
        with top.If(self.wipe & ~wiping.fault):  # or from the start, for an address may have been missed
            top.d.comb += wiping.next.eq(wiping.value)
            with top.If(wiping.value.address.all()):
                top.d.comb += wiping.next.done.eq(1)
            with top.Else():
                top.d.comb += wiping.next.address.eq(wiping.value.address + 1)
        return top

    def _accept(self, m: Module, wiping_at: Value) -> data.View:
        """Takes a request in even cycles.  Returns it as it is when the index has answered."""
        now, following = self.control.value, self.control.next
        asked = self.merge.payload
        bits = asked.entry.as_value()
        m.d.comb += [
            self.merge.ready.eq(~now.odd),
            self.hash.key.eq(self.key),
            # The whole digest, or the id and zeros: not the count, which changes.
            self.hash.message.eq(Cat(Mux(asked.external, bits[:128], 0), bits[128:])),
            self.hash.kind.eq(asked.external),
        ]
        with m.If(~now.odd):
            m.d.comb += following.waiting.eq(Cat(Signal(Kind), now.waiting))
            with m.If(self.merge.valid):
                m.d.comb += [
                    following.waiting[0].valid.eq(1),
                    following.waiting[0].own.eq(asked.own),
                    following.waiting[0].external.eq(asked.external),
                    following.waiting[0].reserved.eq(
                        ~asked.external & (asked.entry.provenance.flags & RESERVED_FLAGS).any()
                    ),
                ]

        # A delay line: what is read is what was written when `line` had this value last.
        depth = self.windows + 1
        memory = Memory(shape=StoredEntry, depth=depth, init=[])
        m.submodules.requests = memory
        write_port, read_port = memory.write_port(), memory.read_port(domain="comb")
        incoming = Signal(StoredEntry)
        m.d.comb += [
            incoming.entry.eq(asked.entry),
            incoming.external.eq(asked.external),
            incoming.held.eq(1),
            incoming.parity.eq(parity_of(asked.entry, asked.external)),
            read_port.addr.eq(now.line),
            write_port.addr.eq(Mux(self.wipe, wiping_at, now.line)),
            write_port.data.eq(Mux(self.wipe, 0, incoming)),
            write_port.en.eq(self.wipe | ~now.odd),
        ]
        with m.If(~now.odd):
            m.d.comb += following.line.eq(Mux(now.line == depth - 1, 0, now.line + 1))
        return read_port.data

    def _choose(self, m: Module) -> None:
        """The index has answered: which entry it is, or that there is room for it."""
        now, following = self.control.value, self.control.next
        index = self.index
        m.d.comb += [
            index.digest.eq(self.hash.digest),
            index.new_address.eq(following.chosen.address),
            following.full.eq(now.sessions + now.externals == self.capacity),
        ]
        kind, chosen = now.waiting[-1], following.chosen
        with m.If(~now.odd):
            m.d.comb += [
                chosen.eq(kind),
                chosen.address.eq(Mux(kind.external, ~now.externals, now.sessions)),
                following.arriving.eq(now.chosen),
                following.comparing.eq(now.arriving),
            ]
            with m.If(kind.own & now.begun):
                m.d.comb += [chosen.mark.eq(kind.valid), chosen.address.eq(0)]
            with m.Elif(~now.begun & (~kind.own | kind.reserved)):
                m.d.comb += chosen.refusal.eq(Answer.CONFLICT)
            with m.Elif(index.found):
                m.d.comb += [chosen.look.eq(kind.valid), chosen.address.eq(index.address)]
            with m.Elif(kind.reserved):
                m.d.comb += chosen.refusal.eq(Answer.CONFLICT)
            with m.Elif(now.full | ~index.room):
                m.d.comb += chosen.refusal.eq(Answer.FULL)
            with m.Elif(kind.valid):
                m.d.comb += [
                    chosen.insert.eq(1),
                    index.insert.eq(1),
                    following.begun.eq(1),
                    following.sessions.eq(now.sessions + ~kind.external),
                    following.externals.eq(now.externals + kind.external),
                ]

    def _fetch(
        self, m: Module, line: data.View, request: data.View, entry: data.View, new: data.View
    ) -> None:
        """Reads the entry, and compares it with the request."""
        now, following = self.control.value, self.control.next
        array, chosen, arriving, comparing = self.array, now.chosen, now.arriving, now.comparing
        m.d.comb += [
            array.fetch_at.eq(chosen.address),
            *(
                following.repeats[n].eq(_targets(before) & (before.address == chosen.address))
                for n, before in enumerate((arriving, comparing))
            ),
            following.repeats[2].eq(now.targeted & (now.address == chosen.address)),
        ]
        asked = Signal(StoredEntry)  # of `arriving`
        with m.If(~now.odd):
            m.d.comb += [
                following.repeats_then.eq(now.repeats),
                following.repeats_last.eq(now.repeats_then[0]),
                following.is_own.eq(arriving.address == 0),  # externals come down to 1 at most
            ]
            m.d.sync += [asked.eq(line), request.eq(asked), entry.eq(array.fetched)]
            with m.If(now.repeats_then[1]):
                m.d.sync += entry.eq(new)
            with m.Elif(now.repeats_then[2]):
                m.d.sync += entry.eq(array.written)
            with m.Elif(arriving.address == 0):
                m.d.sync += entry.eq(self.own.stored)

        latest = Signal(StoredEntry)
        m.d.comb += latest.eq(Mux(now.repeats_last, new, entry))
        with m.If(now.is_own):
            m.d.comb += [
                latest.entry.flops.eq(self.own.announced),
                latest.parity.flops.eq(self.own.announced_parity),
            ]
        m.d.comb += compare(following.comparison, request=request, entry=latest, external=comparing.external)
        with m.If(now.odd):
            m.d.sync += entry.eq(latest)

    def _combine(self, m: Module, request: data.View, entry: data.View, new: data.View) -> None:
        """Decides what becomes of both, and writes it."""
        now, following = self.control.value, self.control.next
        asked, found = now.comparing, now.comparison
        same_key = found.same_id.all() & found.same_section & (~asked.external | found.same_rest.all())
        is_own = now.is_own
        more = found.more_high | (found.same_high & found.more_low)
        known = asked.look & same_key
        judged = asked.mark | (known & ~is_own & ~asked.external)
        legal = ~asked.reserved & found.same_counting
        update = judged & legal & ~asked.mark
        mark = judged & legal & asked.mark
        change = Signal(Change)
        m.d.comb += [
            change.key.eq(asked.insert),
            change.flops.eq(asked.insert | (update & more)),
            change.provenance.eq(asked.insert),
            change.flags.eq(update | mark),
        ]
        result = changed(m, request=request, entry=entry, change=change)
        changes = change.flops | (change.flags & found.more_flags)

        m.d.comb += [following.merged.eq(0), following.own_ahead.eq(0), following.changed.eq(0)]
        m.d.comb += following.inserted.eq(0)
        with m.If(~now.odd):
            m.d.sync += new.eq(result)
            m.d.comb += [
                following.merged.eq(asked.valid),
                following.answer.eq(asked.refusal),
                following.own_ahead.eq(known & is_own & more),
                following.changed.eq(changes),
                following.inserted.eq(asked.insert),
                following.external.eq(asked.external),
                following.address.eq(asked.address),
                following.targeted.eq(_targets(asked)),
                following.write.eq(changes & ~is_own),
                following.create.eq(asked.insert & is_own),
                following.mark.eq(mark),
            ]
            with m.If(asked.look & ~same_key):
                m.d.comb += following.answer.eq(Answer.FULL)
            with m.If(judged & ~legal):
                m.d.comb += following.answer.eq(Answer.CONFLICT)

        array, own = self.array, self.own
        m.d.comb += [
            self.merged.eq(now.merged),
            self.answer.eq(now.answer),
            self.own_ahead.eq(now.own_ahead),
            self.changed.eq(now.changed),
            self.changed_at.external.eq(now.external),
            self.changed_at.index.eq(Mux(now.external, ~now.address, now.address)),
            following.n_sessions.eq(now.n_sessions + (now.inserted & ~now.external)),
            following.n_externals.eq(now.n_externals + (now.inserted & now.external)),
            array.write.eq(now.write),
            array.write_at.eq(now.address),
            array.new.eq(new),
            own.create.eq(now.create & ~now.odd),
            own.mark.eq(now.mark & ~now.odd),
            own.new.eq(new),
        ]


def _targets(chosen: data.View) -> Value:
    return chosen.insert | chosen.look | chosen.mark
