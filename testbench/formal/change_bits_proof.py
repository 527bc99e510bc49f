"""What is proved of ChangeBits: of any one entry and any one slot that are watched."""

from amaranth.hdl import Assert, Assume, Cat, Cover, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from interlock_hdl.log.change_bits import ChangeBits
from interlock_hdl.log.store import EntryAddress

from formal.past import ago


class ChangeProof(wiring.Component):
    """A change is never lost: the entry is in the next set of every slot, once, and in no other.

    And the sizes say how many addresses come.  Assumed: no changes in two cycles in a row, no flip while
    busy, addresses of entries that the log can have.

    Parameters
    ----------
    links, entries : int

    Members
    -------
    All inputs of the block but its wipe, and
    watched, watched_slot : In(EntryAddress), In(8)
        Any one entry but entry 0, any one slot: free constants.
    """

    changed: In(1)
    changed_at: In(EntryAddress)
    flip: In(1)
    slot: In(8)
    discard: In(1)
    addresses_ready: In(1)
    watched: In(EntryAddress)
    watched_slot: In(8)

    def __init__(self, *, links: int, entries: int) -> None:
        self.slots = links
        self.capacity = entries
        super().__init__()

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = ChangeBits(links=self.slots, entries=self.capacity)
        constant = Cat(self.watched, self.watched_slot)
        begun = Signal()
        m.d.sync += begun.eq(1)
        m.d.comb += [
            dut.changed.eq(self.changed),
            dut.changed_at.eq(self.changed_at),
            dut.flip.eq(self.flip),
            dut.slot.eq(self.slot),
            dut.discard.eq(self.discard),
            dut.addresses.ready.eq(self.addresses_ready),
            Assume(~begun | (constant == ago(m, constant))),
            Assume(~(self.changed & ago(m, self.changed))),
            Assume(~(self.flip & dut.busy)),
            Assume(self.changed_at.index < self.capacity),
            Assume(self.slot < self.slots),
            Assume(self.watched.as_value() != 0),
        ]

        pending = Signal()  # changed, and in no set yet
        owed = Signal()  # in the set that is being given out
        given = Signal(range(2 * self.capacity + 1))  # addresses of that set
        of_slot = Signal()
        changes_it = self.changed & (self.changed_at == self.watched)
        flips_it = self.flip & (self.slot == self.watched_slot)
        transferred = dut.addresses.valid & dut.addresses.ready
        gives_it = transferred & (dut.addresses.payload == self.watched)
        with m.If(changes_it):
            m.d.sync += pending.eq(1)
        with m.Elif(flips_it):
            m.d.sync += pending.eq(0)
        with m.If(self.flip):
            m.d.sync += [owed.eq(flips_it & pending & ~self.discard), of_slot.eq(flips_it & ~self.discard)]
            m.d.sync += given.eq(1)  # entry 0
        with m.Elif(transferred):
            m.d.sync += given.eq(given + 1)
            with m.If(gives_it):
                m.d.sync += owed.eq(0)
        of_all = ago(m, dut.busy) & ~dut.busy
        m.d.comb += [
            Assert(dut.busy | ~owed),
            Assert(~(gives_it & of_slot) | owed),
            Assert(~(of_all & of_slot) | (given == dut.n_sessions + dut.n_externals)),
            Assert(~dut.fault),
            Cover(gives_it & of_slot & (given == 3)),
        ]
        return m
