"""Ingress: verified records become merges and whole messages for the accelerator (docs/specification.md)."""

from amaranth.hdl import Array, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accounts import Accounts
from interlock_hdl.beat import beat_stream
from interlock_hdl.config import InterlockConfig
from interlock_hdl.credits import GRANT_BITS
from interlock_hdl.log.answer import Answer
from interlock_hdl.message_writer import MessageWriter
from interlock_hdl.ports import MergeStream
from interlock_hdl.prefix_reader import PrefixReader
from interlock_hdl.record import TYPE_BITS, RecordType
from interlock_hdl.record_rules import EOM, SOM, RecordRules
from interlock_hdl.record_turns import RecordPort, RecordTurns
from interlock_hdl.register_queue import RegisterQueue
from interlock_hdl.staging import Staging

MAX_OUTSTANDING = 64
"""More merges than any log has on its way, which is one for every two cycles of its latency."""


class State(enum.Enum):
    """What is being done."""

    IDLE = 0
    LOCAL = 1  # a merge from inside this node is offered to the log
    LOCAL_MERGED = 2
    PREFIX = 3  # entries are read and merged, until the log has answered the last one
    STAGE = 4  # a message's header, or the payload of a record, is staged
    CREDIT = 5  # a grant is read
    NOTICE = 6  # a record without a body
    DRAIN = 7  # the record was given up; the log has not answered all of its entries
    JUDGE = 8  # whether the next record may be here


Channel = data.StructLayout({"message_open": 1, "peer_known": 1, "peer_id": 128})
"""What is known of a channel in its epoch: a message is open, and who speaks."""


