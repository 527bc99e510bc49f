"""Runs in the simulator: AxisLink, between a node's epochs and a peer that takes beats when it likes."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock_hdl.beat import Beat
from lib.axi import Rules, sink
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import cycles, pack, start

BEAT_BYTES = parameters().get("beat_bytes", 4)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pattern=PATTERNS)
async def nothing_of_an_epoch_meets_the_next_one(dut, pattern):
    """Beats bear the number of their epoch: a peer that sees ``up`` is offered none of an earlier one."""
    random = generator()
    layout = Beat(BEAT_BYTES)
    for name in ("enable", "port__tx_levels__up", "port__tx_levels__heard", "port__tx__valid"):
        getattr(dut, name).value = 0
    for name in ("rx_levels__up", "rx_levels__heard", "rx__tvalid"):
        getattr(dut, name).value = 0
    dut.port__rx__ready.value = 1
    sink(dut, "tx", pattern=pattern, random=random)
    rules = Rules(dut, "tx")
    await start(dut)
    epoch = seen = late = 0
    lows = 1  # cycles that `up` has been low

    async def peer() -> None:
        nonlocal seen, late, lows
        while True:
            await RisingEdge(dut.clk)
            up = bool(dut.tx_levels__up.value)
            if up and lows:
                seen = epoch
            if dut.tx__tvalid.value:
                is_mark = not int(dut.tx__tkeep.value)
                of_epoch = int(dut.tx__tdata.value) & 0xFF
                if up:
                    assert not is_mark, "an end mark in an open epoch"
                    assert of_epoch == seen, f"a beat of epoch {of_epoch} in epoch {seen}"
                elif is_mark:
                    assert lows >= 1, "an end mark in the cycle in which up falls"
                else:
                    late += 1
            lows = 0 if up else lows + 1

    async def node() -> None:
        """Offers records for as long as the epoch is open, and withdraws what is offered at its end."""
        first = True
        while True:
            last = random.random() < 0.2
            beat = {"data": epoch, "keep": (1 << BEAT_BYTES) - 1, "first": first, "last": last}
            dut.port__tx__payload.value = pack(layout, beat)
            dut.port__tx__valid.value = random.random() < 0.8
            await RisingEdge(dut.clk)
            while dut.port__tx__valid.value and not dut.port__tx__ready.value:
                await RisingEdge(dut.clk)
            first = last

    cocotb.start_soon(peer())
    for number in range(1, 80):
        epoch = number
        dut.port__tx_levels__up.value = 1
        while not dut.tx_levels__up.value:
            await RisingEdge(dut.clk)
        dut.enable.value = 1
        sender = cocotb.start_soon(node())
        await cycles(dut, random.randint(1, 30))
        if random.random() < 0.5:  # gates close one cycle before the epoch is known to have ended
            dut.enable.value = 0
            await cycles(dut, 1)
        dut.enable.value = dut.port__tx_levels__up.value = 0
        sender.cancel()
        dut.port__tx__valid.value = 0
        await cycles(dut, random.randint(2, 4))  # a node waits for its peer to hear the fall
    assert rules.marks > 10
    if pattern != "none":
        assert late > 5


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_record_begins_after_last_or_after_the_peer_was_down(dut):
    dut.enable.value = 1
    dut.tx__tready.value = dut.port__rx__ready.value = 1
    dut.port__tx__valid.value = 0
    dut.rx__tvalid.value = 0
    dut.rx__tkeep.value = (1 << BEAT_BYTES) - 1
    dut.rx_levels__up.value = 1
    await start(dut)
    first = Beat(BEAT_BYTES)["first"].offset
    expected = True
    random = generator()
    for _ in range(300):
        last, up, valid = random.random() < 0.3, random.random() < 0.8, random.random() < 0.7
        dut.rx__tlast.value, dut.rx_levels__up.value, dut.rx__tvalid.value = last, up, valid
        await RisingEdge(dut.clk)
        if valid:
            assert bool(int(dut.port__rx__payload.value) >> first & 1) == (expected or not up)
            expected = last
        expected |= not up
    assert dut.rx__tready.value
