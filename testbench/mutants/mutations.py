"""Every mutation of ``make mutants``."""

from mutants.egress_mutations import EGRESS_MUTATIONS
from mutants.mutation import Mutation

COUNTER = "test_counter.py"
STORE = "test_register_log.py"
CHANGES = "test_change_bits.py"
LOG = "test_log.py"
LOG_FLIPS = "test_flips.py::test_every_flip_is_safe[log-2]"
INGRESS = "test_ingress.py::test_ingress[beats16]"
SESSION = "test_session.py::test_session"
LINK = "test_link.py::test_link_epochs[delay7]"
SESSIONS = "test_attacks_on_sessions.py"
LINKS = "test_attacks_on_links.py"
SHA256 = "test_sha256.py::test_sha256"
DIGEST = "test_digest.py::test_digest[2-4]"
WIPED = "test_digest.py::test_wipe[2-16]"

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
    # The log: its store
    Mutation(
        name="merge keeps the smaller count",
        file="log/slot.py",
        old="self.more_high.eq(asked.flops[48:] > mine.flops[48:])",
        new="self.more_high.eq(asked.flops[48:] < mine.flops[48:])",
        test=STORE,
    ),
    Mutation(
        name="merge forgets provenance flags",
        file="log/slot.py",
        old="both.eq(mine.provenance.as_value() | asked.provenance.as_value())",
        new="both.eq(asked.provenance.as_value())",
        test=STORE,
    ),
    Mutation(
        name="a full log drops the entry and says nothing",
        file="log/register_log.py",
        old="m.d.comb += self.answer.eq(Answer.FULL)",
        new="m.d.comb += self.answer.eq(Answer.OK)",
        test=STORE,
    ),
    Mutation(
        name="a peer may raise the node's own count",
        file="log/register_log.py",
        old="m.d.comb += self.own_ahead.eq(ahead)",
        new="m.d.comb += self.own_ahead.eq(0)",
        test=STORE,
    ),
    Mutation(
        name="a digest is known by its first half",
        file="log/register_log.py",
        old="(now.n_externals > last - number) & slot.same_rest",
        new="(now.n_externals > last - number)",
        test=STORE,
    ),
    Mutation(
        name="a flag that is added is no change",
        file="log/register_log.py",
        old="changes[number].eq(update | (add & ~now.same_flags[number]))",
        new="changes[number].eq(update)",
        test=STORE,
    ),
    Mutation(
        name="the last announcement is taken for the largest",
        file="log/register_log.py",
        old="with m.If(now.keeping_said & (now.more_said_high | (now.same_said & now.more_said_low))):",
        new="with m.If(now.keeping_said):",
        test=STORE,
    ),
    Mutation(
        name="damaged entries go unnoticed",
        file="log/register_log.py",
        old="*(slot.damaged for slot in self.slots))",
        new="*(0 for slot in self.slots))",
        test=LOG_FLIPS,
    ),
    # The log: change bits and scan
    Mutation(
        name="a change just before a flip is in neither set",
        file="log/change_bits.py",
        old="with m.If(now.fixing & (now.slot == number)):",
        new="with m.If(now.flipped & (now.slot == number)):",
        test=CHANGES,
    ),
    Mutation(
        name="a change goes into the plane that is given out",
        file="log/change_bits.py",
        old="following.planes.eq(Mux(now.noted, now.phase, ~now.phase))",
        new="following.planes.eq(~now.phase)",
        test=CHANGES,
    ),
    Mutation(
        name="an entry that changed twice is counted twice",
        file="log/change_bits.py",
        old="is_new = now.set & ~words.is_set",
        new="is_new = now.set",
        test=CHANGES,
    ),
    Mutation(
        name="a wipe leaves the last word",
        file="log/bit_memory.py",
        old="write_port.en.eq(self.set | self.take | self.wipe)",
        new="write_port.en.eq(self.set | self.take | (self.wipe & ~self.wipe_at.all()))",
        test=CHANGES,
    ),
    Mutation(
        name="damaged change bits go unnoticed",
        file="log/change_bits.py",
        old="*(part.fault for part in checked)",
        new="*(part.fault for part in [*twins.values(), self.summary_walker, self.word_walker])",
        test=LOG_FLIPS,
    ),
    Mutation(
        name="FULL leaves the slot's set as it is",
        file="log/scan.py",
        old="changes.flip.eq(accept & is_slot.any())",
        new="changes.flip.eq(accept & is_slot.any() & ~full)",
        test=LOG,
    ),
    Mutation(
        name="FULL that falls due with a request is forgotten",
        file="log/scan.py",
        old="full = ~is_slot.any() | (is_slot & due).any()",
        new="full = ~is_slot.any() | (is_slot & now.full_due).any()",
        test=LOG,
    ),
    Mutation(
        name="entry 0 of a stream leaves without its bound",
        file="log/scan.py",
        old="self.entries.payload.entry.flops.eq(_joined(self.said))",
        new="self.entries.payload.entry.flops.eq(entry.flops)",
        test=LOG,
    ),
    Mutation(
        name="the bound's carry is lost",
        file="log/scan.py",
        old="following.carry.eq(total[PART_BITS])",
        new="following.carry.eq(0)",
        test=LOG,
    ),
    # On the way out
    *EGRESS_MUTATIONS,
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
        name="a last beat may have a gap",
        file="beat.py",
        old="beat.keep[0] & ~gaps.any()",
        new="beat.keep[0]",
        test="test_intake.py",
    ),
    Mutation(
        name="a message that is refused waits for room",
        file="intake.py",
        old="(buffer.i.ready & queue.i.ready) | refusing",
        new="buffer.i.ready & queue.i.ready",
        test="test_intake.py",
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
    # Digests
    Mutation(
        name="a message goes on from the one before it",
        file="crypto/sha256.py",
        old="m.d.sync += [is_first.eq(self.start.p.first),",
        new="m.d.sync += [is_first.eq(0),",
        test=SHA256,
    ),
    Mutation(
        name="a block does not see the one before it",
        file="crypto/sha256.py",
        old="total.eq(ring[0] + Mux(adding, value, 0))",
        new="total.eq(Mux(adding, value, ring[0]))",
        test=SHA256,
    ),
    Mutation(
        name="the schedule lacks one of its four terms",
        file="crypto/sha256.py",
        old="(oldest + words[5])[:WORD_BITS]",
        new="oldest",
        test=SHA256,
    ),
    Mutation(
        name="a core is ready a cycle early",
        file="crypto/sha256.py",
        old="(cycle >= self.interval + 4)",
        new="(cycle >= self.interval + 3)",
        test=SHA256,
    ),
    Mutation(
        name="every block replaces the digest",
        file="crypto/sha256.py",
        old="with m.If((adding & wanted) | self.shift):",
        new="with m.If(adding | self.shift):",
        test=SHA256,
    ),
    Mutation(
        name="a leaf is hashed as a node is",
        file="leaf_lane.py",
        old="LEAF_PREFIX = 0x00",
        new="LEAF_PREFIX = 0x01",
        test=DIGEST,
    ),
    Mutation(
        name="nothing is hashed like an empty leaf",
        file="crypto/memory_hash.py",
        old="left.eq(Mux(size == 0, 0, size + 1)),",
        new="left.eq(size + 1),",
        test=DIGEST,
    ),
    Mutation(
        name="the mark behind the last byte is lost between two words",
        file="crypto/memory_hash.py",
        old="ends = left < _WORD_BYTES",
        new="ends = left <= _WORD_BYTES",
        test=DIGEST,
    ),
    Mutation(
        name="a hash is overwritten before it is taken",
        file="crypto/memory_hash.py",
        old="pending & ~(is_last & outstanding)",
        new="pending",
        test=DIGEST,
    ),
    Mutation(
        name="a lane takes a third leaf over the first",
        file="leaf_lane.py",
        old="self.i.ready.eq(~full.bit_select(half, 1) & ~self.wipe)",
        new="self.i.ready.eq(~full.all() & ~self.wipe)",
        test=DIGEST,
    ),
    Mutation(
        name="nodes are joined whatever their size",
        file="node_stack.py",
        old="more = (after != 1) & (is_last | ~following[0])",
        new="more = after != 1",
        test=DIGEST,
    ),
    Mutation(
        name="a message's tree is left in pieces",
        file="node_stack.py",
        old="more = (after != 1) & (is_last | ~following[0])",
        new="more = (after != 1) & ~following[0]",
        test=DIGEST,
    ),
    Mutation(
        name="a length counts a full last leaf as an empty one",
        file="digest.py",
        old="before + size[_OFFSET_BITS]",
        new="before",
        test=DIGEST,
    ),
    Mutation(
        name="groups of nodes run over the end of a message",
        file="digest.py",
        old="with control.If(leaves.payload.last | place.all()):",
        new="with control.If(place.all()):",
        test="test_digest.py::test_digest[7-16]",
    ),
    Mutation(
        name="a wipe keeps what a core has in hand",
        file="leaf_lane.py",
        old="m.submodules.hasher = ResetInserter(self.wipe)(hasher)",
        new="m.submodules.hasher = hasher",
        test=WIPED,
    ),
    Mutation(
        name="a wipe keeps pending roots",
        file="node_stack.py",
        old="write_port.data.eq(Mux(self.wipe, 0, incoming.word)),",
        new="write_port.data.eq(incoming.word),",
        test=WIPED,
    ),
]
