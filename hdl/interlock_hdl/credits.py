"""What peers have granted, and whether the oldest message may be sent (docs/specification.md, *Credit*)."""

from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.message import MAXIMUM_BITS, MESSAGE_HEADER_BYTES
from interlock_hdl.record import BLOCK_BYTES

COST_BITS = MAXIMUM_BITS + 1
GRANT_BITS = 64
SETTLING = 4
"""Cycles until the answer is that of a new question."""


def cost_of(payload_bytes: Value) -> Value:
    """Bytes that a message costs: its header, a block, and its payload in whole blocks of 16."""
    return whole_blocks(payload_bytes + MESSAGE_HEADER_BYTES)


def whole_blocks(payload_bytes: Value) -> Value:
    """So many bytes, rounded up to a multiple of 16."""
    return ((payload_bytes + BLOCK_BYTES - 1) >> 4) << 4


class Credits(wiring.Component):
    """Keeps the balance of every slot, and compares it with the cost of one message.

    A balance is what was granted in this epoch less what was spent.  The answer is as of two cycles before,
    which errs on the safe side, for only this node itself lowers a balance: by sending the message that it
    asks about.

    **Latency**: ``SETTLING`` cycles from ``ask``, ``spend`` or an epoch's end to an answer that regards it.

    Parameters
    ----------
    links : int

    Members
    -------
    slot, cost, ask : In(8), In(49), In(1)
        The message; a strobe in the first cycle in which it is another one.
    affordable, hopeless : Out(1)
        It costs no more than there is; it costs more than the epoch's first grant.
    credit, credit_slot, credit_bytes : In(1), In(8), In(64)
        Strobe: so much more was granted.
    spend : In(1)
        Strobe: the message is sent.
    refund, refund_slot, refund_bytes : In(1), In(8), In(49)
        Strobe: so much less was spent.
    ended : In(links)
        Strobes: the epoch ended, and its balance is void.
    """

    grant_bits, cost_bits = GRANT_BITS, COST_BITS

    def __init__(self, *, links: int) -> None:
        self.links = links
        self.balances = [Signal(self.grant_bits, name=f"balance_{i}") for i in range(links)]
        self.change = Signal(links)  # a payment or refund is to be added to this balance
        self.change_bytes = Signal(self.grant_bits)
        self.arriving = Signal(links)  # so is a grant, after it
        self.arriving_bytes = Signal(self.grant_bits)
        super().__init__(
            {
                "slot": In(8),
                "cost": In(self.cost_bits),
                "ask": In(1),
                "affordable": Out(1),
                "hopeless": Out(1),
                "credit": In(1),
                "credit_slot": In(8),
                "credit_bytes": In(self.grant_bits),
                "spend": In(1),
                "refund": In(1),
                "refund_slot": In(8),
                "refund_bytes": In(self.cost_bits),
                "ended": In(links),
            }
        )

    def elaborate(self, platform):
        m = Module()
        granted = [Signal(name=f"granted_{i}") for i in range(self.links)]  # a first grant has come
        firsts = [Signal(self.grant_bits, name=f"first_{i}") for i in range(self.links)]
        balances, change, arriving = self.balances, self.change, self.arriving

        # Changes are held in registers, so that each adder has a cycle for itself.  What this node itself
        # changes goes first; a credit waits for that, and the next one is no record, so several cycles, away.
        m.d.sync += self.change_bytes.eq(Mux(self.refund, self.refund_bytes, -self.cost))
        with m.If(self.credit):
            m.d.sync += self.arriving_bytes.eq(self.credit_bytes)
        for i in range(self.links):
            granting = self.credit & (self.credit_slot == i)
            spends = self.spend & (self.slot == i)
            refunds = self.refund & (self.refund_slot == i)
            m.d.sync += [
                change[i].eq((spends | refunds) & ~self.ended[i]),
                arriving[i].eq((granting | (arriving[i] & change[i])) & ~self.ended[i]),
            ]
            with m.If(self.ended[i]):
                m.d.sync += [granted[i].eq(0), balances[i].eq(0)]
            with m.Elif(change[i]):
                m.d.sync += balances[i].eq(balances[i] + self.change_bytes)
            with m.Elif(arriving[i]):
                m.d.sync += [balances[i].eq(balances[i] + self.arriving_bytes), granted[i].eq(1)]
                with m.If(~granted[i]):
                    m.d.sync += firsts[i].eq(self.arriving_bytes)

        # The question: fetch, then compare.
        known = Signal()
        first, balance = Signal(self.grant_bits), Signal(self.grant_bits)
        fits, never_fits = Signal(), Signal()
        age = Signal(range(SETTLING + 1))
        m.d.sync += [
            known.eq(Array(granted)[self.slot]),
            first.eq(Array(firsts)[self.slot]),
            balance.eq(Array(balances)[self.slot]),
            # By the sign of the difference: a carry chain is faster here than a comparison.
            fits.eq(known & ~(balance - self.cost)[-1]),
            never_fits.eq(known & (first - self.cost)[-1]),
        ]
        with m.If(self.ask | self.ended.any()):
            m.d.sync += age.eq(0)
        with m.Elif(age != SETTLING):
            m.d.sync += age.eq(age + 1)
        settled = age == SETTLING
        m.d.comb += [self.affordable.eq(fits & settled), self.hopeless.eq(never_fits & settled)]
        return m
