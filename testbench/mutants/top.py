"""Mutations of the top: AXI, registers, status."""

from mutants.mutation import Mutation

TOP = [
    Mutation(
        name="a cut message has no end mark",
        file="axi/stream.py",
        old="with m.Elif(cut & free & self.may_end):",
        new="with m.Elif(cut & free & self.may_end & 0):",
        test="test_axi.py::test_stream_out[beats4]",
    ),
    Mutation(
        name="a closing gate withdraws what is offered",
        file="axi/stream.py",
        old="        with m.If(free):\n",
        new="        with m.If(free | ~self.enable):\n",
        test="test_axi.py::test_stream_out[beats4]",
    ),
    Mutation(
        name="a message after a cut follows without the end mark",
        file="axi/stream.py",
        old="self.i.ready.eq(free & self.enable & ~was_cut),",
        new="self.i.ready.eq(free & self.enable),",
        test="test_axi.py::test_stream_out[beats4]",
    ),
    Mutation(
        name="up rises while a beat of the old epoch waits",
        file="axi/link.py",
        old="self.tx_levels.up.eq(up & output.empty)",
        new="self.tx_levels.up.eq(up)",
        test="test_axi.py::test_link[beats4]",
    ),
    Mutation(
        name="an end mark meets an open epoch",
        file="axi/link.py",
        old="output.may_end.eq(~self.tx_levels.up)",
        new="output.may_end.eq(1)",
        test="test_axi.py::test_link[beats4]",
    ),
    Mutation(
        name="a peer that was reset within a record cannot begin a new one",
        file="axi/link.py",
        old="input.restart.eq(~self.rx_levels.up)",
        new="input.restart.eq(0)",
        test="test_axi.py::test_link[beats4]",
    ),
    Mutation(
        name="a byte without strobe makes a request",
        file="registers/block.py",
        old="requested = word & Cat(strobe.replicate(8) for strobe in strobes)",
        new="requested = word & Cat(strobe.replicate(8) | 0xFF for strobe in strobes)",
        test="test_axi.py::test_registers",
    ),
    Mutation(
        name="an answer that waits is lost to the next",
        file="registers/block.py",
        old="write.eq(address_held & word_held & ~bus.bvalid),",
        new="write.eq(address_held & word_held),",
        test="test_axi.py::test_registers",
    ),
    Mutation(
        name="a read of a request is OKAY",
        file="registers/block.py",
        old="right = register.is_request == wants_request",
        new="right = register.is_request or not wants_request",
        test="test_axi.py::test_registers",
    ),
    Mutation(
        name="a beat that waits at rx survives the clear",
        file="top.py",
        old="m.submodules.rx = ResetInserter(interlock.clear_request)(rx)",
        new="m.submodules.rx = rx",
        test="test_top.py::test_two_tops_over_axi[top_cut_tests]",
    ),
    Mutation(
        name="status shows an alarm at once",
        file="top.py",
        old="self.status_alarm.eq(shown.alarm.any()),",
        new="self.status_alarm.eq(interlock.alarm.any()),",
        test="test_top.py::test_two_tops_over_axi[top_register_tests]",
    ),
    Mutation(
        name="status changes twice a period",
        file="status.py",
        old="with m.If(self.cycle.all()):",
        new="with m.If(self.cycle[:-1].all()):",
        test="test_top.py::test_two_tops_over_axi[top_register_tests]",
    ),
]
