"""Runs in the simulator: one TreeDigest that is wiped again and again; every register of it is public."""

from functools import reduce

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge
from digest_bench import Bench, bench
from lib.parameters import parameters
from lib.streams import cycles


async def wiped(dut, test: Bench, wipe_cycles: int) -> None:
    """Wipes, and checks that it takes as long as it must, with nothing taken or offered."""
    await FallingEdge(dut.clk)
    test.source.withdraw()
    dut.wipe.value = 1
    for cycle in range(wipe_cycles + 1):
        dut.i__valid.value = test.random.getrandbits(1)
        await RisingEdge(dut.clk)
        assert not dut.i__ready.value
        assert not dut.digest__valid.value
        assert bool(dut.wiped.value) == (cycle == wipe_cycles), f"{cycle} cycles"
    dut.i__valid.value = 0


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def wipe_at_random_moments_leaves_zeros_and_a_fresh_block(dut):
    """Every register and memory is afterwards as it was when nothing had yet come in."""
    test = await bench(dut)
    random = test.random
    wipe_cycles = parameters()["wipe_cycles"]
    registers = [reduce(getattr, path, dut) for path in parameters()["registers"]]
    memories = [getattr(dut, name).memory for name in parameters()["with_memory"]]

    def everything() -> list[int]:
        return [int(register.value) for register in registers]

    await wiped(dut, test, wipe_cycles)
    fresh = everything()
    for round_number in range(8):
        dut.wipe.value = 0
        await cycles(dut, 3)
        assert not test.sink.received
        for length in (1024, random.randrange(3000), 2500, 100):
            test.send(random.randbytes(length))
        # Now and then until something is on its way through the nodes.
        await cycles(dut, random.randrange(20, 6000))
        while test.sink.received:
            await test.sink.receive()
        await wiped(dut, test, wipe_cycles)
        await cycles(dut, 3)
        assert dut.wiped.value
        assert everything() == fresh, f"round {round_number}"
        for memory in memories:
            assert not any(int(word.value) for word in memory)
        dut.wipe.value = 0
        await cycles(dut, 2)
        assert not dut.wiped.value
        await test.digest(random.randbytes(random.randrange(2100)), b"")
