"""Sends one message on its link: prefix, then payload, as records (docs/specification.md, *Records*)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.beat import beat_stream
from interlock_hdl.config import InterlockConfig
from interlock_hdl.credits import COST_BITS, whole_blocks
from interlock_hdl.message import MESSAGE_HEADER_BYTES
from interlock_hdl.ports import EntryStream, RecordBeat
from interlock_hdl.record import (
    ENTRY_BYTES,
    PREFIX_HEADER_BYTES,
    RECORD_HEADER_BYTES,
    RECORD_MAX_LENGTH,
    RECORD_VERSION,
    PrefixFlag,
    PrefixHeader,
    RecordFlag,
    RecordHeader,
    RecordType,
)
from interlock_hdl.stream_cutter import Cut
from interlock_hdl.writer import Writer

RECORD_WORDS = RECORD_MAX_LENGTH // ENTRY_BYTES
"""Entries that a largest record holds; the descriptor is as long as one."""


class State(enum.Enum, shape=4):
    """What is being sent.  Four of them put beats: bit 2 tells which, and the two below it what they put."""

    IDLE = 0
    DESCRIBE = 1
    CHOOSE = 2  # which record is next
    ABORTED = 3
    HEADER = 4
    DESCRIPTOR = 5
    ENTRIES = 6
    PAYLOAD = 7
    ABANDON = 8


class Outgoing(data.StructLayout):
    """A message to send: as ``MessageInfo``, and its cost."""

    def __init__(self, message_bytes: int) -> None:
        super().__init__(
            {
                "slot": 8,
                "length": range(message_bytes + 1),
                "is_stream": 1,
                "bound": 96,
                "empty": 1,
                "cost": COST_BITS,
            }
        )


class Sender(wiring.Component):
    """Puts a message's records out, one after another: no payload leaves but behind its whole prefix.

    A buffered message is in its intake as a whole.  A stream's payload leaves cut by cut, each covered by
    what the prefix announced; when it fails an ABORT ends it.  When the message's epoch ends, whatever is
    left of it is taken and dropped, the rest of its scan too.

    **Latency**: ``latency`` cycles from ``described`` to the first beat of the record header.
    **Throughput**: one beat a cycle, as far as entries, payload and cuts are there, and a cycle between
    records, in which their tag is made elsewhere.

    Parameters
    ----------
    config : InterlockConfig

    Members
    -------
    begin, message : In(1), In(Outgoing)
        Strobe: the scan of this message was accepted.  It has stood there for a cycle at least.
    described, full, n_sessions, n_externals, entries : In
        See :class:`Scan`.
    payload : In(stream of Beat)
        The message as it came, header first.
    cuts, failed : In(stream of Cut), In(1)
        See :class:`StreamCutter`.
    ended : In(links)
        Strobes: the epoch ended.
    records, leaves : Out(stream of RecordBeat), In(1)
        Records without seq and tag; ``leaves`` in the cycle in which the first beat of one is on its way for
        good.
    busy, streaming, window : Out(1)
        From the cycle after ``begin`` until the message is over; it is a stream, and may still put payload;
        or has put all, and a header of it may still wait here.
    finish : Out(1)
        Strobe: a stream is over, since the cycle before.
    refund : Out(49)
        With ``finish``: what it cost less than its maximum.
    record, slot, type, length : Out(1), Out(8), Out(8), Out(16)
        Strobe: a record leaves, to this slot, of this type and length.
    aborted : Out(1)
        Strobe: an ABORT leaves.
    """

    latency = 3

    def __init__(self, *, config: InterlockConfig) -> None:
        self.config = config
        links, beat_bytes = config.links, config.beat_bytes
        entries = range(config.log_entries + 1)
        super().__init__(
            {
                "begin": In(1),
                "message": In(Outgoing(config.message_bytes)),
                "described": In(1),
                "full": In(1),
                "n_sessions": In(entries),
                "n_externals": In(entries),
                "entries": In(EntryStream),
                "payload": In(beat_stream(beat_bytes)),
                "cuts": In(stream.Signature(Cut)),
                "failed": In(1),
                "ended": In(links),
                "records": Out(stream.Signature(RecordBeat(beat_bytes, links))),
                "leaves": In(1),
                "busy": Out(1),
                "streaming": Out(1),
                "window": Out(1),
                "finish": Out(1),
                "refund": Out(COST_BITS),
                "record": Out(1),
                "slot": Out(8),
                "type": Out(8),
                "length": Out(16),
                "aborted": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beat_bytes = self.config.beat_bytes
        head_beats = MESSAGE_HEADER_BYTES // beat_bytes
        longest = max(RECORD_HEADER_BYTES, PREFIX_HEADER_BYTES, ENTRY_BYTES)
        writer = Writer(m, self.records, beat_bytes=beat_bytes, longest=longest)
        beat = writer.beat

        message = Signal.like(self.message)
        cut = Signal()  # its epoch ends
        unannounced = Signal.like(message.length)  # bytes of payload that no record header has announced yet
        head_left = Signal(range(2 * head_beats + 1))  # beats of header and descriptor to skip
        message_left = Signal()  # the last beat of a buffered message is still in the intake
        scan_left = Signal()  # the last entry is still to come
        words_left = Signal(range(self.config.log_entries + 2))  # of the prefix, its descriptor one of them
        record_words = Signal(range(RECORD_WORDS + 1))  # of this record, still to put
        last_word = Signal()  # one
        word_ended = Signal()  # in the cycle before: taken off before the next one ends, of two beats or more
        record_beats = Signal(range(RECORD_MAX_LENGTH // beat_bytes + 1))
        last_beat = Signal()  # one of these
        is_first = Signal()  # of the message's records
        is_final = Signal()  # the record that begins is the last
        final = Signal()  # the one that is being sent is
        flags = Signal(2)  # of it
        chosen = Signal()  # the first cycle of its header, in which what it takes is taken off
        cost_left = Signal(COST_BITS)  # of a stream's maximum
        cut_cost = Signal(COST_BITS)  # of the cut that was chosen

        m.d.comb += [cut.eq(self.ended.bit_select(message.slot, 1)), beat.slot.eq(message.slot)]
        with m.If(self.payload.valid & self.payload.ready & self.payload.payload.last):
            m.d.sync += message_left.eq(0)
        with m.If(self.entries.valid & self.entries.ready & self.entries.payload.last):
            m.d.sync += scan_left.eq(0)

        # The next record: of the prefix as long as there is any of it, then of the payload.
        in_prefix = words_left != 0
        prefix_ends = words_left <= RECORD_WORDS
        chunk_ends = unannounced <= RECORD_MAX_LENGTH
        may_begin = Signal()
        following = Signal(RecordHeader)
        m.d.comb += following.flags.eq(Mux(is_final, RecordFlag.EOM, 0))
        with m.If(in_prefix):
            m.d.comb += [
                may_begin.eq(1),
                is_final.eq(message.empty & prefix_ends),
                following.type.eq(RecordType.PREFIX),
                following.length.eq(Mux(prefix_ends, words_left, RECORD_WORDS) * ENTRY_BYTES),
                following.flags.eq(Mux(is_first, RecordFlag.SOM, 0) | Mux(is_final, RecordFlag.EOM, 0)),
            ]
        with m.Elif(~message.is_stream):
            m.d.comb += [
                may_begin.eq(head_left == 0),
                is_final.eq(chunk_ends),
                following.type.eq(RecordType.PAYLOAD),
                following.length.eq(Mux(chunk_ends, unannounced, RECORD_MAX_LENGTH)),
            ]
        with m.Elif(self.failed):
            m.d.comb += [may_begin.eq(1), following.type.eq(RecordType.ABORT)]
        with m.Else():
            m.d.comb += [
                may_begin.eq(self.cuts.valid & (head_left == 0)),
                is_final.eq(self.cuts.payload.last),
                following.type.eq(RecordType.PAYLOAD),
                following.length.eq(self.cuts.payload.length),
            ]

        header = Signal(RecordHeader)
        m.d.comb += [
            header.version.eq(RECORD_VERSION),
            header.type.eq(self.type),
            header.flags.eq(flags),
            header.length.eq(self.length),
        ]
        prefix = Signal(PrefixHeader)
        m.d.comb += [
            prefix.n_sessions.eq(self.n_sessions),
            prefix.n_externals.eq(self.n_externals),
            prefix.flags.eq(Mux(self.full, PrefixFlag.FULL, PrefixFlag.DELTA)),
            prefix.max_bound.eq(message.bound),
        ]

        # What is put.  In a state that puts nothing, `beat` does not matter: so two bits decide what it is.
        state = Signal(State)
        puts, what = state.as_value()[2], state.as_value()[:2]
        is_prefix = self.type == RecordType.PREFIX
        is_abort = self.type == RecordType.ABORT
        entry_fits = writer.fits(ENTRY_BYTES)
        with m.Switch(what):
            with m.Case(State.HEADER.value & 3):
                writer.word(header, RECORD_HEADER_BYTES)
                m.d.comb += [beat.first.eq(writer.begins), beat.last.eq(writer.ends & is_abort)]
            with m.Case(State.DESCRIPTOR.value & 3):
                writer.word(prefix, PREFIX_HEADER_BYTES)
            with m.Case(State.ENTRIES.value & 3):
                writer.word(self.entries.payload.entry, ENTRY_BYTES)
                m.d.comb += [
                    writer.put.eq(self.entries.valid),
                    beat.last.eq(writer.ends & last_word),
                    self.entries.ready.eq(entry_fits),
                ]
            with m.Case(State.PAYLOAD.value & 3):
                writer.copy(self.payload, "data", "keep")
                m.d.comb += beat.last.eq(last_beat)
        with m.If(~puts):
            m.d.comb += [writer.put.eq(0), self.entries.ready.eq(0), self.payload.ready.eq(0)]
        with m.If((head_left != 0) & self.payload.valid):
            m.d.comb += self.payload.ready.eq(1)
            m.d.sync += head_left.eq(head_left - 1)

        record_ends = Signal()  # with its last beat, of entries or payload
        over = Signal()  # and nothing comes behind it
        m.d.sync += [
            chosen.eq(0),
            word_ended.eq(writer.word_ends & ((state == State.DESCRIPTOR) | (state == State.ENTRIES))),
        ]
        with m.If(word_ended):
            m.d.sync += [record_words.eq(record_words - 1), last_word.eq(record_words == 2)]
        with m.If(chosen & is_prefix):
            words = self.length[exact_log2(ENTRY_BYTES) :]
            m.d.sync += [
                record_words.eq(words),
                last_word.eq(words == 1),
                words_left.eq(words_left - words),
            ]
        with m.If(chosen & ~is_prefix):
            m.d.sync += [
                unannounced.eq(unannounced - self.length),
                cost_left.eq(cost_left - cut_cost),
                record_beats.eq((self.length + beat_bytes - 1)[exact_log2(beat_bytes) :]),
                last_beat.eq(self.length <= beat_bytes),
            ]
        with m.Switch(state):
            with m.Case(State.IDLE):
                with m.If(~self.busy):
                    m.d.sync += [
                        message.eq(self.message),
                        unannounced.eq(self.message.length),
                        cost_left.eq(self.message.cost - MESSAGE_HEADER_BYTES),
                    ]
                with m.If(self.begin):
                    m.d.sync += [
                        head_left.eq(Mux(self.message.is_stream, 2 * head_beats, head_beats)),
                        message_left.eq(~self.message.is_stream),
                        scan_left.eq(1),
                        is_first.eq(1),
                        state.eq(Mux(cut, State.ABANDON, State.DESCRIBE)),
                    ]
            with m.Case(State.DESCRIBE):
                m.d.sync += words_left.eq(1 + self.n_sessions + self.n_externals)
                with m.If(self.described):
                    m.d.sync += state.eq(State.CHOOSE)

            with m.Case(State.CHOOSE):
                with m.If(may_begin & ~writer.held):  # the header before has left, so `type` is its no more
                    m.d.sync += [
                        chosen.eq(1),
                        cut_cost.eq(whole_blocks(self.cuts.payload.length)),
                        self.type.eq(following.type),
                        self.length.eq(following.length),
                        flags.eq(following.flags),
                        final.eq(is_final),
                        state.eq(State.HEADER),
                    ]

            with m.Case(State.HEADER):
                with m.If(writer.fits(RECORD_HEADER_BYTES)):
                    m.d.sync += [is_first.eq(0), state.eq(State.PAYLOAD)]
                    with m.If(is_prefix):
                        m.d.sync += state.eq(Mux(is_first, State.DESCRIPTOR, State.ENTRIES))
                    with m.If(is_abort):
                        m.d.sync += state.eq(State.ABORTED)

            with m.Case(State.DESCRIPTOR):
                with m.If(writer.fits(PREFIX_HEADER_BYTES)):
                    m.d.sync += state.eq(State.ENTRIES)

            with m.Case(State.ENTRIES):
                m.d.comb += record_ends.eq(self.entries.valid & entry_fits & last_word)

            with m.Case(State.PAYLOAD):
                emits = self.payload.valid & ~writer.held
                m.d.comb += record_ends.eq(emits & last_beat)
                with m.If(emits):
                    m.d.sync += [record_beats.eq(record_beats - 1), last_beat.eq(record_beats == 2)]

            with m.Case(State.ABORTED):
                m.d.comb += over.eq(~writer.valid & ~writer.held)
                with m.If(over):
                    m.d.sync += state.eq(State.IDLE)

            with m.Case(State.ABANDON):
                m.d.comb += [self.entries.ready.eq(1), over.eq(~message_left & ~scan_left)]
                with m.If(message_left):
                    m.d.comb += self.payload.ready.eq(1)
                with m.If(over):
                    m.d.sync += state.eq(State.IDLE)

        sends = (state != State.IDLE) & (state != State.ABANDON)
        with m.If(record_ends):
            m.d.sync += state.eq(Mux(final, State.IDLE, State.CHOOSE))
            m.d.comb += over.eq(final)
        m.d.comb += [
            # Until no header of it can be left, and one cycle more behind a stream, so that its refund is
            # there before the next message.
            self.busy.eq((state != State.IDLE) | message_left | writer.held | self.finish),
            self.streaming.eq(sends & message.is_stream),
            self.window.eq((sends | writer.held) & message.is_stream),
            # With its header the next cut may be made.
            self.cuts.ready.eq(self.leaves & message.is_stream & (self.type == RecordType.PAYLOAD)),
            self.record.eq(self.leaves & (self.type != RecordType.ABORT)),
            self.slot.eq(message.slot),
            self.aborted.eq(self.leaves & (self.type == RecordType.ABORT)),
        ]
        m.d.sync += [
            self.finish.eq(over & message.is_stream),
            self.refund.eq(Mux(state == State.ABORTED, message.cost, cost_left)),
        ]
        with m.If(state == State.ABANDON):
            m.d.sync += self.refund.eq(0)  # its epoch's balance is gone, and there may be another one
        with m.If(cut & sends):
            m.d.comb += over.eq(0)
            m.d.sync += [head_left.eq(0), state.eq(State.ABANDON)]
        writer.withdraw(message.slot, self.ended)
        return m
