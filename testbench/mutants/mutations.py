"""Every mutation of ``make mutants``."""

from mutants.mutation import Mutation

COUNTER = "test_counter.py"
LOG = "test_register_log.py"
LOG_FLIPS = "test_flips.py::test_every_flip_is_safe[log-2]"
EGRESS = "test_egress.py::test_egress[beats16]"
INGRESS = "test_ingress.py::test_ingress[beats16]"
SESSION = "test_session.py::test_session"
LINK = "test_link.py::test_link_epochs[delay7]"
SESSIONS = "test_attacks_on_sessions.py"
LINKS = "test_attacks_on_links.py"
STREAM_OUT = "test_axi.py::test_stream_out[beats4]"
AXIS_LINK = "test_axi.py::test_link[beats4]"
REGISTERS = "test_axi.py::test_registers"
TOP_CUT = "test_top.py::test_two_tops_over_axi[top_cut_tests-beats4]"
TOP_REGISTERS = "test_top.py::test_two_tops_over_axi[top_register_tests-beats4]"

MUTATIONS = [
    # Counting
    Mutation(
        name="counter wraps instead of saturating",
        file="counter.py",
        old="self.total.eq(low | self.saturated.replicate(TOTAL_BITS)),",
        new="self.total.eq(low),",
        test=COUNTER,
    ),
    Mutation(
        name="count is sampled before the pipeline is flushed",
        file="counter.py",
        old='take = registers.delay(self.sample, self.latency - 1, name="sample")',
        new='take = registers.delay(self.sample, self.latency - 2, name="sample")',
        test=COUNTER,
    ),
    Mutation(
        name="an unknown class costs the smallest weight",
        file="counter.py",
        old="choice.eq(weights.index(self.weights.largest)), row.eq(Bin.OTHER)",
        new="choice.eq(0), row.eq(Bin.OTHER)",
        test=COUNTER,
    ),
    Mutation(
        name="an event above its port's peak is no alarm",
        file="counter.py",
        old="over.append(flops > self.issue_ports[number].peak)",
        new="over.append(flops > 2 * self.issue_ports[number].peak)",
        test=COUNTER,
    ),
    # The log
    Mutation(
        name="merge keeps the smaller count",
        file="log/slot.py",
        old="self.more_high.eq(asked.flops[48:] > mine.flops[48:])",
        new="self.more_high.eq(asked.flops[48:] < mine.flops[48:])",
        test=LOG,
    ),
    Mutation(
        name="merge forgets provenance flags",
        file="log/slot.py",
        old="both.eq(mine.provenance.as_value() | asked.provenance.as_value())",
        new="both.eq(asked.provenance.as_value())",
        test=LOG,
    ),
    Mutation(
        name="a full log drops the entry and says nothing",
        file="log/register_log.py",
        old="m.d.comb += self.answer.eq(Answer.FULL)",
        new="m.d.comb += self.answer.eq(Answer.OK)",
        test=LOG,
    ),
    Mutation(
        name="a peer may raise the node's own count",
        file="log/register_log.py",
        old="m.d.comb += self.own_ahead.eq(more_flops[0])",
        new="m.d.comb += self.own_ahead.eq(0)",
        test=LOG,
    ),
    Mutation(
        name="damaged entries go unnoticed",
        file="log/register_log.py",
        old="*(slot.damaged for slot in self.slots))",
        new="*(0 for slot in self.slots))",
        test=LOG_FLIPS,
    ),
    # On the way out
    Mutation(
        name="prefix omits its last entry",
        file="egress.py",
        old="record.length.eq(PREFIX_HEADER_BYTES + ENTRY_BYTES * self.scan_size)",
        new="record.length.eq(PREFIX_HEADER_BYTES + ENTRY_BYTES * (self.scan_size - 1))",
        test=EGRESS,
    ),
    Mutation(
        name="payload leaves without a prefix of its own",
        file="egress.py",
        old="is_prefix.eq(1),\n",
        new="is_prefix.eq(info.length == 0),\n",
        test=EGRESS,
    ),
    Mutation(
        name="the total of an export misses the node's own count",
        file="summary.py",
        old="self.total.eq(self.total + entry.flops)",
        new="self.total.eq(Mux(is_first, 0, self.total + entry.flops))",
        test=EGRESS,
    ),
    Mutation(
        name="records of an ended epoch stay in egress",
        file="egress.py",
        old="        with m.If(cut & (state != State.IDLE)):\n",
        new="        with m.If(cut & (state == State.RECORD_HEADER)):\n",
        test=EGRESS,
    ),
    Mutation(
        name="an over-long message is sent all the same",
        file="intake.py",
        old="            | too_long\n",
        new="",
        test="test_intake.py",
    ),
    Mutation(
        name="roll keeps the egress buffer",
        file="packet_buffer.py",
        old="m.submodules.control = ResetInserter(self.flush | self.wipe)(control)",
        new="m.submodules.control = ResetInserter(self.flush)(control)",
        test="test_packet_buffer.py",
    ),
    # On the way in
    Mutation(
        name="payload is released before the merges are done",
        file="ingress.py",
        old="all_merged.eq(prefix.done & (outstanding == self.merged) & ~refused),",
        new="all_merged.eq(prefix.done & ~refused),",
        test=INGRESS,
    ),
    Mutation(
        name="entry 0 may be anybody's",
        file="prefix_reader.py",
        old="(entry.session_id == self.session_id) | (self.peer_known & (entry.session_id != self.peer_id))",
        new="entry.session_id == self.session_id",
        test=INGRESS,
    ),
    Mutation(
        name="a message is released although its epoch has ended",
        file="release.py",
        old="self.flush.eq((pending | self.stale) & ~in_progress),",
        new="self.flush.eq(0),",
        test=INGRESS,
    ),
    Mutation(
        name="external data is released before it is logged",
        file="staging.py",
        old="release.offered.eq(Cat(Const(-1, links), permits != 0)),",
        new="release.offered.eq(Cat(Const(-1, links), 1)),",
        test=INGRESS,
    ),
    Mutation(
        name="a record's tag is not compared",
        file="clear_open.py",
        old="wrong = fourth.wrong | tag_wrong",
        new="wrong = fourth.wrong",
        test="test_clear_open.py",
    ),
    Mutation(
        name="a record may be replayed",
        file="record_parser.py",
        old="            expected.seq.eq(seq),\n",
        new="            expected.seq.eq(0),\n",
        test="test_clear_open.py",
    ),
    # Sessions and epochs
    Mutation(
        name="an alarm leaves the gates open",
        file="session.py",
        old="with m.Elif(causes.any()):\n            m.d.comb += state.next.eq(State.CLOSED)",
        new="with m.Elif(causes[1:].any()):\n            m.d.comb += state.next.eq(State.CLOSED)",
        test=SESSION,
    ),
    Mutation(
        name="gates open before the buffers are wiped",
        file="session.py",
        old="with m.If(self.clear_done & self.wiped):",
        new="with m.If(self.clear_done):",
        test=SESSION,
    ),
    Mutation(
        name="a new epoch begins while the old one is on its way",
        file="link.py",
        old="& self.clean & ~self.ended & ~self.peer.heard",
        new="& self.clean & ~self.ended",
        test=LINK,
    ),
    Mutation(
        name="a closed channel opens by itself",
        file="link.py",
        old="with m.If(self.close):\n            m.d.sync += closed.eq(1)",
        new="with m.If(self.close):\n            m.d.sync += closed.eq(0)",
        test=LINK,
    ),
    # The whole node
    Mutation(
        name="the end of an epoch takes the last beat of another slot along",
        file="egress.py",
        old="with m.If(cut & emit):",
        new="with m.If(cut):",
        test=EGRESS,
    ),
    Mutation(
        name="exports go on after an alarm",
        file="interlock.py",
        old="self._gate(m, session.open, egress.host, self.host_out)",
        new="self._gate(m, 1, egress.host, self.host_out)",
        test=f"{SESSIONS}::test_an_alarm_stops_every_port_at_once",
    ),
    Mutation(
        name="releases go on after an alarm",
        file="interlock.py",
        old="self._gate(m, session.open, ingress.rx, self.rx)",
        new="self._gate(m, 1, ingress.rx, self.rx)",
        test=f"{SESSIONS}::test_an_alarm_stops_every_port_at_once",
    ),
    Mutation(
        name="records leave after an alarm",
        file="interlock.py",
        old="self._gate(m, session.open, seal.o[i], port.tx)",
        new="self._gate(m, 1, seal.o[i], port.tx)",
        test=f"{SESSIONS}::test_an_alarm_stops_every_port_at_once",
    ),
    Mutation(
        name="the seal keeps records of an ended epoch",
        file="interlock.py",
        old="seal.flush[i].eq(epoch.ended)",
        new="seal.flush[i].eq(0)",
        test=f"{SESSIONS}::test_an_epoch_that_ends_at_any_moment_leaves_nothing_of_it",
    ),
    Mutation(
        name="a roll keeps the count",
        file="interlock.py",
        old="for block in (*with_memory, counter, log, egress, seal):",
        new="for block in (*with_memory, log, egress, seal):",
        test=f"{SESSIONS}::test_counts_stay_with_the_session_that_made_them",
    ),
    Mutation(
        name="two sessions of one id are no alarm",
        file="interlock.py",
        old="session.alarms[Alarm.OWN_AHEAD].eq(log.own_ahead)",
        new="session.alarms[Alarm.OWN_AHEAD].eq(0)",
        test=f"{LINKS}::test_two_sessions_of_one_id_are_an_alarm",
    ),
    Mutation(
        name="a node listens to what it said itself",
        file="interlock.py",
        old="ingress.session_id.eq(session.session_id)",
        new="ingress.session_id.eq(0)",
        test=f"{LINKS}::test_what_a_node_said_does_not_come_back_to_it",
    ),
    # The top
    Mutation(
        name="a cut message has no end mark",
        file="axi/stream.py",
        old="with m.Elif(cut & free & self.may_end):",
        new="with m.Elif(cut & free & self.may_end & 0):",
        test=STREAM_OUT,
    ),
    Mutation(
        name="a closing gate withdraws what is offered",
        file="axi/stream.py",
        old="        with m.If(free):\n",
        new="        with m.If(free | ~self.enable):\n",
        test=STREAM_OUT,
    ),
    Mutation(
        name="a message after a cut follows without the end mark",
        file="axi/stream.py",
        old="self.i.ready.eq(free & self.enable & ~was_cut),",
        new="self.i.ready.eq(free & self.enable),",
        test=STREAM_OUT,
    ),
    Mutation(
        name="up rises while a beat of the old epoch waits",
        file="axi/link.py",
        old="self.tx_levels.up.eq(up & output.empty)",
        new="self.tx_levels.up.eq(up)",
        test=AXIS_LINK,
    ),
    Mutation(
        name="an end mark meets an open epoch",
        file="axi/link.py",
        old="output.may_end.eq(~self.tx_levels.up)",
        new="output.may_end.eq(1)",
        test=AXIS_LINK,
    ),
    Mutation(
        name="a peer that was reset within a record cannot begin a new one",
        file="axi/link.py",
        old="input.restart.eq(~self.rx_levels.up)",
        new="input.restart.eq(0)",
        test=AXIS_LINK,
    ),
    Mutation(
        name="a beat that waits at rx survives the clear",
        file="top.py",
        old="m.submodules.rx = ResetInserter(interlock.clear_request)(rx)",
        new="m.submodules.rx = rx",
        test=TOP_CUT,
    ),
    Mutation(
        name="a byte without strobe makes a request",
        file="registers/block.py",
        old="requested = word & Cat(strobe.replicate(8) for strobe in strobes)",
        new="requested = word & Cat(strobe.replicate(8) | 0xFF for strobe in strobes)",
        test=REGISTERS,
    ),
    Mutation(
        name="an answer that waits is lost to the next",
        file="registers/block.py",
        old="write.eq(address_held & word_held & ~bus.bvalid),",
        new="write.eq(address_held & word_held),",
        test=REGISTERS,
    ),
    Mutation(
        name="a read of a request is OKAY",
        file="registers/block.py",
        old="right = register.is_request == wants_request",
        new="right = register.is_request or not wants_request",
        test=REGISTERS,
    ),
    Mutation(
        name="status shows an alarm at once",
        file="top.py",
        old="self.status_alarm.eq(shown.alarm.any()),",
        new="self.status_alarm.eq(interlock.alarm.any()),",
        test=TOP_REGISTERS,
    ),
    Mutation(
        name="status changes twice a period",
        file="status.py",
        old="with m.If(self.cycle.all()):",
        new="with m.If(self.cycle[:-1].all()):",
        test=TOP_REGISTERS,
    ),
]
