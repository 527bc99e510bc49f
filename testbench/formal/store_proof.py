"""What the proofs of every log store have in common: its inputs, and what is assumed of them."""

from amaranth.hdl import Assume, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from interlock_hdl.log.store import Announcement, EntryAddress, MergeRequest


class StoreProof(wiring.Component):
    """A store whose inputs are free variables in every cycle.

    Assumed: an announced count is never below what entry 0 has, which is proved of the counter; reads are of
    entries that there are; nothing is external and own.

    Members
    -------
    All inputs of the store, but for ``wipe``.
    """

    merge: In(MergeRequest)
    merge_valid: In(1)
    announce: In(Announcement)
    announce_valid: In(1)
    address: In(EntryAddress)
    read_valid: In(1)
    entries_ready: In(1)

    def drive(
        self, m: Module, dut: wiring.Component, *, own_flops: Value, n_sessions: Value, n_externals: Value
    ) -> None:
        """Gives ``dut`` these inputs; the rest is what it has now."""
        there = Mux(self.address.external, n_externals, n_sessions)
        m.d.comb += [
            dut.merge.payload.eq(self.merge),
            dut.merge.valid.eq(self.merge_valid),
            dut.announce.payload.eq(self.announce),
            dut.announce.valid.eq(self.announce_valid),
            dut.read.payload.eq(self.address),
            dut.read.valid.eq(self.read_valid),
            dut.entries.ready.eq(self.entries_ready),
            Assume(self.announce.count >= own_flops),
            Assume(~(self.merge.own & self.merge.external)),
            Assume(~self.read_valid | (self.address.index < there)),
        ]
