"""What is proved of Credits: of every slot, whatever is granted, spent and refunded."""

from amaranth.hdl import Array, Assert, Assume, Cover, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from interlock_hdl.credits import Credits

from formal.past import ago


class NarrowCredits(Credits):
    """Counts to 15 only: what it does is the same at any width, and the solver is done in time."""

    grant_bits, cost_bits = 4, 3


class CreditProof(wiring.Component):
    """A message is called affordable only if all of it was granted, and was not spent before.

    Assumed: slot and cost stay the same from an ask on, but for the time that egress takes to say them; a
    grant, a payment and a refund are no faster than records and messages are; the sum is never exceeded.
    """

    def __init__(self, *, links: int) -> None:
        self.links = links
        super().__init__(
            {
                "slot": In(8),
                "cost": In(NarrowCredits.cost_bits),
                "ask": In(1),
                "spend": In(1),
                "credit": In(1),
                "credit_slot": In(8),
                "credit_bytes": In(NarrowCredits.grant_bits),
                "refund": In(1),
                "refund_slot": In(8),
                "refund_bytes": In(NarrowCredits.cost_bits),
                "ended": In(links),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dut = dut = NarrowCredits(links=self.links)
        for name in self.signature.members:
            m.d.comb += getattr(dut, name).eq(getattr(self, name))

        asked = Signal()  # and not spent
        with m.If(self.ask | self.spend):
            m.d.sync += asked.eq(self.ask)
        asks = [self.ask]
        for _ in range(2):
            asks.append(ago(m, asks[-1]))
        changes = self.spend | self.refund
        begun = Signal()
        m.d.sync += begun.eq(1)
        credits = [self.credit]
        for _ in range(3):
            credits.append(ago(m, credits[-1]))
        m.d.comb += [
            Assume((self.slot < self.links) & (self.credit_slot < self.links)),
            Assume(self.refund_slot < self.links),
            Assume(~begun | asks[1] | (self.slot == ago(m, self.slot))),
            Assume(~begun | asks[1] | asks[2] | (self.cost == ago(m, self.cost))),
            Assume(~self.spend | (dut.affordable & asked & ~self.ended.bit_select(self.slot[:1], 1))),
            Assume(~(self.spend & (self.refund | self.ask))),
            Assume(~(changes & ago(m, changes))),
            Assume(~(self.credit & (credits[1] | credits[2] | credits[3]))),
        ]

        balances = Array(
            Signal(NarrowCredits.grant_bits, name=f"left_{number}") for number in range(self.links)
        )
        for number, left in enumerate(balances):
            credited = Mux(self.credit & (self.credit_slot == number), self.credit_bytes, 0)
            refunded = Mux(self.refund & (self.refund_slot == number), self.refund_bytes, 0)
            spent = Mux(self.spend & (self.slot == number), self.cost, 0)
            ever = Signal(NarrowCredits.grant_bits + 2, name=f"ever_{number}")
            m.d.comb += [ever.eq(left + credited + refunded), Assume(ever < 1 << NarrowCredits.grant_bits)]
            m.d.sync += left.eq(Mux(self.ended[number], 0, ever - spent))
            pending = Mux(dut.change[number], dut.change_bytes, 0)
            arriving = Mux(dut.arriving[number], dut.arriving_bytes, 0)
            m.d.comb += Assert(
                left == (dut.balances[number] + pending + arriving)[: NarrowCredits.grant_bits]
            )
        m.d.comb += [
            Assert(~(dut.affordable & asked) | (self.cost <= balances[self.slot])),
            Cover(self.spend & (balances[self.slot] == self.cost) & ago(m, asked)),
            Cover(dut.affordable & asked & ago(m, self.refund)),
        ]
        return m
