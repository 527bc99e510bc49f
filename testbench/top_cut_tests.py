"""Runs in the simulator: what becomes of a message at a top that is cut by a roll."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.messages import Kind
from lib.streams import cycles
from lib.top_bench import MESSAGE_BYTES, begin, exchange


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_roll_within_a_record_needs_no_reopen(dut):
    """The end mark of a cut record does not meet an open epoch: it would close the peer's channel."""
    bench = await begin(dut, "half")
    for side in (bench.a, bench.b) * 12:
        payload = bench.random.randbytes(MESSAGE_BYTES)
        bench.a.send(Kind.PEER, payload)
        while not dut.a_to_b__tvalid.value:
            await RisingEdge(dut.clk)
        await cycles(dut, bench.random.randint(1, 40))
        await side.write("CONTROL", 1)
        await cycles(dut, 40)  # the status says so by then
        await bench.ready()
        bench.b.rx.clear()
        await exchange(bench, bench.a, bench.b, [40])
    assert bench.wires[0].marks > 2


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def what_waits_at_rx_goes_with_the_session(dut):
    """A beat that the accelerator has not taken is gone from the port when the clear begins."""
    bench = await begin(dut, "none")
    bench.a.rx.set_pause_generator(None)
    bench.a.rx.pause = True
    secret = bench.random.randbytes(64)
    bench.a.send_from_host(secret)
    while not dut.a__m_axis_rx__tvalid.value:
        await RisingEdge(dut.clk)
    await bench.a.write("CONTROL", 1)
    await cycles(dut, 4)
    assert not dut.a__m_axis_rx_aresetn.value
    for _ in range(1000):
        await RisingEdge(dut.clk)
        assert not dut.a__m_axis_rx__tvalid.value
        assert int(dut.a__m_axis_rx__tdata.value) == 0
    bench.a.rx.pause = False
    await bench.ready()
    await exchange(bench, bench.a, bench.b, [64])


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def the_rest_of_a_host_message_that_a_roll_cut_is_refused(dut):
    """It lacks its beginning; the next message of the host is taken."""
    bench = await begin(dut, "none")
    bench.a.host_in.set_pause_generator(None)
    bench.a.send_from_host(bytes(MESSAGE_BYTES))
    while not (dut.a__s_axis_host__tvalid.value and dut.a__s_axis_host__tready.value):
        await RisingEdge(dut.clk)
    await cycles(dut, 3)
    bench.a.host_in.pause = True
    await bench.a.write("CONTROL", 1)
    await cycles(dut, 1000)
    await bench.ready()
    bench.a.host_in.pause = False
    await exchange(bench, bench.a, bench.b, [40])
