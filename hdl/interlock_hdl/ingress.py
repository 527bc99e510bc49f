"""Ingress: verified records become merges and whole messages for the accelerator (docs/specification.md)."""

from amaranth.hdl import Array, Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.beat import beat_stream
from interlock_hdl.config import InterlockConfig
from interlock_hdl.credits import GRANT_BITS
from interlock_hdl.log.answer import Answer
from interlock_hdl.message import MESSAGE_HEADER_BYTES, Kind, MessageHeader
from interlock_hdl.ports import MergeStream
from interlock_hdl.prefix_reader import PrefixReader
from interlock_hdl.record import (
    ENTRY_BYTES,
    PREFIX_HEADER_BYTES,
    RecordFlag,
    RecordHeader,
    RecordType,
)
from interlock_hdl.record_parser import CREDIT_BYTES
from interlock_hdl.staging import Staging
from interlock_hdl.turns import Turns
from interlock_hdl.wire import network

BLOCK_BYTES = 16


class State(enum.Enum):
    """What is being done."""

    IDLE = 0
    LOCAL = 1  # a merge from inside this node is offered to the log
    LOCAL_MERGED = 2
    PREFIX = 3  # entries are read and merged, until the log has answered the last one
    STAGE = 4  # a message's header, or the payload of a record, is staged
    CREDIT = 5  # a grant is read
    CREDIT_ADD = 6
    CREDIT_JUDGE = 7
    NOTICE = 8  # a record without a body
    DRAIN = 9  # the record was given up; the log has not answered all of its entries


SOM, EOM = (flag.bit_length() - 1 for flag in (RecordFlag.SOM, RecordFlag.EOM))
"""Their bit numbers."""


class RecordPort(wiring.Signature):
    """Verified records of one link: a header, then its body."""

    def __init__(self, beat_bytes: int) -> None:
        super().__init__(
            {"header": Out(stream.Signature(RecordHeader)), "body": Out(beat_stream(beat_bytes))}
        )


class Channel(data.StructLayout):
    """What is known of a channel in its epoch.

    Members
    -------
    message_open, header_staged : a message is; its header is in the buffer
    room, cost : bytes that were granted and are not used; of these, what the open message has used
    credited : what the peer has granted in all
    peer_known, peer_id : who speaks
    """

    def __init__(self, staging_bytes: int) -> None:
        super().__init__(
            {
                "message_open": 1,
                "header_staged": 1,
                "room": range(staging_bytes + 1),
                "cost": range(staging_bytes + 1),
                "credited": GRANT_BITS,
                "peer_known": 1,
                "peer_id": 128,
            }
        )


