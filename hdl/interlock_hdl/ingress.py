"""Ingress: verified records become merges and whole messages for the accelerator (docs/specification.md)."""

from amaranth.hdl import Cat, Const, Module, ResetInserter, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.config import InterlockConfig
from interlock_hdl.intake import MessageInfo
from interlock_hdl.log.answer import Answer
from interlock_hdl.message import MESSAGE_HEADER_BYTES, Kind, MessageHeader
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.ports import MergeStream
from interlock_hdl.record import (
    ENTRY_BYTES,
    PREFIX_HEADER_BYTES,
    RECORD_MAX_LENGTH,
    Entry,
    PrefixFlag,
    PrefixHeader,
    ProvenanceFlag,
    RecordFlag,
    RecordHeader,
    RecordType,
)
from interlock_hdl.release import Release
from interlock_hdl.turns import Turns
from interlock_hdl.wire import network


class State(enum.Enum):
    """What is being read."""

    IDLE = 0
    ENTER = 1
    ENTERED = 2
    MARK = 3
    MARKED = 4
    HEADER = 5
    CHECK = 6
    PREFIX = 7
    SETTLE = 8
    RX_HEADER = 9
    PAYLOAD = 10
    DRAIN = 11


class RecordPort(wiring.Signature):
    """Verified records of one link: a header, then its body."""

    def __init__(self, beat_bytes: int) -> None:
        super().__init__(
            {"header": Out(stream.Signature(RecordHeader)), "body": Out(beat_stream(beat_bytes))}
        )


