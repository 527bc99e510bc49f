"""Mutations of the way out: intake, samples, records, credit."""

from mutants.mutation import Mutation

EGRESS = [
    Mutation(
        name="roll keeps the egress buffer",
        file="packet_buffer.py",
        old="m.submodules.control = ResetInserter(self.flush | self.wipe)(control)",
        new="m.submodules.control = ResetInserter(self.flush)(control)",
        test="test_packet_buffer.py",
    ),
    Mutation(
        name="a buffer promises room for a beat more than it has",
        file="packet_buffer.py",
        old="(free[0] & ~written)",
        new="free[0]",
        test="test_packet_buffer.py",
    ),
    Mutation(
        name="a buffer loses the place of a beat that is discarded as it is written",
        file="packet_buffer.py",
        old="dropped.eq(pending + written)",
        new="dropped.eq(pending)",
        test="test_packet_buffer.py",
    ),
    Mutation(
        name="a cut is offered before it was covered",
        file="stream_cutter.py",
        old="self.cuts.valid.eq(compared)",
        new="self.cuts.valid.eq(pending)",
        test="test_stream_cutter.py::test_stream_cutter[beats16]",
    ),
    Mutation(
        name="what was announced may not be spent",
        file="stream_cutter.py",
        old="overrun.eq(self.count > self.announced), compared.eq(self.count <= self.announced)",
        new="overrun.eq(self.count >= self.announced), compared.eq(self.count < self.announced)",
        test="test_stream_cutter.py::test_stream_cutter[beats16]",
    ),
    Mutation(
        name="a broken stream goes on",
        file="stream_cutter.py",
        old="self.failed.eq(broken | overrun)",
        new="self.failed.eq(overrun)",
        test="test_stream_cutter.py::test_stream_cutter[beats16]",
    ),
    Mutation(
        name="a sample in flight serves the next stream",
        file="stream_cutter.py",
        old="return ResetInserter(self.finish)(m)",
        new="with m.If(self.finish):\n            m.d.sync += waiting.eq(0)\n        return m",
        test="test_stream_cutter.py::test_stream_cutter[beats16]",
    ),
    Mutation(
        name="a balance is not lowered",
        file="credits.py",
        old="Mux(self.refund, self.refund_bytes, -self.cost)",
        new="Mux(self.refund, self.refund_bytes, 0)",
        test="test_credits.py",
    ),
    Mutation(
        name="a credit that meets a payment is lost",
        file="credits.py",
        old="(granting | (arriving[i] & change[i]))",
        new="granting",
        test="test_credits.py",
    ),
    Mutation(
        name="credit is granted twice",
        file="notices.py",
        old=" - Mux(was_granted[i], self.granted_bytes, 0)",
        new="",
        test="test_notices.py::test_notices[beats16]",
    ),
    Mutation(
        name="what is freed while a CREDIT is made is forgotten",
        file="notices.py",
        old="with m.If((state == State.ADD) & (slot == i)):",
        new="with m.If(is_granted):",
        test="test_notices.py::test_notices[beats16]",
    ),
    Mutation(
        name="a notice stands inside a record",
        file="record_mux.py",
        old="with m.If(~under_way):",
        new="with m.If(~under_way | ~self.messages.valid):",
        test="test_record_mux.py",
    ),
    Mutation(
        name="an offered record makes way for a notice",
        file="record_mux.py",
        old="with m.If(self.o.valid):",
        new="with m.If(self.o.valid & self.o.ready):",
        test="test_record_mux.py",
    ),
]
