"""Which entries have changed since a slot's last prefix (D6, docs/specification.md, *Delta prefixes*)."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.log.bit_memory import BitMemory
from interlock_hdl.log.store import EntryAddress
from interlock_hdl.log.word_walker import WordWalker
from interlock_hdl.ones import lowest_one, without_lowest_one
from interlock_hdl.twin import Twin

WORD_BITS = 32

ENTRY_0_ALONE = {"n_sessions": 1}
"""A set without changes."""


class ChangeBits(wiring.Component):
    """For every slot, the set of entries that have changed since the set was last fixed.

    A slot has two bit planes, and a phase that says into which of them changes go.  ``flip`` changes the
    phase of one slot, and so fixes the set that there was: its addresses come out in order, sessions by
    index and then externals by index, and its plane is cleared as they do.  A change in the very cycle of the
    flip is in the new set.  Entry 0 of the sessions is in every set without being changed: it is counted, but
    is not among the addresses.

    A plane is words of ``WORD_BITS`` bits in memory.  A second memory has a bit for each word that is not 0,
    and registers have a bit for each word of the second memory, so that a few among thousands are found as
    fast as a thousand in a row.

    **Faults**: words carry parity, all else is held twice.  A flip in a register raises ``fault`` at most 2
    cycles later; one in a memory no later than 2 cycles after anything wrong comes of it.

    **Latency**: ``fixed_latency`` cycles from ``flip`` to ``n_sessions`` and ``n_externals``;
    ``address_latency`` to the first address, where no change is strobed meanwhile.  **Throughput**: a change
    every 2 cycles; an address in every second cycle, whatever the set and however many changes.

    Parameters
    ----------
    links : int
        Slots.
    entries : int
        Of the log.

    Members
    -------
    changed, changed_at : In(1), In(EntryAddress)
        This entry changed: in every slot's set from now on.  Not in two cycles in a row.
    flip, slot : In(1), In(range(links))
        Fixes this slot's set.  Only while not ``busy``.
    discard : In(1)
        With ``flip``: the set is cleared, and no address comes out.
    n_sessions, n_externals : Out(range(entries + 1))
        Size of the set that was fixed last, entry 0 included.
    addresses : Out(stream of EntryAddress)
        The set, without entry 0.
    busy : Out(1)
        Of the set fixed last, not everything has been taken or cleared.
    wipe, wiped : In(1), Out(1)
        Holds the block in reset and overwrites its memories with zeros; that this is complete.
    fault : Out(1)
        Latched until ``wipe``.
    """

    fixed_latency = 3
    address_latency = 8

    def __init__(self, *, links: int, entries: int) -> None:
        if links < 1:
            raise ValueError(f"at least one slot, not {links}")
        if entries < 2:
            raise ValueError(f"at least 2 entries, not {entries}")
        self.slots = links
        self.capacity = entries
        # The place of a bit in its plane is the entry's address.  Its lowest part is the bit in its word,
        # the middle one the bit of that word in its summary, the rest that summary's number.
        self.index_bits = (entries - 1).bit_length()
        place_bits = self.index_bits + 1
        self.low_bits = min(place_bits, (WORD_BITS - 1).bit_length())
        self.middle_bits = min(place_bits - self.low_bits, (WORD_BITS - 1).bit_length())
        self.high_bits = place_bits - self.low_bits - self.middle_bits
        count = range(entries + 1)
        self.set_layout = data.StructLayout(
            {"n_sessions": count, "n_externals": count, "summaries": 1 << self.high_bits}
        )
        word_bits = place_bits - self.low_bits
        self.control = Twin(
            data.StructLayout(
                {
                    "phase": links,
                    # A change on its way: noted, then its words are read, then they are written back.
                    "noted": 1,
                    "place": place_bits,
                    # What becomes of the words that were read in the cycle before.
                    "set": 1,
                    "take_word": 1,
                    "take_summary": 1,
                    "low": self.low_bits,
                    "word": word_bits,
                    "summary": self.high_bits,
                    "planes": links,
                    # The set that is being given out: when changes before the flip are through, it is fixed.
                    "busy": 1,
                    "flipped": 1,
                    "fixing": 1,
                    "fixed": 1,
                    "discard": 1,
                    "slot": range(links),
                }
            )
        )
        self.sets = [Twin(self.set_layout, init=ENTRY_0_ALONE) for _ in range(links)]
        self.fixed_set = Twin(self.set_layout)
        self.wiping = Twin(data.StructLayout({"at": word_bits + 1, "done": 1}))
        self.words = [BitMemory(words=2 << word_bits, bits=1 << self.low_bits) for _ in range(links)]
        self.summaries = [
            BitMemory(words=2 << self.high_bits, bits=1 << self.middle_bits) for _ in range(links)
        ]
        # Its places are addresses of words, which are read at once.
        self.summary_walker = WordWalker(bits=1 << self.middle_bits, prefix_bits=self.high_bits, late=True)
        self.word_walker = WordWalker(bits=1 << self.low_bits, prefix_bits=word_bits)
        super().__init__(
            {
                "changed": In(1),
                "changed_at": In(EntryAddress),
                "flip": In(1),
                "slot": In(range(links)),
                "discard": In(1),
                "n_sessions": Out(count),
                "n_externals": Out(count),
                "addresses": Out(stream.Signature(EntryAddress)),
                "busy": Out(1),
                "wipe": In(1),
                "wiped": Out(1),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        control = Module()  # everything but the memories
        m.submodules.control = ResetInserter(self.wipe)(control)
        twins = {"registers": self.control, "fixed_set": self.fixed_set} | {
            f"set_{number}": changes for number, changes in enumerate(self.sets)
        }
        for name, twin in twins.items():
            control.submodules[name] = twin
            control.d.comb += [twin.load.eq(1), twin.next.eq(twin.value)]
        control.submodules.summary_walker = self.summary_walker
        control.submodules.word_walker = self.word_walker
        for number, (words, summaries) in enumerate(zip(self.words, self.summaries, strict=True)):
            m.submodules[f"words_{number}"] = words
            m.submodules[f"summaries_{number}"] = summaries

        self._flip(control)
        self._access(control)
        self._count(control)
        self._walk(control)
        wiping = self._wipe(m)

        checked = [*twins.values(), self.summary_walker, self.word_walker, *self.words, *self.summaries]
        damage = Cat(wiping.fault, *(part.fault for part in checked))
        damaged = Signal(len(damage))
        latched = Signal()
        control.d.sync += [damaged.eq(damage), latched.eq(latched | damaged.any())]
        m.d.comb += self.fault.eq(latched)
        return m

    def _flip(self, m: Module) -> None:
        """Phases, and what becomes of the set that was fixed."""
        now, following = self.control.value, self.control.next
        found_all = self.summary_walker.idle & self.word_walker.idle & (self.fixed_set.value.summaries == 0)
        m.d.comb += [
            self.busy.eq(now.busy),
            following.flipped.eq(self.flip),
            following.fixing.eq(now.flipped),
        ]
        with m.If(self.flip):
            m.d.comb += [
                following.phase.eq(now.phase ^ (1 << self.slot)),
                following.busy.eq(1),
                following.slot.eq(self.slot),
                following.discard.eq(self.discard),
            ]
        with m.If(now.fixing):
            m.d.comb += following.fixed.eq(1)
        with m.If(now.fixed & found_all):
            m.d.comb += [following.fixed.eq(0), following.busy.eq(0)]

    def _access(self, m: Module) -> None:
        """Reads words, for a change first of all; in the next cycle they are written back."""
        now, following = self.control.value, self.control.next
        is_entry_0 = (self.changed_at.index == 0) & ~self.changed_at.external
        m.d.comb += following.noted.eq(self.changed & ~is_entry_0)
        with m.If(self.changed):
            at = self.changed_at
            m.d.comb += following.place.eq(Cat(at.index[: self.index_bits], at.external))

        found = self.fixed_set.value.summaries
        m.d.comb += [
            following.set.eq(now.noted),
            following.low.eq(now.place[: self.low_bits]),
            following.take_summary.eq(now.fixed & found.any() & self.summary_walker.room & ~now.noted),
            following.take_word.eq(
                self.summary_walker.o.valid & (now.discard | self.word_walker.room) & ~now.noted
            ),
            # Changes go into the plane of the phase; what was fixed is in the other one.
            following.planes.eq(Mux(now.noted, now.phase, ~now.phase)),
        ]
        with m.If(now.noted):
            m.d.comb += [
                following.word.eq(now.place[self.low_bits :]),
                following.summary.eq(now.place[self.low_bits + self.middle_bits :]),
            ]
        with m.Else():
            m.d.comb += [
                following.word.eq(self.summary_walker.o.payload),
                following.summary.eq(lowest_one(found)),
            ]

        for number, (words, summaries) in enumerate(zip(self.words, self.summaries, strict=True)):
            is_slot = now.slot == number
            m.d.comb += [
                words.read.eq(now.noted | (following.take_word & is_slot)),
                words.at.eq(Cat(following.word, following.planes[number])),
                words.back.eq(Cat(now.word, now.planes[number])),
                words.set.eq(now.set),
                words.bit.eq(now.low),
                words.take.eq(now.take_word & is_slot),
                summaries.read.eq(now.noted | (following.take_summary & is_slot)),
                summaries.at.eq(Cat(following.summary, following.planes[number])),
                summaries.back.eq(Cat(now.summary, now.planes[number])),
                summaries.set.eq(now.set),
                summaries.bit.eq(now.word[: self.middle_bits]),
                summaries.take.eq(now.take_summary & is_slot),
            ]

    def _count(self, m: Module) -> None:
        """What the registers know of each set; a set being fixed takes it along."""
        now, following = self.control.value, self.control.next
        fixed, fixed_next = self.fixed_set.value, self.fixed_set.next
        external = Cat(now.low, now.word)[-1]
        m.d.comb += [self.n_sessions.eq(fixed.n_sessions), self.n_externals.eq(fixed.n_externals)]
        with m.If(following.take_summary):
            m.d.comb += fixed_next.summaries.eq(without_lowest_one(fixed.summaries))
        for number, (changes, words) in enumerate(zip(self.sets, self.words, strict=True)):
            before = Signal(self.set_layout)
            m.d.comb += before.eq(changes.value)
            with m.If(now.fixing & (now.slot == number)):
                m.d.comb += [fixed_next.eq(changes.value), before.eq(self.set_layout.const(ENTRY_0_ALONE))]
            is_new = now.set & ~words.is_set
            m.d.comb += [
                changes.next.n_sessions.eq(before.n_sessions + (is_new & ~external)),
                changes.next.n_externals.eq(before.n_externals + (is_new & external)),
                changes.next.summaries.eq(before.summaries | Mux(now.set, 1 << now.summary, 0)),
            ]

    def _walk(self, m: Module) -> None:
        """From a bit of a summary to a word, from a bit of that to an address."""
        now, following = self.control.value, self.control.next
        for walker, memories, fetch, prefix in (
            (self.summary_walker, self.summaries, following.take_summary, now.summary),
            (self.word_walker, self.words, following.take_word & ~now.discard, now.word),
        ):
            m.d.comb += [walker.fetch.eq(fetch), walker.prefix.eq(prefix)]
            for number, memory in enumerate(memories):
                with m.If(now.slot == number):
                    m.d.comb += [walker.word.eq(memory.word), walker.parity.eq(memory.parity ^ prefix.xor())]
        place = self.word_walker.o.payload
        m.d.comb += [
            self.summary_walker.o.ready.eq(following.take_word),
            self.addresses.valid.eq(self.word_walker.o.valid),
            self.addresses.payload.index.eq(place[: self.index_bits]),
            self.addresses.payload.external.eq(place[self.index_bits]),
            self.word_walker.o.ready.eq(self.addresses.ready),
        ]

    def _wipe(self, m: Module) -> Twin:
        """Zeros to every word; disturbed, it begins anew."""
        m.submodules.wiping = wiping = self.wiping
        at, done = wiping.value.at, wiping.value.done
        m.d.comb += [wiping.load.eq(1), self.wiped.eq(done & ~wiping.fault)]
        with m.If(self.wipe & ~wiping.fault):
            m.d.comb += [wiping.next.at.eq(at + 1), wiping.next.done.eq(done | at.all())]
        for memory in (*self.words, *self.summaries):
            m.d.comb += [memory.wipe.eq(self.wipe), memory.wipe_at.eq(at)]
        return wiping
