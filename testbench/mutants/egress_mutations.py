"""Mutations of the way out: intake, egress, credit, notices."""

from mutants.mutation import Mutation

MESSAGES = "test_egress.py::test_egress[beats16-egress_tests]"
STREAMS = "test_egress.py::test_egress[beats16-egress_stream_tests]"
EPOCHS = "test_egress.py::test_egress[beats16-egress_epoch_tests]"
CUTTER = "test_stream_cutter.py::test_stream_cutter[beats16]"
CREDITS = "test_credits.py"
NOTICES = "test_notices.py::test_notices[beats16]"
MUX = "test_record_mux.py"
INTAKE = "test_intake.py::test_intake[beats16-drain-streams-intake_tests]"
INTAKE_STREAMS = "test_intake.py::test_streams[beats16-intake_stream_tests]"
FINISH = "test_intake.py::test_streams[beats16-intake_finish_tests]"

EGRESS_MUTATIONS = [
    # Messages
    Mutation(
        name="prefix omits its last entry",
        file="sender.py",
        old="words_left.eq(1 + self.n_sessions + self.n_externals)",
        new="words_left.eq(self.n_sessions + self.n_externals)",
        test=MESSAGES,
    ),
    Mutation(
        name="a delta calls itself FULL",
        file="sender.py",
        old="prefix.flags.eq(Mux(self.full, PrefixFlag.FULL, PrefixFlag.DELTA))",
        new="prefix.flags.eq(PrefixFlag.FULL)",
        test=MESSAGES,
    ),
    Mutation(
        name="the total of an export misses the node's own count",
        file="summary.py",
        old="self.total.eq(self.total + entry.flops)",
        new="self.total.eq((self.total + entry.flops) & (~is_first).replicate(len(self.total)))",
        test=MESSAGES,
    ),
    Mutation(
        name="a dropped message leaves its sample to the next one",
        file="egress.py",
        old="& ~(in_flight | sampler.sample)",
        new="& ~in_flight",
        test=STREAMS,
    ),
    Mutation(
        name="what could never leave is sent after a second grant",
        file="egress.py",
        old="credits.affordable & ~credits.hopeless",
        new="credits.affordable",
        test=MESSAGES,
    ),
    Mutation(
        name="records of an ended epoch stay in egress",
        file="sender.py",
        old="with m.If(cut & sends):",
        new="with m.If(cut & (state == State.HEADER)):",
        test=EPOCHS,
    ),
    Mutation(
        name="the end of an epoch takes the last beat of another slot along",
        file="writer.py",
        old="with self._m.If(Mux(stays, ended.bit_select(self.out.slot, 1), cut)):",
        new="with self._m.If(cut):",
        test=EPOCHS,
    ),
    # Streams
    Mutation(
        name="a cut is offered before it was covered",
        file="stream_cutter.py",
        old="self.cuts.valid.eq(compared)",
        new="self.cuts.valid.eq(pending)",
        test=CUTTER,
    ),
    Mutation(
        name="what was announced may not be spent",
        file="stream_cutter.py",
        old="overrun.eq(self.count > self.announced), compared.eq(self.count <= self.announced)",
        new="overrun.eq(self.count >= self.announced), compared.eq(self.count < self.announced)",
        test=CUTTER,
    ),
    Mutation(
        name="a broken stream goes on",
        file="stream_cutter.py",
        old="self.failed.eq(broken | overrun)",
        new="self.failed.eq(overrun)",
        test=CUTTER,
    ),
    Mutation(
        name="a sample in flight serves the next stream",
        file="stream_cutter.py",
        old="return ResetInserter(self.finish)(m)",
        new="with m.If(self.finish):\n            m.d.sync += waiting.eq(0)\n        return m",
        test=CUTTER,
    ),
    Mutation(
        name="the window opens a cycle late",
        file="egress.py",
        old="self.window.eq(sender.streaming | (self.scan_started & head.is_stream))",
        new="self.window.eq(sender.streaming)",
        test=STREAMS,
    ),
    Mutation(
        name="the window closes before the ABORT has left",
        file="sender.py",
        old="self.streaming.eq(sends & message.is_stream)",
        new="self.streaming.eq(sends & message.is_stream & (state != State.ABORTED))",
        test=STREAMS,
    ),
    Mutation(
        name="an ABORT does not make FULL due",
        file="egress.py",
        old="self.require_full.eq(sender.aborted << sender.slot)",
        new="self.require_full.eq(0)",
        test=STREAMS,
    ),
    # Credit
    Mutation(
        name="a balance is not lowered",
        file="credits.py",
        old="Mux(self.refund, self.refund_bytes, -self.cost)",
        new="Mux(self.refund, self.refund_bytes, 0)",
        test=CREDITS,
    ),
    Mutation(
        name="a credit that meets a payment is lost",
        file="credits.py",
        old="(granting | (arriving[i] & change[i]))",
        new="granting",
        test=CREDITS,
    ),
    Mutation(
        name="a refund is all that a stream cost",
        file="sender.py",
        old="Mux(state == State.ABORTED, message.cost, cost_left)",
        new="message.cost",
        test=STREAMS,
    ),
    Mutation(
        name="credit is granted twice",
        file="notices.py",
        old=" - Mux(is_granted, self.granted_bytes, 0)",
        new="",
        test=NOTICES,
    ),
    Mutation(
        name="what is freed while a CREDIT is made is forgotten",
        file="notices.py",
        old="with m.If((state == State.ADD) & (slot == i)):",
        new="with m.If(is_granted):",
        test=NOTICES,
    ),
    Mutation(
        name="a notice stands inside a record",
        file="record_mux.py",
        old="with m.If(~under_way):",
        new="with m.If(~under_way | ~self.messages.valid):",
        test=MUX,
    ),
    Mutation(
        name="an offered record makes way for a notice",
        file="record_mux.py",
        old="with m.If(self.o.valid):",
        new="with m.If(passes):",
        test=MUX,
    ),
    # Intake
    Mutation(
        name="an over-long message is sent all the same",
        file="intake.py",
        old="(payload_taken == payload_beats - 1) & ~beat.last,",
        new="0,",
        test=INTAKE,
    ),
    Mutation(
        name="a roll keeps what the intake has to tell",
        file="intake.py",
        old="m.submodules.queue = ResetInserter(self.wipe)(queue)",
        new="m.submodules.queue = queue",
        test=INTAKE,
    ),
    Mutation(
        name="a stream may have a byte too many",
        file="intake.py",
        old="scarce & (kept > maximum_left[: exact_log2(self.beat_bytes)]),",
        new="scarce & (kept > maximum_left[: exact_log2(self.beat_bytes)] + 1),",
        test=INTAKE_STREAMS,
    ),
    Mutation(
        name="a descriptor's reserved bytes are not looked at",
        file="intake.py",
        old="~descriptor.maximum[MAXIMUM_BITS:].any() & (descriptor.reserved == 0)",
        new="~descriptor.maximum[MAXIMUM_BITS:].any()",
        test=INTAKE_STREAMS,
    ),
    Mutation(
        name="messages are taken behind a stream",
        file="intake.py",
        old="room = buffer.i.ready & queue.i.ready & ~(streaming & ended)",
        new="room = buffer.i.ready & queue.i.ready",
        test=FINISH,
    ),
    Mutation(
        name="the rest of a finished stream stays in the buffer",
        file="intake.py",
        old="state.d.sync += [refusing.eq(1), finished.eq(1)]",
        new="state.d.sync += finished.eq(1)",
        test=FINISH,
    ),
]
