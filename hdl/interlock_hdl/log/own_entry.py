"""Entry 0 of a store with memories: the node's own, in registers, for its count changes at any time."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.log.store import Announcement, AnnounceStream
from interlock_hdl.log.stored import StoredEntry, is_damaged
from interlock_hdl.twin import Twin


class OwnEntry(wiring.Component):
    """Holds the node's own entry, and the most that was ever announced of it.

    **Latency**: an announcement that is taken in one cycle is in ``stored`` from the second one after, and
    in ``announced`` from the third.  A strobe shows in the next cycle.  **Throughput**: an announcement every
    two cycles.

    Members
    -------
    create, mark : In(1)
        Strobes: all of ``new`` is the entry from now on; its provenance is.
    new : In(StoredEntry)
    ready : In(1)
        Announcements may be taken: there is an entry.
    announce : In(AnnounceStream)
    stored : Out(StoredEntry)
    announced, announced_parity : Out(96), Out(1)
        The most FLOPs that were announced.
    damaged : Out(1)
        A stored bit is not what was written, or a count is lower than the one before.
    """

    create: In(1)
    mark: In(1)
    new: In(StoredEntry)
    ready: In(1)
    announce: In(AnnounceStream)
    stored: Out(StoredEntry)
    announced: Out(96)
    announced_parity: Out(1)
    damaged: Out(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.taken = taken = Twin(1)
        entry, parity = self.stored.entry, self.stored.parity

        sample = Signal(Announcement)
        sample_parity = Signal(2)
        accept = self.announce.valid & self.announce.ready
        asked = self.announce.payload
        m.d.comb += [
            self.announce.ready.eq(self.ready & ~taken.value),
            taken.next.eq(accept),
            taken.load.eq(1),
        ]
        with m.If(accept):
            m.d.sync += [
                sample.eq(asked),
                sample_parity.eq(Cat(asked.count.xor(), asked.announced.xor())),
            ]

        # In halves, for all of them at once would be a long carry chain.
        high, same_high, low = (
            sample.announced[48:] > self.announced[48:],
            sample.announced[48:] == self.announced[48:],
            sample.announced[:48] > self.announced[:48],
        )
        m.submodules.newer = newer = Twin(1)  # the last sample is the most that was announced
        m.d.comb += [newer.next.eq(taken.value & (high | (same_high & low))), newer.load.eq(1)]
        with m.If(taken.value):
            m.d.sync += [entry.flops.eq(sample.count), parity.flops.eq(sample_parity[0])]
        with m.If(newer.value):
            m.d.sync += [self.announced.eq(sample.announced), self.announced_parity.eq(sample_parity[1])]
        with m.If(self.mark):
            m.d.sync += [
                entry.provenance.eq(self.new.entry.provenance),
                parity.provenance.eq(self.new.parity.provenance),
            ]
        with m.If(self.create):
            m.d.sync += [
                self.stored.eq(self.new),
                self.announced.eq(self.new.entry.flops),
                self.announced_parity.eq(self.new.parity.flops),
            ]

        m.d.comb += [
            self.damaged.eq(
                Cat(
                    taken.fault,
                    newer.fault,
                    is_damaged(self.stored),
                    self.announced.xor() ^ self.announced_parity,
                    sample.as_value().xor() ^ sample_parity.xor(),
                    Mux(taken.value, sample.count < entry.flops, 0),
                ).any()
            ),
        ]
        return m