class Ingress(wiring.Component):
    """Reads records of all links in turn, merges prefixes, stages payloads, releases whole messages.

    A payload is released only after its last record was read and every entry of its prefix was merged;
    nothing is while ``window`` is up.  Anything out of place closes the channel.  What a peer may send was
    granted, so there is always room for it, and no record waits for another channel or for the accelerator.

    **Throughput**: one beat of a record's body a cycle, and a cycle before that, in which the record is
    judged.  A prefix takes two cycles more, until the log has answered its last entry; a message's header its
    beats; a CREDIT two cycles more; a record of one beat, or none, a cycle more.  Of long messages that is no
    more than what header and tag of their records take on a link, so that they are read as fast as they come.
    **Latency**: ``Staging.latency`` from a message's last beat to ``released``, if nothing is being released.

    Parameters
    ----------
    config : InterlockConfig

    Members
    -------
    records : In(RecordPort) array of ``links``
    open, ended : In(links)
        The epochs, and strobes of their ends.
    introduced, peer_id : In(links), In(128)
        Whoever speaks in the channel's next epoch is ``peer_id``; otherwise it is whoever speaks first.
    close : Out(links)
        Strobe: the channel broke a rule.
    clean : Out(links)
        Nothing of an ended epoch is left.
    host : In(stream of Beat)
        EXTERNAL messages that may be released.
    local, local_merged : In(MergeStream), Out(1)
        Merges from inside this node, one at a time, and the strobe of their answer.
    session_id : In(128)
    merge : Out(MergeStream)
    merged, answer : In
        From the log, one for each merge, in order.
    credit, credit_slot, credit_bytes : Out(1), Out(8), Out(64)
        Strobe: the peer has granted so much more.
    granted, granted_slot, granted_bytes : In(1), In(8), In(range(staging_bytes + 1))
        Strobe: so much more was granted to the peer.
    freed, freed_bytes : Out
        See :class:`Release`; of ``source``.
    require_full : Out(links)
        Strobes: the peer wants a FULL prefix.
    window : In(1)
        Nothing may be released.
    rx : Out(stream of Beat)
        The accelerator's data input.
    wipe, wiped : In(1), Out(1)
    taken, slot : Out(1), Out(8)
        Strobe: the next record of ``slot`` is being read.
    entry_merged, merging : Out(1), Out(8)
        Strobe: an entry (not entry 0 of a fresh log) was merged, and where it came from; ``links`` stands
        for the host.
    released, source : Out(1), Out(8)
        See :class:`Release`.
    """

    def __init__(self, *, config: InterlockConfig) -> None:
        self.config = config
        self.staging = Staging(config=config)
        links, beat_bytes = config.links, config.beat_bytes
        staging = range(config.staging_bytes + 1)
        super().__init__(
            {
                "records": In(RecordPort(beat_bytes)).array(links),
                "open": In(links),
                "ended": In(links),
                "introduced": In(links),
                "peer_id": In(128),
                "close": Out(links),
                "clean": Out(links),
                "host": In(beat_stream(beat_bytes)),
                "local": In(MergeStream),
                "local_merged": Out(1),
                "session_id": In(128),
                "merge": Out(MergeStream),
                "merged": In(1),
                "answer": In(Answer),
                "credit": Out(1),
                "credit_slot": Out(8),
                "credit_bytes": Out(GRANT_BITS),
                "granted": In(1),
                "granted_slot": In(8),
                "granted_bytes": In(staging),
                "freed": Out(1),
                "freed_bytes": Out(staging),
                "require_full": Out(links),
                "window": In(1),
                "rx": Out(beat_stream(beat_bytes)),
                "wipe": In(1),
                "wiped": Out(1),
                "taken": Out(1),
                "slot": Out(8),
                "entry_merged": Out(1),
                "merging": Out(8),
                "released": Out(1),
                "source": Out(8),
            }
        )

    def elaborate(self, platform):
        m = Module()
        top = Module()
        top.submodules.control = ResetInserter(self.wipe)(m)
        config = self.config
        links, beat_bytes = config.links, config.beat_bytes

        top.submodules.staging = staging = self.staging
        wiring.connect(m, wiring.flipped(self.host), staging.host)
        wiring.connect(m, staging.rx, wiring.flipped(self.rx))
        m.d.comb += [
            staging.slot.eq(self.slot),
            staging.ended.eq(self.ended),
            staging.hold.eq(self.window),
            staging.wipe.eq(self.wipe),
            self.wiped.eq(staging.wiped),
            self.released.eq(staging.released),
            self.source.eq(staging.source),
            self.freed.eq(staging.freed),
            self.freed_bytes.eq(staging.freed_bytes),
        ]

        # The record at hand, and its channel.
        m.submodules.turns = turns = RecordTurns(beat_bytes=beat_bytes, links=links)
        for outer, inner in zip(self.records, turns.records, strict=True):
            wiring.connect(m, wiring.flipped(outer), inner)
        header, body = turns.header, turns.body
        channels = Array(Signal(Channel, name=f"channel_{i}") for i in range(links))
        channel = channels[self.slot]
        cut = Signal()
        m.d.comb += [
            turns.open.eq(self.open),
            self.slot.eq(turns.slot),
            cut.eq(self.ended.bit_select(self.slot, 1)),
        ]
        som, eom = header.flags[SOM], header.flags[EOM]
        kind = header.type[:TYPE_BITS]  # the link lets no type pass but those that there are
        is_prefix = kind == RecordType.PREFIX
        is_abort = kind == RecordType.ABORT

        m.submodules.prefix = prefix = PrefixReader(beat_bytes=beat_bytes, links=links)
        m.d.comb += [
            prefix.slot.eq(self.slot),
            prefix.som.eq(som),
            prefix.eom.eq(eom),
            prefix.length.eq(header.length),
            prefix.body.payload.eq(body.payload),
            prefix.body.valid.eq(body.valid),
            prefix.session_id.eq(self.session_id),
            prefix.ended.eq(self.ended),
        ]
        # Of the channel at hand, a cycle late: that is before the first beat of its record is compared.
        m.d.sync += [prefix.peer_known.eq(channel.peer_known), prefix.peer_id.eq(channel.peer_id)]

        state = Signal(State)
        finished = Signal()  # nothing is at hand any more
        fault = Signal()
        refused = Signal()
        outstanding = Signal(range(MAX_OUTSTANDING))  # merges on their way
        created = Signal()  # the log has an entry 0
        m.d.comb += refused.eq(self.merged & (self.answer != Answer.OK) & (state == State.PREFIX))
        # Merges go through a queue, for the log makes their parity before it takes them into a register.
        m.submodules.merges = merges = RegisterQueue(shape=self.merge.payload.shape(), depth=2)
        merge = merges.i
        wiring.connect(m, merges.o, wiring.flipped(self.merge))
        m.d.sync += outstanding.eq(outstanding + (merge.valid & merge.ready) - self.merged)

        staging_bytes = config.staging_bytes
        m.submodules.rules = rules = RecordRules(staging_bytes=staging_bytes)
        m.submodules.accounts = accounts = Accounts(
            beat_bytes=beat_bytes, links=links, staging_bytes=staging_bytes
        )
        m.d.comb += [
            accounts.slot.eq(self.slot),
            accounts.beats.payload.eq(body.payload),
            accounts.ended.eq(self.ended),
            self.credit_slot.eq(self.slot),
            self.credit_bytes.eq(accounts.credit_bytes),
        ]

        # That more was granted is known late, and of use when the peer knows it.
        m.d.sync += [
            accounts.granted.eq(self.granted << self.granted_slot),
            accounts.granted_bytes.eq(self.granted_bytes),
        ]

        # Whether the record may be here, and what it uses of the peer's credit: known from the cycle after.
        # One that may not be here uses it, too: that ends the epoch, and the account with it.
        begins = Signal()  # the record at hand was judged
        judged = turns.begins & ~cut
        m.d.sync += [
            begins.eq(judged),
            # Whatever of it meets the end of the epoch is void.
            accounts.use.eq((judged & rules.uses) << self.slot),
            accounts.amount.eq(rules.amount),
            accounts.abort.eq((judged & rules.aborts) << self.slot),
        ]
        writer = MessageWriter(beat_bytes=beat_bytes, links=links)
        m.d.comb += [
            rules.header.eq(turns.first_header),
            rules.message_open.eq(channel.message_open),
            rules.middle.eq(prefix.middle.bit_select(self.slot, 1)),
            rules.room.eq(accounts.room),
        ]
        malformed = begins & rules.malformed
        starts = begins & ~rules.malformed & ~cut
        aborts = starts & is_abort
        m.d.comb += [
            self.taken.eq(begins & ~cut),
            accounts.first.eq(som),
            staging.commit.eq(writer.commit),
            staging.discard.eq(aborts),
            prefix.abort.eq(accounts.abort),
            self.require_full.eq((starts & (kind == RecordType.FULL_REQUEST)) << self.slot),
        ]
        with m.If(aborts | writer.commit):
            m.d.sync += channel.message_open.eq(0)

        m.submodules.writer = writer
        wiring.connect(m, writer.o, staging.write)
        m.d.comb += [
            writer.slot.eq(self.slot),
            writer.eom.eq(eom),
            writer.empty.eq(is_prefix),
            writer.begins.eq(begins),
            writer.body.payload.eq(body.payload),
            writer.body.valid.eq(body.valid),
            writer.abort.eq(aborts),
            writer.ended.eq(self.ended),
        ]

        with m.Switch(state):
            with m.Case(State.IDLE):
                m.d.comb += finished.eq(1)

            with m.Case(State.LOCAL):
                m.d.comb += [
                    merge.payload.eq(self.local.payload),
                    merge.valid.eq(self.local.valid),
                    self.local.ready.eq(merge.ready),
                ]
                with m.If(merge.valid & merge.ready):
                    m.d.sync += state.eq(State.LOCAL_MERGED)
            with m.Case(State.LOCAL_MERGED):
                m.d.comb += self.local_merged.eq(self.merged)
                with m.If(self.merged):
                    m.d.sync += [created.eq(1), state.eq(State.IDLE)]

            with m.Case(State.JUDGE):
                with m.Switch(turns.first_header.type[:TYPE_BITS]):
                    with m.Case(RecordType.PREFIX):
                        m.d.sync += state.eq(State.PREFIX)
                    with m.Case(RecordType.PAYLOAD):
                        m.d.sync += state.eq(State.STAGE)
                    with m.Case(RecordType.CREDIT):
                        m.d.sync += state.eq(State.CREDIT)
                    with m.Default():
                        m.d.sync += state.eq(State.NOTICE)

            with m.Case(State.PREFIX):
                all_merged = Signal()
                m.d.comb += [
                    all_merged.eq(prefix.done & (outstanding == self.merged) & ~refused),
                    prefix.settle.eq(all_merged & prefix.ends & ~cut),
                    finished.eq(all_merged & ~eom),
                    prefix.enable.eq(1),
                    body.ready.eq(prefix.body.ready),
                    merge.payload.entry.eq(prefix.entries.payload.entry),
                    merge.payload.external.eq(prefix.entries.payload.external),
                    merge.valid.eq(prefix.entries.valid),
                    prefix.entries.ready.eq(merge.ready),
                ]
                # That entry 0 is right comes late, and an id is wide: until it is, nobody looks at the id.
                with m.If(prefix.introducing & ~channel.peer_known):
                    m.d.sync += channel.peer_id.eq(prefix.entries.payload.entry.session_id)
                with m.If(prefix.introduced):
                    m.d.sync += channel.peer_known.eq(1)
                with m.If(begins):
                    m.d.sync += channel.message_open.eq(1)
                with m.If(all_merged):
                    m.d.sync += state.eq(State.STAGE)

            with m.Case(State.STAGE):
                m.d.comb += [
                    writer.enable.eq(1),
                    body.ready.eq(writer.body.ready),
                    finished.eq(writer.done),
                ]

            with m.Case(State.CREDIT):
                m.d.comb += [
                    accounts.beats.valid.eq(body.valid),
                    body.ready.eq(accounts.beats.ready),
                    self.credit.eq(accounts.credit & ~cut),
                    finished.eq(accounts.credit),
                ]

            with m.Case(State.NOTICE):
                m.d.comb += finished.eq(~begins)  # until it is known whether it may be here

            with m.Case(State.DRAIN):
                # Entries that the log has already taken stay merged; they were verified.
                with m.If(outstanding == 0):
                    m.d.sync += state.eq(State.IDLE)

        m.d.comb += fault.eq(
            malformed | ((state == State.PREFIX) & prefix.fault) | ((state == State.CREDIT) & accounts.fell)
        )

        with m.If(finished & ~cut):
            m.d.sync += state.eq(State.IDLE)
            with m.If(self.local.valid):
                m.d.sync += state.eq(State.LOCAL)
            with m.Else():
                m.d.comb += turns.take.eq(1)
                with m.If(turns.any):
                    m.d.sync += state.eq(State.JUDGE)

        local_at_hand = (state == State.LOCAL) | (state == State.LOCAL_MERGED)
        record_at_hand = (state != State.IDLE) & ~local_at_hand
        m.d.comb += [
            self.entry_merged.eq(self.merged & ~(local_at_hand & ~created)),
            self.merging.eq(Mux(local_at_hand, links, self.slot)),
        ]
        m.d.comb += self.close.eq(staging.overrun)
        with m.If(record_at_hand & (state != State.DRAIN)):
            with m.If(cut):
                m.d.sync += state.eq(State.DRAIN)
            with m.Elif(fault | refused):
                m.d.comb += self.close.eq(staging.overrun | (1 << self.slot))
                m.d.sync += state.eq(State.DRAIN)

        for i in range(links):
            with m.If(self.ended[i]):
                m.d.sync += channels[i].eq(0)
            with m.If(self.introduced[i]):
                m.d.sync += [channels[i].peer_known.eq(1), channels[i].peer_id.eq(self.peer_id)]
            m.d.comb += self.clean[i].eq(staging.clean[i] & ~(record_at_hand & (self.slot == i)))
        return top
