"""What the host brings in: digested, merged, marked, and only then released (docs/specification.md)."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.config import InterlockConfig
from interlock_hdl.digested_buffer import DigestedBuffer
from interlock_hdl.log.answer import Answer
from interlock_hdl.message import MessageInfo
from interlock_hdl.ports import MergeStream
from interlock_hdl.record import ProvenanceFlag
from interlock_hdl.register_queue import RegisterQueue


class State(enum.Enum):
    """What the log is asked for."""

    START = 0  # the node's own entry, once a session
    IDLE = 1
    DIGEST = 2  # that of the oldest message that it was not asked about
    MARK = 3  # the own entry again, with a flag for what came in


class External(wiring.Component):
    """Holds EXTERNAL messages back until the log knows of them.

    The digest of each message is merged as an external entry, then the node's own entry is marked UNADMITTED,
    and then the message is offered.  If the log has no room for the digest the message is dropped.  In a
    build without digest lanes the own entry is marked UNLOGGED instead.  The own entry itself comes from
    here, too: all of the merges that are not a peer's.

    **Latency**: from a message's last beat to ``o``, that of its digest and of two merges, and 3 cycles.
    **Throughput**: that of the digest; without it, one beat a cycle.

    Parameters
    ----------
    config : InterlockConfig

    Members
    -------
    messages, i : In(stream of MessageInfo), In(stream of Beat)
        Whole messages from their intake.
    enter, session_id : In(1), In(128)
        The log may take entry 0; its id.
    merge, merged, answer : Out(MergeStream), In(1), In(Answer)
    o : Out(stream of Beat)
        Messages that may be released; no beat is offered before that.
    wipe, wiped : In(1), Out(1)
    """

    def __init__(self, *, config: InterlockConfig) -> None:
        self.config = config
        beats = beat_stream(config.beat_bytes)
        super().__init__(
            {
                "messages": In(stream.Signature(MessageInfo(config.message_bytes))),
                "i": In(beats),
                "enter": In(1),
                "session_id": In(128),
                "merge": Out(MergeStream),
                "merged": In(1),
                "answer": In(Answer),
                "o": Out(beats),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform):
        top = Module()
        m = Module()  # everything but the memories, which wipe themselves
        top.submodules.control = ResetInserter(self.wipe)(m)
        config = self.config

        # Whole messages, and what the log must be asked about each of them.
        asking, asked = Signal(), Signal()
        digest = Signal(256)
        if config.digest_lanes:
            top.submodules.buffer = buffer = DigestedBuffer(
                beat_bytes=config.beat_bytes, lanes=config.digest_lanes, message_bytes=config.message_bytes
            )
            wiring.connect(m, wiring.flipped(self.i), buffer.i)
            held, first, mark = buffer.o, State.DIGEST, ProvenanceFlag.UNADMITTED
            m.d.comb += [
                self.messages.ready.eq(1),
                asking.eq(buffer.digests.valid),
                digest.eq(buffer.digests.payload),
                buffer.digests.ready.eq(asked),
                buffer.wipe.eq(self.wipe),
                self.wiped.eq(buffer.wiped),
            ]
        else:
            held, first, mark = self.i, State.MARK, ProvenanceFlag.UNLOGGED
            m.d.comb += [
                asking.eq(self.messages.valid),
                self.messages.ready.eq(asked),
                self.wiped.eq(1),
            ]

        # One merge after another, each answered before the next.
        state = Signal(State)
        waiting = Signal()
        answered = waiting & self.merged
        entry = self.merge.payload.entry
        with m.If(state == State.DIGEST):
            m.d.comb += [self.merge.payload.external.eq(1), entry.eq(digest)]
        with m.Else():
            m.d.comb += [
                self.merge.payload.own.eq(1),
                entry.session_id.eq(self.session_id),
                entry.provenance.mode.eq(config.mode),
                entry.provenance.weight_table.eq(config.weights.number),
                entry.provenance.flags.eq(config.own_flags | Mux(state == State.MARK, mark, 0)),
            ]
        with m.If(self.merge.valid & self.merge.ready):
            m.d.sync += waiting.eq(1)
        with m.Elif(self.merged):
            m.d.sync += waiting.eq(0)

        m.submodules.verdicts = verdicts = RegisterQueue(shape=1, depth=2)
        with m.Switch(state):
            with m.Case(State.START):
                m.d.comb += self.merge.valid.eq(self.enter & ~waiting)
                with m.If(answered):
                    m.d.sync += state.eq(State.IDLE)
            with m.Case(State.IDLE):
                with m.If(asking & verdicts.i.ready):
                    m.d.sync += state.eq(first)
            with m.Case(State.DIGEST):
                m.d.comb += self.merge.valid.eq(~waiting)
                with m.If(answered):
                    m.d.sync += state.eq(State.MARK)
                    with m.If(self.answer != Answer.OK):
                        m.d.comb += [asked.eq(1), verdicts.i.valid.eq(1)]
                        m.d.sync += state.eq(State.IDLE)
            with m.Case(State.MARK):
                m.d.comb += self.merge.valid.eq(~waiting)
                with m.If(answered):
                    m.d.comb += [asked.eq(1), verdicts.i.valid.eq(1), verdicts.i.payload.eq(1)]
                    m.d.sync += state.eq(State.IDLE)

        # The oldest message passes, or is taken and dropped, once its verdict is there.
        passes = verdicts.o.valid & verdicts.o.payload
        drops = verdicts.o.valid & ~verdicts.o.payload
        m.d.comb += [
            self.o.payload.eq(held.payload),
            self.o.valid.eq(held.valid & passes),
            held.ready.eq(drops | (self.o.ready & passes)),
            verdicts.o.ready.eq(held.valid & held.ready & held.payload.last),
        ]
        return top