class Ingress(wiring.Component):
    """Reads records of all links in turn, merges their prefixes, stages payloads, and releases whole messages.

    A payload is released only after its last record was read and every entry of its prefix was merged; an EXTERNAL
    message only after the node's own entry carries UNLOGGED.  Anything out of place closes the channel.  Records
    that cannot be staged yet wait without holding up prefixes or other channels.

    **Throughput**: one beat a cycle within a record; header and checks take two cycles a record.

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
        Strobe: an entry (not entry 0 of a fresh log) was merged, and where it came from; ``links`` stands for the
        host.
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
        m = Module()  # everything but the memories, which wipe themselves
        top = Module()
        config = self.config
        links, beat_bytes = config.links, config.beat_bytes
        header_beats = MESSAGE_HEADER_BYTES // beat_bytes
        record_beats = min(RECORD_MAX_LENGTH, config.message_bytes) // beat_bytes
        message_beats = header_beats + config.message_bytes // beat_bytes

        # One staging buffer a channel, of two messages: one is released while the next arrives.
        staging = []
        for i in range(links):
            buffer = PacketBuffer(beat_bytes=beat_bytes, depth=2 * message_beats)
            top.submodules[f"staging_{i}"] = buffer
            m.d.comb += [buffer.wipe.eq(self.wipe), buffer.discard.eq(self.ended[i])]
            staging.append(buffer)
        m.d.comb += self.wiped.eq(Cat(buffer.wiped for buffer in staging).all())

        m.submodules.release = release = Release(beat_bytes=beat_bytes, sources=links + 1)
        for i, buffer in enumerate(staging):
            wiring.connect(m, buffer.o, release.sources[i])
            m.d.comb += buffer.flush.eq(release.flush[i])
        wiring.connect(m, wiring.flipped(self.host), release.sources[links])
        wiring.connect(m, release.rx, wiring.flipped(self.rx))
        m.d.comb += [
            release.stale.eq(self.ended),
            self.released.eq(release.released),
            self.source.eq(release.source),
        ]

        # EXTERNAL messages that are marked in the log but not yet released.
        marked = Signal(range(4))
        mark_done = Signal()
        mark_used = Signal()
        m.d.comb += [
            mark_used.eq(release.released & (release.source == links)),
            release.offered.eq(Cat(Const(-1, links), marked != 0)),
        ]
        m.d.sync += marked.eq(marked + mark_done - mark_used)

        # What is known of each channel.
        message_open = Signal(links)
        peer_known = Signal(links)
        peer_id = [Signal(128, name=f"peer_id_{i}") for i in range(links)]
        received = [Signal(range(config.message_bytes + 1), name=f"received_{i}") for i in range(links)]

        m.submodules.turns = turns = Turns(count=links)
        m.d.comb += turns.last.eq(self.slot)
        for i, port in enumerate(self.records):
            has_room = staging[i].free >= record_beats + header_beats
            m.d.comb += turns.asking[i].eq(
                port.header.valid
                & self.open[i]
                & (
                    has_room
                    | ((port.header.payload.type == RecordType.PREFIX) & ~port.header.payload.flags[1])
                )
            )

        # The channel at hand.
        header = Signal(RecordHeader)
        body = beat_stream(beat_bytes).create(path=("body",))
        known = Signal()
        known_id = Signal(128)
        so_far = Signal(range(config.message_bytes + 1))
        is_open = Signal()
        cut = Signal()
        staged = beat_stream(beat_bytes).create(path=("staged",))
        commit = Signal()
        with m.Switch(self.slot):
            for i, port in enumerate(self.records):
                with m.Case(i):
                    m.d.comb += [
                        body.payload.eq(port.body.payload),
                        body.valid.eq(port.body.valid),
                        port.body.ready.eq(body.ready),
                        known.eq(peer_known[i]),
                        known_id.eq(peer_id[i]),
                        so_far.eq(received[i]),
                        is_open.eq(message_open[i]),
                        cut.eq(self.ended[i]),
                        staging[i].i.payload.eq(staged.payload),
                        staging[i].i.valid.eq(staged.valid),
                        staged.ready.eq(staging[i].i.ready),
                        staging[i].commit.eq(commit),
                    ]

        som = header.flags[0]
        eom = header.flags[1]
        assert RecordFlag.SOM == 1 and RecordFlag.EOM == 2

        # Prefix words of 32 bytes: the descriptor, then entries.
        word = Signal(8 * ENTRY_BYTES)
        word_full = Signal()
        word_beat = Signal(range(ENTRY_BYTES // beat_bytes))
        is_descriptor = Signal()
        is_first_entry = Signal()
        prefix_read = Signal()
        descriptor = PrefixHeader(word)
        entry = Entry(word)
        expected = Signal(PrefixHeader)
        m.d.comb += [
            expected.n_sessions.eq((header.length >> 5) - 1),
            expected.flags.eq(PrefixFlag.FULL),
        ]
        # Entry 0 says who speaks: always the same within an epoch, and never this node itself.
        impostor = is_first_entry & (
            (entry.session_id == self.session_id) | (known & (entry.session_id != known_id))
        )
        own_entry = Signal(Entry)
        m.d.comb += [
            own_entry.session_id.eq(self.session_id),
            own_entry.provenance.mode.eq(config.mode),
            own_entry.provenance.weight_table.eq(config.weights.number),
            own_entry.provenance.flags.eq(ProvenanceFlag.CLEAR),
        ]

        outstanding = Signal(range(8))
        sent = Signal()
        m.d.comb += sent.eq(self.merge.valid & self.merge.ready)
        m.d.sync += outstanding.eq(outstanding + sent - self.merged)

        fault = Signal()
        header_beat = Signal(range(header_beats))
        rx_header = Signal(MessageHeader)
        m.d.comb += [rx_header.kind.eq(Kind.PEER), rx_header.peer.eq(self.slot)]

        state = Signal(State)
        with m.Switch(state):
            with m.Case(State.IDLE):
                m.d.sync += [word_full.eq(0), word_beat.eq(0), is_descriptor.eq(1), prefix_read.eq(0)]
                m.d.sync += header_beat.eq(0)
                with m.If(self.enter & ~self.own_ready):
                    m.d.sync += state.eq(State.ENTER)
                with m.Elif(self.own_ready & self.host_messages.valid & (marked != 3)):
                    m.d.sync += state.eq(State.MARK)
                with m.Elif(turns.any):
                    m.d.sync += self.slot.eq(turns.next)
                    m.d.sync += state.eq(State.HEADER)

            with m.Case(State.ENTER):
                m.d.comb += [self.merge.valid.eq(1), self.merge.payload.own.eq(1)]
                m.d.comb += self.merge.payload.entry.eq(own_entry)
                with m.If(self.merge.ready):
                    m.d.sync += state.eq(State.ENTERED)

            with m.Case(State.ENTERED):
                with m.If(self.merged):
                    m.d.sync += state.eq(State.IDLE)

            with m.Case(State.MARK):
                m.d.comb += [self.merge.valid.eq(1), self.merge.payload.own.eq(1)]
                m.d.comb += self.merge.payload.entry.eq(own_entry)
                m.d.comb += self.merge.payload.entry.provenance.flags.eq(
                    ProvenanceFlag.CLEAR | ProvenanceFlag.UNLOGGED
                )
                with m.If(self.merge.ready):
                    m.d.comb += self.host_messages.ready.eq(1)
                    m.d.sync += state.eq(State.MARKED)

            with m.Case(State.MARKED):
                m.d.comb += self.merging.eq(links)
                with m.If(self.merged):
                    m.d.comb += mark_done.eq(1)
                    m.d.sync += state.eq(State.IDLE)

            with m.Case(State.HEADER):
                with m.Switch(self.slot):
                    for i, port in enumerate(self.records):
                        with m.Case(i):
                            m.d.comb += port.header.ready.eq(1)
                            m.d.sync += header.eq(port.header.payload)
                            m.d.comb += self.taken.eq(port.header.valid & self.open[i])
                with m.If(self.taken):
                    m.d.sync += state.eq(State.CHECK)
                with m.Else():  # its epoch ended in this very cycle
                    m.d.sync += state.eq(State.IDLE)

            with m.Case(State.CHECK):
                with m.If(header.type == RecordType.PREFIX):
                    well_formed = (header.length >= PREFIX_HEADER_BYTES + ENTRY_BYTES) & ~header.length[
                        :5
                    ].any()
                    m.d.comb += fault.eq(is_open | ~som | ~well_formed)
                    m.d.sync += state.eq(State.PREFIX)
                with m.Else():
                    whole = eom | (header.length == RECORD_MAX_LENGTH)
                    fits = so_far + header.length <= config.message_bytes
                    m.d.comb += fault.eq(~is_open | som | ~whole | ~fits)
                    m.d.sync += state.eq(State.PAYLOAD)
                    with m.If(so_far == 0):
                        m.d.sync += state.eq(State.RX_HEADER)

            with m.Case(State.PREFIX):
                use = Signal()
                m.d.comb += [
                    self.merging.eq(self.slot),
                    self.merge.payload.entry.eq(entry),
                    self.merge.valid.eq(word_full & ~is_descriptor & ~impostor),
                    fault.eq(
                        word_full
                        & (
                            (is_descriptor & (descriptor.as_value() != expected.as_value()))
                            | (~is_descriptor & impostor)
                        )
                    ),
                    use.eq(word_full & (is_descriptor | sent)),
                    body.ready.eq((~word_full | use) & ~prefix_read),
                ]
                with m.If(use):
                    m.d.sync += [word_full.eq(0), is_descriptor.eq(0), is_first_entry.eq(is_descriptor)]
                    with m.If(is_first_entry & ~is_descriptor):
                        with m.Switch(self.slot):
                            for i in range(links):
                                with m.Case(i):
                                    m.d.sync += [peer_known[i].eq(1), peer_id[i].eq(entry.session_id)]
                with m.If(body.valid & body.ready):
                    m.d.sync += [
                        word.eq(Cat(network(body.payload.data), word)),
                        word_beat.eq(word_beat + 1),
                        word_full.eq(word_beat == ENTRY_BYTES // beat_bytes - 1),
                        prefix_read.eq(body.payload.last),
                    ]
                with m.If(prefix_read & ~word_full):
                    m.d.sync += state.eq(State.SETTLE)

            with m.Case(State.SETTLE):
                m.d.comb += self.merging.eq(self.slot)
                with m.If(outstanding == 0):
                    with m.Switch(self.slot):
                        for i in range(links):
                            with m.Case(i):
                                m.d.sync += message_open[i].eq(~eom)
                    m.d.sync += state.eq(State.IDLE)
                    with m.If(eom):
                        m.d.sync += state.eq(State.RX_HEADER)

            with m.Case(State.RX_HEADER):
                # The header stands in the staging buffer before its payload, so that release is a plain copy.
                empty = header.type == RecordType.PREFIX
                last = header_beat == header_beats - 1
                m.d.comb += [
                    staged.valid.eq(1),
                    staged.payload.data.eq(
                        network(rx_header.as_value()).word_select(header_beat, 8 * beat_bytes)
                    ),
                    staged.payload.keep.eq(-1),
                    staged.payload.first.eq(header_beat == 0),
                    staged.payload.last.eq(empty & last),
                    commit.eq(staged.ready & empty & last),
                ]
                with m.If(staged.ready):
                    m.d.sync += header_beat.eq(header_beat + 1)
                    with m.If(last):
                        m.d.sync += state.eq(State.PAYLOAD)
                        with m.If(empty):
                            m.d.sync += state.eq(State.IDLE)

            with m.Case(State.PAYLOAD):
                final = body.payload.last
                m.d.comb += [
                    staged.valid.eq(body.valid),
                    staged.payload.data.eq(body.payload.data),
                    staged.payload.keep.eq(body.payload.keep),
                    staged.payload.last.eq(final & eom),
                    body.ready.eq(staged.ready),
                    commit.eq(body.valid & staged.ready & final & eom),
                ]
                with m.If(body.valid & staged.ready & final):
                    with m.Switch(self.slot):
                        for i in range(links):
                            with m.Case(i):
                                m.d.sync += received[i].eq(received[i] + header.length)
                                with m.If(eom):
                                    m.d.sync += [received[i].eq(0), message_open[i].eq(0)]
                    m.d.sync += state.eq(State.IDLE)

            with m.Case(State.DRAIN):
                # Entries that the log has already taken stay merged; they were verified.
                m.d.comb += self.merging.eq(self.slot)
                with m.If(outstanding == 0):
                    m.d.sync += state.eq(State.IDLE)

        reading = Signal()  # a record is at hand
        entering = (state == State.ENTER) | (state == State.ENTERED)
        marking = (state == State.MARK) | (state == State.MARKED)
        m.d.comb += [
            reading.eq(~((state == State.IDLE) | entering | marking)),
            self.entry_merged.eq(self.merged & ~entering),
        ]
        with m.If(reading & (state != State.DRAIN)):
            refused = self.merged & (self.answer != Answer.OK)
            with m.If(cut):
                m.d.sync += state.eq(State.DRAIN)
            with m.Elif(fault | refused):
                m.d.comb += self.close.eq(1 << self.slot)
                m.d.sync += state.eq(State.DRAIN)

        for i in range(links):
            with m.If(self.ended[i]):
                m.d.sync += [message_open[i].eq(0), peer_known[i].eq(0), received[i].eq(0)]
            m.d.comb += self.clean[i].eq(release.clean[i] & ~(reading & (self.slot == i)))

        top.submodules.control = ResetInserter(self.wipe)(m)
        return top
