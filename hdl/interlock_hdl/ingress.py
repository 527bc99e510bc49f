"""Ingress: verified records become merges and whole messages for the accelerator (docs/specification.md)."""

from amaranth.hdl import Array, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.config import InterlockConfig
from interlock_hdl.intake import MessageInfo
from interlock_hdl.log.answer import Answer
from interlock_hdl.message import MESSAGE_HEADER_BYTES, Kind, MessageHeader
from interlock_hdl.ports import MergeStream
from interlock_hdl.prefix_reader import PrefixReader
from interlock_hdl.record import (
    ENTRY_BYTES,
    PREFIX_HEADER_BYTES,
    RECORD_MAX_LENGTH,
    ProvenanceFlag,
    RecordFlag,
    RecordHeader,
    RecordType,
)
from interlock_hdl.staging import Staging
from interlock_hdl.turns import Turns
from interlock_hdl.wire import network


class State(enum.Enum):
    """What is being done."""

    IDLE = 0
    OWN = 1  # the node's own entry is offered to the log
    OWN_MERGED = 2
    PREFIX = 3  # entries are read and merged, until the log has answered the last one
    STAGE = 4  # a message's header, or the payload of a record, is staged
    DRAIN = 5  # the record was given up; the log has not answered all of its entries


SOM, EOM = (flag.bit_length() - 1 for flag in (RecordFlag.SOM, RecordFlag.EOM))
"""Their bit numbers."""


class RecordPort(wiring.Signature):
    """Verified records of one link: a header, then its body."""

    def __init__(self, beat_bytes: int) -> None:
        super().__init__(
            {"header": Out(stream.Signature(RecordHeader)), "body": Out(beat_stream(beat_bytes))}
        )


