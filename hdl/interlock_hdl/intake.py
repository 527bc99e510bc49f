"""Takes legal messages from a port that is not trusted: whole ones, and streams as they come."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from interlock_hdl.beat import Beat, beat_stream, keep_count, keep_is_legal
from interlock_hdl.message import (
    MAXIMUM_BITS,
    MESSAGE_HEADER_BYTES,
    Kind,
    MessageFlag,
    MessageHeader,
    MessageInfo,
    StreamDescriptor,
    StreamProgress,
)
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.register_queue import RegisterQueue
from interlock_hdl.wire import network


class Intake(wiring.Component):
    """Buffers messages, drops those that are not legal, and offers the rest.

    The rules are those of ``docs/specification.md``, section *Beats and messages*.  A refused message is
    taken to its ``last`` and leaves no trace in the buffer.  Once it is known to be refused it is never
    held up, and one longer than ``message_bytes`` is known in time: the port never waits for room that
    cannot come.

    A stream is offered once its descriptor is there, and its payload as it comes.  Behind a stream no beat is
    taken until ``finish``; what is left of it then is dropped, in the buffer and at the port.

    Latency: ``latency`` cycles from a message's last beat to its first at ``o``.  Throughput: one beat a
    cycle, messages back to back.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.
    kinds : tuple of Kind
        The kinds that this port accepts.
    slots : int
        Slots that a PEER message may name.
    message_bytes : int
        Largest payload of a buffered message, a multiple of 16.
    messages : int
        Largest payloads that the buffer's memory is as deep as.  (Room for so many headers as well would
        double the block RAMs of the usual sizes, powers of two.)
    streams : bool
        Whether a PEER message may be a stream.
    drain : bool
        Whether beats are taken and discarded while ``wipe`` is high.

    Attributes
    ----------
    depth : int
        Beats that the buffer holds.

    Members
    -------
    i : In(beat stream)
        The port.
    enable : In(1)
        The gate: while it is low (and nothing is drained) no beat is taken.
    o : Out(beat stream)
        Accepted messages, headers and descriptors included.
    messages : Out(stream of MessageInfo)
        One for each message at ``o``, in the same order, offered once the whole message is in the buffer, or
        a stream's descriptor.
    progress : Out(StreamProgress)
        Of the stream that was accepted last.
    finish : In(1)
        Strobe: the stream is done with.
    accepted, refused : Out(1)
        Strobes, a cycle after a message's last beat, or a stream's descriptor, was taken; later where there
        was no room for it.
    not_first : Out(1)
        Strobe: the first beat since ``wipe`` had no ``first``.
    wipe : In(1)
        Holds the block in reset and overwrites the buffer.
    wiped : Out(1)
        That is complete.
    """

    latency = PacketBuffer.latency + 1

    def __init__(
        self,
        *,
        beat_bytes: int,
        kinds: tuple[Kind, ...],
        slots: int,
        message_bytes: int,
        messages: int = 2,
        streams: bool = False,
        drain: bool,
    ) -> None:
        if not kinds:
            raise ValueError("an intake that accepts no kind of message is a wall")
        if not 1 <= slots <= 256:
            raise ValueError(f"slots must be 1 … 256, not {slots}")
        if message_bytes < 16 or message_bytes % 16:
            raise ValueError(f"message_bytes must be a positive multiple of 16, not {message_bytes}")
        if messages < 1:
            raise ValueError(f"the buffer must hold at least 1 message, not {messages}")
        self.beat_bytes = beat_bytes
        self.kinds = tuple(Kind(kind) for kind in kinds)
        self.slots = slots
        self.message_bytes = message_bytes
        self.capacity = messages
        self.streams = streams
        self.drain = drain
        largest = (2 * MESSAGE_HEADER_BYTES + message_bytes) // beat_bytes
        self.depth = max(messages * message_bytes // beat_bytes, largest)
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "enable": In(1),
                "o": Out(beat_stream(beat_bytes)),
                "messages": Out(stream.Signature(MessageInfo(message_bytes))),
                "progress": Out(StreamProgress(beat_bytes)),
                "finish": In(1),
                "accepted": Out(1),
                "refused": Out(1),
                "not_first": Out(1),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        header_beats = MESSAGE_HEADER_BYTES // self.beat_bytes  # of a descriptor, too
        payload_beats = self.message_bytes // self.beat_bytes

        m.submodules.buffer = buffer = PacketBuffer(shape=Beat(self.beat_bytes), depth=self.depth)
        queue = RegisterQueue(shape=MessageInfo(self.message_bytes), depth=max(2, self.capacity))
        m.submodules.queue = ResetInserter(self.wipe)(queue)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.d.comb += [
            self.messages.payload.eq(queue.o.payload),
            self.messages.valid.eq(queue.o.valid & ~self.wipe),
            queue.o.ready.eq(self.messages.ready),
            buffer.wipe.eq(self.wipe),
            buffer.flush.eq(self.finish),
            self.wiped.eq(buffer.wiped),
        ]

        # Where in the message the next beat is.
        since_wipe = Signal(init=1)  # no beat was taken yet
        starting = Signal(init=1)
        in_header = Signal(init=1)
        in_descriptor = Signal()
        head_left = Signal(range(header_beats), init=header_beats - 1)  # beats of header or descriptor
        payload_taken = Signal(range(payload_beats + 1))
        refusing = Signal()  # the message is refused, broken or finished already
        # The stream, from its descriptor on until it is finished.
        streaming = Signal()
        ended = Signal()  # its last beat was taken
        finished = Signal()  # it is finished, and its last beat is still to come
        maximum_left = Signal(MAXIMUM_BITS)  # bytes of payload that may still come

        state = Module()
        m.submodules.state = ResetInserter(self.wipe)(state)

        # A beat first comes into a register, beside what can be said of it and of a header that ends with it.
        # A message that is being refused needs no room: nothing of it is written any more.
        room = (buffer.i.ready & queue.i.ready & ~(streaming & ended)) | refusing
        present = Signal()
        moves = self.enable & (~present | room)
        m.d.comb += self.i.ready.eq(Mux(self.wipe, int(self.drain), moves))
        arrives = self.i.valid & self.i.ready & ~self.wipe
        taken = present & self.enable & room & ~self.wipe

        arriving = self.i.p
        recent, following = Signal(8 * MESSAGE_HEADER_BYTES), Signal(8 * MESSAGE_HEADER_BYTES)
        beat = Signal(Beat(self.beat_bytes))
        kept, keep_legal, whole = Signal(range(self.beat_bytes + 1)), Signal(), Signal()
        header_legal, descriptor_legal, is_stream = Signal(), Signal(), Signal()
        m.d.comb += following.eq(Cat(recent, arriving.data)[8 * self.beat_bytes :])
        with state.If(moves):
            state.d.sync += present.eq(arrives)
        with state.If(arrives):
            state.d.sync += [
                recent.eq(following),
                beat.eq(arriving),
                kept.eq(keep_count(arriving.keep)),
                keep_legal.eq(keep_is_legal(arriving)),
                whole.eq(arriving.keep.all()),
                *self._judge(following, header_legal, descriptor_legal, is_stream),
            ]

        # What is wrong with this beat.
        header = data.View(MessageHeader, network(recent))
        descriptor = data.View(StreamDescriptor, network(recent))
        head_ends = head_left == 0
        header_ends = in_header & head_ends
        descriptor_ends = in_descriptor & head_ends
        head_whole = head_ends & whole & ~(in_header & is_stream)
        head_cut = (in_header | in_descriptor) & beat.last & ~head_whole
        in_payload = ~in_header & ~in_descriptor
        of_stream = streaming & ~ended  # what is taken now is its payload
        scarce = ~maximum_left[exact_log2(self.beat_bytes) :].any()
        exceeds = Mux(
            of_stream,
            scarce & (kept > maximum_left[: exact_log2(self.beat_bytes)]),
            (payload_taken == payload_beats - 1) & ~beat.last,
        )
        wrong = Signal()
        m.d.comb += wrong.eq(
            ~keep_legal
            | (beat.first != starting)
            | (header_ends & ~header_legal)
            | (descriptor_ends & ~descriptor_legal)
            | head_cut
            | (in_payload & exceeds)
        )
        fault = refusing | wrong

        # A wrong beat is written like any other: `discard` takes it with the rest.
        info = queue.i.p
        kind = Signal.like(header.kind)
        slot = Signal(8)
        bound = Signal.like(header.bound)
        ends_whole = beat.last & ~in_descriptor & ~of_stream
        m.d.comb += [
            self.accepted.eq(taken & ~fault & (descriptor_ends | ends_whole)),
            self.refused.eq(taken & beat.last & fault & ~of_stream & ~finished),
            self.not_first.eq(taken & since_wipe & ~beat.first),
            buffer.i.valid.eq(taken & ~refusing),
            buffer.i.payload.eq(beat),
            buffer.commit.eq(self.accepted | (taken & of_stream & ~fault)),
            buffer.discard.eq(taken & fault),
            queue.i.valid.eq(self.accepted),
            info.kind.eq(Mux(in_header, header.kind, kind)),
            info.slot.eq(Mux(in_header, header.peer, slot)),
            info.length.eq(Mux(in_payload, payload_taken * self.beat_bytes + kept, 0)),
            info.is_stream.eq(in_descriptor),
            info.maximum.eq(descriptor.maximum),
            info.bound.eq(Mux(in_descriptor, bound, 0)),
            info.empty.eq(~in_payload),
        ]
        with m.If(in_descriptor):
            m.d.comb += info.empty.eq(beat.last)

        with state.If(taken):
            state.d.sync += [since_wipe.eq(0), starting.eq(beat.last), refusing.eq(fault & ~beat.last)]
            state.d.sync += head_left.eq(Mux(head_ends | beat.last, header_beats - 1, head_left - 1))
            with state.If(beat.last):
                state.d.sync += [in_header.eq(1), in_descriptor.eq(0), payload_taken.eq(0), finished.eq(0)]
            with state.Elif(~in_payload):
                state.d.sync += [
                    in_header.eq(in_header & ~head_ends),
                    in_descriptor.eq(Mux(in_header, header_ends & is_stream, ~head_ends)),
                ]
            with state.Elif(~fault):
                state.d.sync += payload_taken.eq(payload_taken + 1)
            with state.If(in_header):
                state.d.sync += [kind.eq(header.kind), slot.eq(header.peer), bound.eq(header.bound)]

        # Payload of a stream is told of when it is in the buffer.
        progress = self.progress
        told = taken & of_stream & ~refusing & ~self.finish
        state.d.sync += [
            progress.beat.eq(told & ~wrong),
            progress.last.eq(told & ~wrong & beat.last),
            progress.kept.eq(kept),
            progress.broken.eq(told & wrong),
        ]
        with state.If(taken & descriptor_ends & ~fault):
            state.d.sync += [
                streaming.eq(1),
                ended.eq(beat.last),
                maximum_left.eq(descriptor.maximum),
            ]
        with state.Elif(taken & of_stream):
            state.d.sync += [ended.eq(beat.last), maximum_left.eq(maximum_left - kept)]
        with state.If(self.finish):
            state.d.sync += streaming.eq(0)
            with state.If(of_stream & ~(taken & beat.last)):
                state.d.sync += [refusing.eq(1), finished.eq(1)]
        return m

    def _judge(self, octets: Value, header_legal: Value, descriptor_legal: Value, is_stream: Value) -> list:
        """Statements that say of 16 bytes whether they are a legal header, or descriptor, and a stream's."""
        header = data.View(MessageHeader, network(octets))
        descriptor = data.View(StreamDescriptor, network(octets))
        is_peer = header.kind == Kind.PEER
        names_slot = Mux(is_peer, header.peer < self.slots, header.peer == 0)
        kind_known = Cat(header.kind == kind for kind in self.kinds).any()
        of_stream = is_peer & (header.flags == MessageFlag.STREAM) & self.streams
        flags_legal = of_stream | ((header.flags == 0) & (header.bound == 0))
        return [
            header_legal.eq(kind_known & flags_legal & names_slot),
            descriptor_legal.eq(~descriptor.maximum[MAXIMUM_BITS:].any() & (descriptor.reserved == 0)),
            is_stream.eq(of_stream),
        ]