class Ingress(wiring.Component):
    """Reads records of all links in turn, merges prefixes, stages payloads, releases whole messages.

    A payload is released only after its last record was read and every entry of its prefix was merged;
    nothing is while ``window`` is up.  Anything out of place closes the channel.  What a peer may send was
    granted, so there is always room for it, and no record waits for another channel or for the accelerator.

    **Throughput**: one beat of a record's body a cycle, records without a pause between them.  A prefix takes
    three cycles more, until the log has answered, and a message's header its beats: no more than what header
    and tag of its first two records take on a link, so that messages are read as fast as they come.

    Parameters
    ----------
    config : InterlockConfig

    Members
    -------
    records : In(RecordPort) array of ``links``
    open, ended : In(links)
        The epochs, and strobes of their ends.
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
        links, beat_bytes = config.links, config.beat_bytes
        staging = range(config.staging_bytes + 1)
        super().__init__(
            {
                "records": In(RecordPort(beat_bytes)).array(links),
                "open": In(links),
                "ended": In(links),
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

        top.submodules.staging = staging = Staging(config=config)
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

        # The channel at hand.
        channels = Array(Signal(Channel(config.staging_bytes), name=f"channel_{i}") for i in range(links))
        channel = channels[self.slot]
        header = Signal(RecordHeader)
        body = beat_stream(beat_bytes).create(path=("body",))
        cut = Signal()
        m.d.comb += cut.eq(self.ended.bit_select(self.slot, 1))
        with m.Switch(self.slot):
            for i, port in enumerate(self.records):
                with m.Case(i):
                    m.d.comb += [
                        body.payload.eq(port.body.payload),
                        body.valid.eq(port.body.valid),
                        port.body.ready.eq(body.ready),
                    ]
        som, eom = header.flags[SOM], header.flags[EOM]
        is_prefix = header.type == RecordType.PREFIX
        is_payload = header.type == RecordType.PAYLOAD
        is_abort = header.type == RecordType.ABORT

        # Whose record is next: chosen in the last cycle of the record before it, judged in its own first
        # cycle.
        m.submodules.turns = turns = Turns(count=links)
        m.d.comb += turns.last.eq(self.slot)
        for i, port in enumerate(self.records):
            m.d.comb += turns.asking[i].eq(port.header.valid & self.open[i])

        m.submodules.prefix = prefix = PrefixReader(beat_bytes=beat_bytes, links=links)
        m.d.comb += [
            prefix.slot.eq(self.slot),
            prefix.som.eq(som),
            prefix.eom.eq(eom),
            prefix.length.eq(header.length),
            prefix.body.payload.eq(body.payload),
            prefix.body.valid.eq(body.valid),
            prefix.session_id.eq(self.session_id),
            prefix.peer_known.eq(channel.peer_known),
            prefix.peer_id.eq(channel.peer_id),
            prefix.ended.eq(self.ended),
        ]

        state = Signal(State)
        finished = Signal()  # nothing is at hand any more
        begins = Signal()  # first cycle of a record
        malformed = Signal()
        fault = Signal()
        refused = Signal()
        outstanding = Signal(range(16))  # merges on their way
        created = Signal()  # the log has an entry 0
        m.d.comb += refused.eq(self.merged & (self.answer != Answer.OK) & (state == State.PREFIX))
        m.d.sync += outstanding.eq(outstanding + (self.merge.valid & self.merge.ready) - self.merged)

        # A message's header, as the accelerator gets it.
        rx_header = Signal(MessageHeader)
        header_beat = Signal(range(MESSAGE_HEADER_BYTES // beat_bytes))
        header_ends = header_beat == MESSAGE_HEADER_BYTES // beat_bytes - 1
        m.d.comb += [rx_header.kind.eq(Kind.PEER), rx_header.peer.eq(self.slot)]

        grant = Signal(GRANT_BITS)  # as it is read
        increase = Signal(GRANT_BITS + 1)
        m.d.comb += [
            self.credit_slot.eq(self.slot),
            self.credit_bytes.eq(increase),
        ]

        # The first cycle of a record: whether it may be here, and what it uses of the peer's credit.
        middle = prefix.middle.bit_select(self.slot, 1)
        whole_blocks = ((header.length + BLOCK_BYTES - 1) >> 4) << 4
        amount = Signal.like(channel.room)
        uses = Signal()
        with m.If(is_prefix):
            least = Mux(som, PREFIX_HEADER_BYTES + ENTRY_BYTES, ENTRY_BYTES)
            fits = (header.length >= least) & ~header.length[: exact_log2(ENTRY_BYTES)].any()
            m.d.comb += [
                malformed.eq(Mux(som, channel.message_open | (channel.room < amount), ~middle) | ~fits),
                uses.eq(som),
                amount.eq(MESSAGE_HEADER_BYTES),
            ]
        with m.Elif(is_payload):
            fits = eom | ~header.length[: exact_log2(BLOCK_BYTES)].any()
            m.d.comb += [
                malformed.eq(~channel.message_open | middle | som | ~fits | (channel.room < whole_blocks)),
                uses.eq(1),
                amount.eq(whole_blocks),
            ]
        with m.Elif(is_abort):
            m.d.comb += malformed.eq(~channel.message_open)
        starts = begins & ~malformed & ~cut
        aborts = starts & is_abort
        m.d.comb += [
            self.taken.eq(begins & ~cut),
            staging.discard.eq(aborts),
            prefix.abort.eq(aborts << self.slot),
            self.require_full.eq((starts & (header.type == RecordType.FULL_REQUEST)) << self.slot),
        ]
        for i, each in enumerate(channels):
            here = self.slot == i
            is_granted = self.granted & (self.granted_slot == i)
            m.d.sync += each.room.eq(
                each.room
                + Mux(is_granted, self.granted_bytes, 0)
                + Mux(here & aborts, each.cost, 0)
                - Mux(here & starts & uses, amount, 0)
            )
        with m.If(starts & uses):
            m.d.sync += channel.cost.eq(channel.cost + amount)
        with m.If(aborts):
            m.d.sync += [channel.message_open.eq(0), channel.header_staged.eq(0), channel.cost.eq(0)]

        with m.Switch(state):
            with m.Case(State.IDLE):
                m.d.comb += finished.eq(1)

            with m.Case(State.LOCAL):
                m.d.comb += [
                    self.merge.payload.eq(self.local.payload),
                    self.merge.valid.eq(self.local.valid),
                    self.local.ready.eq(self.merge.ready),
                ]
                with m.If(self.merge.valid & self.merge.ready):
                    m.d.sync += state.eq(State.LOCAL_MERGED)
            with m.Case(State.LOCAL_MERGED):
                m.d.comb += self.local_merged.eq(self.merged)
                with m.If(self.merged):
                    m.d.sync += [created.eq(1), state.eq(State.IDLE)]

            with m.Case(State.PREFIX):
                all_merged = Signal()
                m.d.comb += [
                    all_merged.eq(prefix.done & (outstanding == self.merged) & ~refused),
                    prefix.settle.eq(all_merged & prefix.ends & ~cut),
                    finished.eq(all_merged & ~eom),
                    prefix.enable.eq(~all_merged),  # the next record may be a prefix, too
                    body.ready.eq(prefix.body.ready),
                    self.merge.payload.entry.eq(prefix.entries.payload.entry),
                    self.merge.payload.external.eq(prefix.entries.payload.external),
                    self.merge.valid.eq(prefix.entries.valid),
                    prefix.entries.ready.eq(self.merge.ready),
                ]
                with m.If(prefix.introduced):
                    m.d.sync += [
                        channel.peer_known.eq(1),
                        channel.peer_id.eq(prefix.entries.payload.entry.session_id),
                    ]
                with m.If(begins):
                    m.d.sync += channel.message_open.eq(1)
                with m.If(all_merged):
                    m.d.sync += state.eq(State.STAGE)

            with m.Case(State.STAGE):
                with m.If(~channel.header_staged):
                    # Staged like any other beat, so that release is a plain copy.
                    m.d.comb += [
                        staging.write.valid.eq(1),
                        staging.write.payload.data.eq(
                            network(rx_header).word_select(header_beat, 8 * beat_bytes)
                        ),
                        staging.write.payload.keep.eq(-1),
                        staging.write.payload.first.eq(header_beat == 0),
                        staging.write.payload.last.eq(is_prefix & header_ends),
                    ]
                    with m.If(staging.write.ready):
                        m.d.sync += header_beat.eq(header_beat + 1)
                        with m.If(header_ends & is_prefix):  # the payload is empty
                            m.d.comb += [staging.commit.eq(1), finished.eq(1)]
                        with m.Elif(header_ends):
                            m.d.sync += channel.header_staged.eq(1)
                with m.Else():
                    m.d.comb += [
                        staging.write.valid.eq(body.valid),
                        staging.write.payload.data.eq(body.payload.data),
                        staging.write.payload.keep.eq(body.payload.keep),
                        staging.write.payload.last.eq(body.payload.last & eom),
                        body.ready.eq(staging.write.ready),
                    ]
                    with m.If(body.valid & body.ready & body.payload.last & ~fault):
                        m.d.comb += [staging.commit.eq(eom), finished.eq(1)]
                with m.If(staging.commit):
                    m.d.sync += [channel.message_open.eq(0), channel.header_staged.eq(0), channel.cost.eq(0)]

            with m.Case(State.CREDIT):
                m.d.comb += body.ready.eq(1)
                with m.If(body.valid):
                    # Its eight bytes: two beats, or the first half of one.
                    m.d.sync += grant.eq(
                        network(body.payload.data)[GRANT_BITS:]
                        if beat_bytes > CREDIT_BYTES
                        else Cat(network(body.payload.data), grant)
                    )
                    with m.If(body.payload.last):
                        m.d.sync += state.eq(State.CREDIT_ADD)
            with m.Case(State.CREDIT_ADD):
                m.d.sync += [increase.eq(grant - channel.credited), state.eq(State.CREDIT_JUDGE)]
            with m.Case(State.CREDIT_JUDGE):
                with m.If(~increase[-1]):
                    m.d.comb += [finished.eq(1), self.credit.eq(~cut)]
                    m.d.sync += channel.credited.eq(grant)

            with m.Case(State.NOTICE):
                m.d.comb += finished.eq(~malformed)

            with m.Case(State.DRAIN):
                # Entries that the log has already taken stay merged; they were verified.
                with m.If(outstanding == 0):
                    m.d.sync += state.eq(State.IDLE)

        fell = (state == State.CREDIT_JUDGE) & increase[-1]
        m.d.comb += fault.eq((begins & malformed) | ((state == State.PREFIX) & prefix.fault) | fell)

        m.d.sync += begins.eq(0)
        with m.If(finished & ~cut):
            m.d.sync += [state.eq(State.IDLE), header_beat.eq(0)]
            with m.If(self.local.valid):
                m.d.sync += state.eq(State.LOCAL)
            with m.Elif(turns.any):
                m.d.sync += [self.slot.eq(turns.next), begins.eq(1)]
                for i, port in enumerate(self.records):
                    with m.If(turns.next == i):
                        m.d.comb += port.header.ready.eq(1)
                        m.d.sync += header.eq(port.header.payload)
                        with m.Switch(port.header.payload.type):
                            with m.Case(RecordType.PREFIX):
                                m.d.sync += state.eq(State.PREFIX)
                            with m.Case(RecordType.PAYLOAD):
                                m.d.sync += state.eq(State.STAGE)
                            with m.Case(RecordType.CREDIT):
                                m.d.sync += state.eq(State.CREDIT)
                            with m.Default():
                                m.d.sync += state.eq(State.NOTICE)

        local_at_hand = (state == State.LOCAL) | (state == State.LOCAL_MERGED)
        record_at_hand = (state != State.IDLE) & ~local_at_hand
        m.d.comb += [
            self.entry_merged.eq(self.merged & ~(local_at_hand & ~created)),
            self.merging.eq(Mux(local_at_hand, links, self.slot)),
        ]
        with m.If(record_at_hand & (state != State.DRAIN)):
            with m.If(cut):
                m.d.sync += state.eq(State.DRAIN)
            with m.Elif(fault | refused):
                m.d.comb += self.close.eq(1 << self.slot)
                m.d.sync += state.eq(State.DRAIN)

        for i in range(links):
            with m.If(self.ended[i]):
                m.d.sync += channels[i].eq(0)
            m.d.comb += self.clean[i].eq(staging.clean[i] & ~(record_at_hand & (self.slot == i)))
        return top