class Ingress(wiring.Component):
    """Reads records of all links in turn, merges prefixes, stages payloads, releases whole messages.

    A payload is released only after its last record was read and every entry of its prefix was merged; an
    EXTERNAL message only after the node's own entry carries UNLOGGED.  Anything out of place closes the
    channel.  Records that cannot be staged yet wait without holding up prefixes or other channels.

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
    host, host_messages : In(stream)
        EXTERNAL messages from their intake.
    enter : In(1)
        The log may take entry 0.
    session_id : In(128)
    own_ready : In(1)
        The log holds entry 0.
    merge : Out(MergeStream)
    merged, answer : In
        From the log, one for each merge, in order.
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
        super().__init__(
            {
                "records": In(RecordPort(beat_bytes)).array(links),
                "open": In(links),
                "ended": In(links),
                "close": Out(links),
                "clean": Out(links),
                "host": In(beat_stream(beat_bytes)),
                "host_messages": In(stream.Signature(MessageInfo(config.message_bytes))),
                "enter": In(1),
                "session_id": In(128),
                "own_ready": In(1),
                "merge": Out(MergeStream),
                "merged": In(1),
                "answer": In(Answer),
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
            staging.wipe.eq(self.wipe),
            self.wiped.eq(staging.wiped),
            self.released.eq(staging.released),
            self.source.eq(staging.source),
        ]

        # What is known of each channel in its epoch, and the channel at hand.
        channel_layout = data.StructLayout(
            {
                "message_open": 1,
                "header_staged": 1,
                "received": range(config.message_bytes + 1),  # bytes of its payload
                "peer_known": 1,
                "peer_id": 128,
            }
        )
        channels = Array(Signal(channel_layout, name=f"channel_{i}") for i in range(links))
        channel = channels[self.slot]
        header = Signal(RecordHeader)
        body = beat_stream(beat_bytes).create(path=("body",))
        cut = Signal()
        with m.Switch(self.slot):
            for i, port in enumerate(self.records):
                with m.Case(i):
                    m.d.comb += [
                        body.payload.eq(port.body.payload),
                        body.valid.eq(port.body.valid),
                        port.body.ready.eq(body.ready),
                        cut.eq(self.ended[i]),
                    ]

        # Whose record is next.  One that could not be staged does not ask: it must not hold up the others.
        # It is chosen in the last cycle of the record before it, and judged in its own first cycle.
        m.submodules.turns = turns = Turns(count=links)
        m.d.comb += turns.last.eq(self.slot)
        for i, port in enumerate(self.records):
            asks = port.header.payload
            only_merges = (asks.type == RecordType.PREFIX) & ~asks.flags[EOM]
            m.d.comb += turns.asking[i].eq(port.header.valid & self.open[i] & (staging.room[i] | only_merges))

        m.submodules.prefix = prefix = PrefixReader(beat_bytes=beat_bytes)
        m.d.comb += [
            prefix.body.payload.eq(body.payload),
            prefix.body.valid.eq(body.valid),
            prefix.length.eq(header.length),
            prefix.session_id.eq(self.session_id),
            prefix.peer_known.eq(channel.peer_known),
            prefix.peer_id.eq(channel.peer_id),
        ]

        # Merges on their way.
        outstanding = Signal(range(8))
        m.d.comb += self.merge.payload.entry.eq(prefix.entries.payload)
        m.d.sync += outstanding.eq(outstanding + (self.merge.valid & self.merge.ready) - self.merged)
        marking = Signal()  # the own entry is merged for the host's sake
        own = self.merge.payload.entry

        state = Signal(State)
        finished = Signal()  # nothing is at hand any more
        begins = Signal()  # first cycle of a record
        malformed = Signal()
        fault = Signal()
        refused = Signal()
        m.d.comb += refused.eq(self.merged & (self.answer != Answer.OK))
        som, eom = header.flags[SOM], header.flags[EOM]
        is_prefix = header.type == RecordType.PREFIX
        rx_header = Signal(MessageHeader)
        header_beat = Signal(range(MESSAGE_HEADER_BYTES // beat_bytes))
        header_ends = header_beat == MESSAGE_HEADER_BYTES // beat_bytes - 1
        m.d.comb += [rx_header.kind.eq(Kind.PEER), rx_header.peer.eq(self.slot)]

        with m.Switch(state):
            with m.Case(State.IDLE):
                m.d.comb += finished.eq(1)

            with m.Case(State.OWN):
                unlogged = Mux(marking, ProvenanceFlag.UNLOGGED, 0)
                m.d.comb += [
                    self.merge.valid.eq(1),
                    self.merge.payload.own.eq(1),
                    own.session_id.eq(self.session_id),
                    own.flops.eq(0),
                    own.provenance.mode.eq(config.mode),
                    own.provenance.weight_table.eq(config.weights.number),
                    own.provenance.flags.eq(ProvenanceFlag.CLEAR | unlogged),
                    self.host_messages.ready.eq(self.merge.ready & marking),
                ]
                with m.If(self.merge.ready):
                    m.d.sync += state.eq(State.OWN_MERGED)

            with m.Case(State.OWN_MERGED):
                with m.If(self.merged):
                    m.d.comb += staging.permit.eq(marking)
                    m.d.sync += state.eq(State.IDLE)

            with m.Case(State.PREFIX):
                all_merged = Signal()
                m.d.comb += [
                    all_merged.eq(prefix.done & (outstanding == self.merged) & ~refused),
                    finished.eq(all_merged & ~eom),
                    prefix.enable.eq(~all_merged),  # the next record may be a prefix, too
                    body.ready.eq(prefix.body.ready),
                    self.merge.valid.eq(prefix.entries.valid),
                    prefix.entries.ready.eq(self.merge.ready),
                ]
                with m.If(prefix.introduced):
                    m.d.sync += [
                        channel.peer_known.eq(1),
                        channel.peer_id.eq(prefix.entries.payload.session_id),
                    ]
                with m.If(all_merged):
                    m.d.sync += [channel.message_open.eq(~eom), state.eq(State.STAGE)]

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
                        m.d.sync += [
                            channel.received.eq(Mux(eom, 0, channel.received + header.length)),
                            channel.header_staged.eq(~eom),
                            channel.message_open.eq(~eom),
                        ]

            with m.Case(State.DRAIN):
                # Entries that the log has already taken stay merged; they were verified.
                with m.If(outstanding == 0):
                    m.d.sync += state.eq(State.IDLE)

        with m.If(is_prefix):
            is_long_enough = header.length >= PREFIX_HEADER_BYTES + ENTRY_BYTES
            is_whole = ~header.length[: ENTRY_BYTES.bit_length() - 1].any()
            m.d.comb += malformed.eq(channel.message_open | ~som | ~is_long_enough | ~is_whole)
        with m.Else():
            is_whole = eom | (header.length == RECORD_MAX_LENGTH)
            fits = channel.received + header.length <= config.message_bytes
            m.d.comb += malformed.eq(~channel.message_open | som | ~is_whole | ~fits)
        m.d.comb += [
            self.taken.eq(begins & ~cut),
            fault.eq((begins & malformed) | ((state == State.PREFIX) & prefix.fault)),
        ]

        m.d.sync += begins.eq(0)
        with m.If(finished & ~cut):
            m.d.sync += [state.eq(State.IDLE), header_beat.eq(0)]
            with m.If(self.enter & ~self.own_ready):
                m.d.sync += [marking.eq(0), state.eq(State.OWN)]
            with m.Elif(self.own_ready & self.host_messages.valid & staging.permits_left):
                m.d.sync += [marking.eq(1), state.eq(State.OWN)]
            with m.Elif(turns.any):
                m.d.sync += [self.slot.eq(turns.next), begins.eq(1)]
                for i, port in enumerate(self.records):
                    with m.If(turns.next == i):
                        m.d.comb += port.header.ready.eq(1)
                        m.d.sync += [
                            header.eq(port.header.payload),
                            state.eq(
                                Mux(port.header.payload.type == RecordType.PREFIX, State.PREFIX, State.STAGE)
                            ),
                        ]

        own_at_hand = (state == State.OWN) | (state == State.OWN_MERGED)
        record_at_hand = (state != State.IDLE) & ~own_at_hand
        m.d.comb += [
            self.entry_merged.eq(self.merged & ~(own_at_hand & ~marking)),
            self.merging.eq(Mux(own_at_hand, links, self.slot)),
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
