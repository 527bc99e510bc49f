"""Runs in the simulator: what ``interlock verilog`` writes, with names as an integrator sees them."""

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiStreamBus, AxiStreamSink, AxiStreamSource
from interlock.device.register_map import Address
from interlock.model.messages import Kind, Message
from interlock.model.summary import Summary
from lib.parameters import generator


async def _clear(dut) -> None:
    dut.clear_done.value = 0
    while True:
        await RisingEdge(dut.aclk)
        dut.clear_done.value = dut.clear_request.value


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_message_comes_in_and_its_export_goes_out(dut):
    random = generator()
    reset = {"reset": dut.aresetn, "reset_active_level": False}
    streams = {
        name: (AxiStreamSource if name.startswith("s") else AxiStreamSink)(
            AxiStreamBus.from_prefix(dut, name), dut.aclk, **reset
        )
        for name in ("s_axis_host", "s_axis_tx", "s_axis_random", "m_axis_host", "m_axis_rx")
    }
    registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.aclk, **reset)
    for name in ("event0_valid", "s_axis_link0_rx_tvalid", "link0_rx_up", "link0_rx_heard"):
        getattr(dut, name).value = 0
    dut.m_axis_link0_tx_tready.value = 1
    dut.maker.value, dut.serial.value = 7, 9
    dut.aresetn.value = 0
    cocotb.start_soon(Clock(dut.aclk, 10, unit="ns").start())
    await ClockCycles(dut.aclk, 4)
    dut.aresetn.value = 1
    cocotb.start_soon(_clear(dut))
    streams["s_axis_random"].send_nowait(random.randbytes(8))
    payload = random.randbytes(100)
    streams["s_axis_host"].send_nowait(Message(Kind.EXTERNAL, 0, payload).encode())
    arrived = await streams["m_axis_rx"].recv()
    assert bytes(arrived.tdata) == Message(Kind.EXTERNAL, 0, payload).encode()

    dut.event0_op_class.value, dut.event0_count.value, dut.event0_valid.value = 0x21, 5, 1
    await ClockCycles(dut.aclk, 3)
    dut.event0_valid.value = 0
    export = Message(Kind.EXPORT, 0, payload).encode()
    streams["s_axis_tx"].send_nowait(export)
    _, summary, exported = [bytes((await streams["m_axis_host"].recv()).tdata) for _ in range(3)]
    assert exported == export
    said = Summary.decode(summary[16:])
    assert said.total == 3 * 2 * 5
    assert said.session_id[:8] == bytes((0, 0, 0, 7, 0, 0, 0, 9))
    magic = await registers.read(Address.MAGIC, 4)
    assert magic.data[::-1] == b"ILCK"
