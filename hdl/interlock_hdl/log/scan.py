"""Reads the log for a prefix or an export: which entries, and each as it is when it is read."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.log.change_bits import ChangeBits
from interlock_hdl.log.store import AnnounceStream, EntryAddress, ReadEntryStream, ReadStream
from interlock_hdl.ones import one_at
from interlock_hdl.ports import EntryStream
from interlock_hdl.twin import Twin

ScanRequest = data.StructLayout({"slot": 8, "count": 96, "bound": 96})
"""``slot``: whose prefix, or ``links`` for an export.  ``count``: the node's own FLOPs, freshly sampled.
``bound``: what a stream may add to them, else 0; their sum has 96 bits."""

PARTS = 3
PART_BITS = 96 // PARTS
CheckedFlops = data.ArrayLayout(data.StructLayout({"flops": PART_BITS, "parity": 1}), PARTS)
"""FLOPs in parts, each with its parity: one part is added a cycle."""


def _keep(part: data.View, flops: Value) -> list:
    """Stores one part, with its parity."""
    return [part.flops.eq(flops), part.parity.eq(flops.xor())]


def _joined(parts: data.View) -> Value:
    """The whole count."""
    return Cat(part.flops for part in parts)


class Scan(wiring.Component):
    """Scans of a store: for a slot's prefix, FULL or DELTA, or for an export.

    A request fixes the set of entries in the cycle in which it is accepted: all that there are where FULL is
    due, and for an export; else entry 0, and what has changed since the slot's set was last fixed.  A merge
    whose ``merged`` is up in that cycle comes too late for it.  Then the count, and the count with the bound,
    are announced to the store, and then exactly that set is read: sessions by index, externals by index, each
    entry as it is when it is read.  Entry 0 leaves with the count and the bound.

    FULL is due for a slot after ``require_full``, until a request for that slot is accepted; in the very
    cycle of an acceptance it counts for this request.  It is due after a reset, too.

    **Faults**: counts carry parity from before their first register; all else is held twice.  ``fault`` is up
    at most 2 cycles after any one flip-flop flipped; for the memories see :class:`ChangeBits`.

    **Latency**: ``described_latency`` cycles from a request to ``described``; ``read_latency`` to the
    first read, where the store takes the announcement at once.
    **Throughput**: an entry a cycle if FULL, else as of :class:`ChangeBits`.

    Parameters
    ----------
    links : int
        Slots.
    entries : int
        Of the store.

    Members
    -------
    request : In(stream of ScanRequest)
        Taken while no scan runs and entry 0 exists; ready is from registers.
    require_full : In(links)
        Strobes: FULL is due for this slot.
    described : Out(1)
        ``full``, ``n_sessions`` and ``n_externals`` are those of the scan accepted last; until the next is.
    full : Out(1)
    n_sessions, n_externals : Out(range(entries + 1))
    entries : Out(EntryStream)
        ``last`` is on the final entry of each scan.
    read_accepted, read_external, read_index : Out(1), Out(1), Out(16)
        Strobe: the store takes this read in this cycle.  Meant for the schedule trace.
    changed, changed_at, own_ready, announce, read, stored, stored_sessions, stored_externals
        To the store, see :class:`StoreSignature`; ``stored`` are its entries.
    wipe, wiped : In(1), Out(1)
    fault : Out(1)
        Latched until ``wipe``.
    """

    described_latency = 3
    read_latency = 5

    def __init__(self, *, links: int, entries: int) -> None:
        self.slots = links
        self.capacity = entries
        count = range(entries + 1)
        self.changes = ChangeBits(links=links, entries=entries)
        self.control = Twin(
            data.StructLayout(
                {
                    "full_due": links,
                    "running": 1,
                    "stage": PARTS,  # one bit: which part of the sum is being added
                    "carry": 1,
                    "announcing": 1,
                    "described": 1,
                    "full": 1,
                    "n_sessions": count,
                    "n_externals": count,
                    # Reading: an address is asked for, and so many more are to be found.
                    "asking": 1,
                    "address": EntryAddress,
                    "to_find": count,
                    # Offering: so many have not left, and the next of them is entry 0.
                    "to_offer": count,
                    "is_first": 1,
                }
            ),
            init={"full_due": -1},
        )
        self.said = Signal(CheckedFlops)
        super().__init__(
            {
                "request": In(stream.Signature(ScanRequest)),
                "require_full": In(links),
                "described": Out(1),
                "full": Out(1),
                "n_sessions": Out(count),
                "n_externals": Out(count),
                "entries": Out(EntryStream),
                "read_accepted": Out(1),
                "read_external": Out(1),
                "read_index": Out(16),
                "changed": In(1),
                "changed_at": In(EntryAddress),
                "own_ready": In(1),
                "announce": Out(AnnounceStream),
                "read": Out(ReadStream),
                "stored": In(ReadEntryStream),
                "stored_sessions": In(count),
                "stored_externals": In(count),
                "wipe": In(1),
                "wiped": Out(1),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        inner = Module()  # everything but the change bits, which wipe themselves
        m.submodules.changes = changes = self.changes
        m.submodules.inner = ResetInserter(self.wipe)(inner)
        inner.submodules.control = control = self.control
        inner.d.comb += [control.load.eq(1), control.next.eq(control.value)]

        damage = self._request(inner)
        self._ask(inner)
        self._offer(inner)
        damaged = Signal(len(damage))
        latched = Signal()
        inner.d.sync += [damaged.eq(damage), latched.eq(latched | damaged.any() | control.fault)]
        m.d.comb += [
            changes.wipe.eq(self.wipe),
            self.wiped.eq(changes.wiped),
            self.fault.eq(latched | changes.fault),
        ]
        return m

    def _request(self, m: Module) -> Value:
        """Accept, fix the set, make what is announced, part by part.  Returns what damages the counts."""
        now, following, changes = self.control.value, self.control.next, self.changes
        asked = self.request.payload
        count, bound = Signal(CheckedFlops, name="count"), Signal(CheckedFlops, name="bound")
        said = self.said
        accept = self.request.valid & self.request.ready
        is_slot = one_at(asked.slot, self.slots)
        due = now.full_due | self.require_full
        full = ~is_slot.any() | (is_slot & due).any()
        m.d.comb += [
            self.request.ready.eq(self.own_ready & ~now.running & ~changes.busy),
            changes.changed.eq(self.changed),
            changes.changed_at.eq(self.changed_at),
            changes.flip.eq(accept & is_slot.any()),
            changes.slot.eq(asked.slot),
            changes.discard.eq(full),
            following.full_due.eq(due & ~(is_slot & accept.replicate(self.slots))),
            following.stage.eq(Cat(accept, now.stage)),
        ]
        with m.If(accept):
            for to, flops in ((count, asked.count), (bound, asked.bound)):
                for part in range(PARTS):
                    m.d.sync += _keep(to[part], flops.word_select(part, PART_BITS))
            m.d.comb += [
                following.running.eq(1),
                following.described.eq(0),
                following.full.eq(full),
                following.carry.eq(0),
                following.n_sessions.eq(self.stored_sessions),
                following.n_externals.eq(self.stored_externals),
            ]
        for part in range(PARTS):
            total = Signal(PART_BITS + 1, name=f"total_{part}")
            m.d.comb += total.eq(count[part].flops + bound[part].flops + now.carry)
            with m.If(now.stage[part]):
                m.d.sync += _keep(said[part], total[:PART_BITS])
                m.d.comb += following.carry.eq(total[PART_BITS])

        # The change bits know their set when the last part is added.
        m.d.comb += [
            self.described.eq(now.described),
            self.full.eq(now.full),
            self.n_sessions.eq(Mux(now.full, now.n_sessions, changes.n_sessions)),
            self.n_externals.eq(Mux(now.full, now.n_externals, changes.n_externals)),
            self.announce.valid.eq(now.announcing),
            self.announce.payload.count.eq(_joined(count)),
            self.announce.payload.announced.eq(_joined(said)),
        ]
        with m.If(now.stage[-2]):
            m.d.comb += following.described.eq(1)
        with m.If(now.stage[-1]):
            m.d.comb += [
                following.announcing.eq(1),
                following.is_first.eq(1),
                following.to_offer.eq(self.n_sessions + self.n_externals),
            ]
        return Cat(part.as_value().xor() for counts in (count, bound, said) for part in counts)

    def _ask(self, m: Module) -> None:
        """Reads the set, entry 0 first of all and only after the announcement."""
        now, following, changes = self.control.value, self.control.next, self.changes
        moves = ~now.asking | self.read.ready
        m.d.comb += [
            self.read.valid.eq(now.asking),
            self.read.payload.eq(now.address),
            self.read_accepted.eq(now.asking & self.read.ready),
            self.read_external.eq(now.address.external),
            self.read_index.eq(now.address.index),
        ]
        changes_ready = moves & (now.to_find != 0) & ~now.full
        m.d.comb += changes.addresses.ready.eq(changes_ready)
        with m.If(moves):
            m.d.comb += following.asking.eq(0)
            with m.If((now.to_find != 0) & (now.full | changes.addresses.valid)):
                m.d.comb += [following.asking.eq(1), following.to_find.eq(now.to_find - 1)]
                with m.If(~now.full):
                    m.d.comb += following.address.eq(changes.addresses.payload)
                with m.Elif(~now.address.external & (now.address.index + 1 == now.n_sessions)):
                    m.d.comb += [following.address.index.eq(0), following.address.external.eq(1)]
                with m.Else():
                    m.d.comb += following.address.index.eq(now.address.index + 1)
        with m.If(now.announcing & self.announce.ready):
            m.d.comb += [
                following.announcing.eq(0),
                following.asking.eq(1),
                following.address.eq(0),
                following.to_find.eq(now.to_offer - 1),
            ]

    def _offer(self, m: Module) -> None:
        """Hands on what was read; entry 0 with what was announced."""
        now, following = self.control.value, self.control.next
        entry = self.stored.payload.entry
        m.d.comb += [
            self.entries.valid.eq(self.stored.valid),
            self.entries.payload.entry.eq(entry),
            self.entries.payload.external.eq(self.stored.payload.address.external),
            self.entries.payload.last.eq(now.to_offer == 1),
            self.stored.ready.eq(self.entries.ready),
        ]
        with m.If(now.is_first):
            m.d.comb += self.entries.payload.entry.flops.eq(_joined(self.said))
        with m.If(self.entries.valid & self.entries.ready):
            m.d.comb += [following.is_first.eq(0), following.to_offer.eq(now.to_offer - 1)]
            with m.If(self.entries.payload.last):
                m.d.comb += following.running.eq(0)
