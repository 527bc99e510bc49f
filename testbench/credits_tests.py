"""Runs in the simulator: one Credits against whole numbers: what a peer granted, less what was spent."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.credit import Credit
from interlock_hdl.credits import COST_BITS, GRANT_BITS, SETTLING
from lib.parameters import generator, parameters
from lib.recorder import cycle_number
from lib.streams import cycles, start

MOST_COST = 2**48 + 15  # of a stream of 2**48 - 1 bytes
STROBES = ("ask", "credit", "spend", "refund")


class Bench:
    """Keeps a golden :class:`Credit` for each slot; strobes are given for one cycle."""

    def __init__(self, dut) -> None:
        self.dut, self.random = dut, generator()
        self.links = parameters()["links"]
        for name in (*STROBES, "slot", "cost", "credit_slot", "credit_bytes", "refund_slot", "refund_bytes"):
            getattr(dut, name).value = 0
        dut.ended.value = 0
        self.golden = [Credit(staging_bytes=0) for _ in range(self.links)]

    async def credit(self, slot: int, increase: int) -> None:
        self.golden[slot].allow(self.golden[slot].allowed + increase)
        await self.strobe(credit=1, credit_slot=slot, credit_bytes=increase)

    async def refund(self, slot: int, amount: int) -> None:
        self.golden[slot].spent -= amount
        await self.strobe(refund=1, refund_slot=slot, refund_bytes=amount)

    async def spend(self) -> None:
        """The message that was asked about is sent."""
        slot, cost = int(self.dut.slot.value), int(self.dut.cost.value)
        self.golden[slot].spent += cost
        await self.strobe(spend=1)

    async def end(self, slot: int) -> None:
        self.golden[slot].end_epoch()
        await self.strobe(ended=1 << slot)

    async def strobe(self, **values: int) -> None:
        for name, value in values.items():
            getattr(self.dut, name).value = value
        await RisingEdge(self.dut.clk)
        for name in {*STROBES, "ended"} & set(values):
            getattr(self.dut, name).value = 0

    async def ask(self, slot: int, cost: int) -> tuple[bool, bool]:
        """The answer as soon as it is settled: affordable, hopeless.

        The cost follows a cycle after the slot, as in egress.
        """
        dut = self.dut
        dut.ask.value = 1
        await RisingEdge(dut.clk)
        dut.ask.value = 0
        dut.slot.value = slot
        await RisingEdge(dut.clk)
        dut.cost.value = cost
        for _ in range(SETTLING - 1):
            await RisingEdge(dut.clk)
            assert not dut.affordable.value, "an answer to the question before"
            assert not dut.hopeless.value, "an answer to the question before"
        await RisingEdge(dut.clk)
        return bool(dut.affordable.value), bool(dut.hopeless.value)

    async def check(self, slot: int, cost: int) -> bool:
        """Asks, and compares with the golden balance."""
        golden = self.golden[slot]
        known = golden.first_allowed is not None
        expected = (
            known and golden.spent + cost <= golden.allowed,
            known and cost > golden.first_allowed,
        )
        assert await self.ask(slot, cost) == expected, (slot, cost, golden.allowed, golden.spent)
        return expected[0]


async def begin(dut) -> Bench:
    test = Bench(dut)
    await start(dut)
    return test


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def nothing_is_affordable_or_hopeless_before_the_first_grant(dut):
    test = await begin(dut)
    for slot in range(test.links):
        for cost in (16, MOST_COST):
            assert await test.ask(slot, cost) == (False, False)
        await test.credit(slot, 0)
        assert await test.ask(slot, 16) == (False, True)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def the_edges_of_a_balance_are_exact(dut):
    """A byte more and one less, sums that carry through all of 64 bits, and the most that can be granted."""
    test = await begin(dut)
    for first in (16, 32, 2**32 - 16, 2**32, 2**48, MOST_COST - 1, MOST_COST):
        for slot in range(test.links):
            await test.credit(slot, first)
            for cost in {first - 16, first - 1, first, first + 1, first + 16, 16, MOST_COST}:
                if 0 < cost < 1 << COST_BITS:
                    await test.check(slot, cost)
            await test.credit(slot, 2**GRANT_BITS - 1 - first)
            await test.check(slot, MOST_COST)
            assert await test.check(slot, min(first, MOST_COST))
            await test.spend()
            await cycles(dut, 5)
            await test.check(slot, MOST_COST)
        for slot in range(test.links):
            await test.end(slot)
            assert await test.ask(slot, 16) == (False, False)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def what_is_spent_is_gone_and_what_is_refunded_comes_back_once(dut):
    test = await begin(dut)
    await test.credit(0, 1000)
    assert await test.check(0, 600)
    await test.spend()
    assert not await test.check(0, 600)
    assert await test.check(0, 400)
    assert not await test.check(0, 401)
    await test.refund(0, 100)
    assert await test.check(0, 500)
    assert not await test.check(0, 501)
    await test.refund(0, 500)
    assert await test.check(0, 1000)
    assert not await test.check(0, 1001)
    assert await test.ask(1, 16) == (False, False), "of one slot alone"


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_credit_meets_a_change_of_ones_own_in_every_cycle(dut):
    """Spent or refunded some cycles before or after a grant of the same slot, or of another: none is lost."""
    test = await begin(dut)
    for slot in range(2):
        for distance in range(-4, 5):
            for kind in ("spend", "refund"):
                for other in range(2):
                    await test.end(other)
                await test.credit(0, 5000)
                await cycles(dut, 3)
                assert await test.check(0, 1000)
                start_at = cycle_number() + 6
                change = getattr(dut, kind)
                if kind == "spend":
                    test.golden[0].spent += 1000
                else:
                    test.golden[0].spent -= 1000
                    dut.refund_slot.value, dut.refund_bytes.value = 0, 1000
                test.golden[slot].allow(test.golden[slot].allowed + 300)
                dut.credit_slot.value, dut.credit_bytes.value = slot, 300
                for _ in range(14):
                    change.value = int(cycle_number() == start_at)
                    dut.credit.value = int(cycle_number() == start_at + distance)
                    await RisingEdge(dut.clk)
                change.value = dut.credit.value = 0
                for other in range(2):
                    golden = test.golden[other]
                    for excess in (0, 1):
                        await test.check(other, golden.allowed - golden.spent + excess)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def an_epoch_that_ends_in_any_cycle_leaves_no_credit(dut):
    """Around a grant, a payment, a refund: the balance is void, and none of them comes in late."""
    test = await begin(dut)
    for kind in ("credit", "spend", "refund"):
        for distance in range(-1, 6):
            await test.credit(0, 5000)
            await cycles(dut, 3)
            assert await test.check(0, 1000)
            dut.refund_slot.value, dut.refund_bytes.value = 0, 1000
            dut.credit_slot.value, dut.credit_bytes.value = 0, 300
            for now in range(10):
                getattr(dut, kind).value = int(now == 1)
                dut.ended.value = int(now == 1 + max(distance, 0))
                await RisingEdge(dut.clk)
            test.golden[0].end_epoch()
            assert await test.ask(0, 16) == (False, False)
            await test.credit(0, 160)
            assert await test.check(0, 160)
            assert not await test.check(0, 161)
            await test.end(0)
            await cycles(dut, 3)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def an_answer_of_an_ended_epoch_is_gone_in_the_next_cycle(dut):
    test = await begin(dut)
    for slot in range(test.links):
        await test.credit(slot, 100)
        assert await test.check(slot, 100)
        await test.end(slot)
        for _ in range(2 * SETTLING):
            await RisingEdge(dut.clk)
            assert not dut.affordable.value


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def random_histories_agree_with_the_golden_balance(dut):
    test = await begin(dut)
    affordable = 0
    for _ in range(3000):
        slot = test.random.randrange(test.links)
        golden = test.golden[slot]
        match test.random.random():
            case x if x < 0.3:
                room = 2**GRANT_BITS - 1 - golden.allowed
                await test.credit(slot, min(room, test.random.choice((0, 16, 48, 1000, 2**40, 2**63))))
                await cycles(dut, 2)
            case x if x < 0.35:
                await test.end(slot)
            case x if x < 0.45 and golden.spent:
                await test.refund(slot, min(golden.spent, test.random.choice((16, 100, MOST_COST))))
                await cycles(dut, 2)
            case _:
                left = max(golden.allowed - golden.spent, 0)
                cost = min(MOST_COST, test.random.choice((16, 48, left, left + 1, MOST_COST)))
                if cost and await test.check(slot, cost):
                    affordable += 1
                    await test.spend()
    assert affordable > 300
