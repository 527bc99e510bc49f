"""Takes whole, legal messages from a port that is not trusted."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream, keep_count, keep_is_legal
from interlock_hdl.message import MESSAGE_HEADER_BYTES, Kind, MessageHeader
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.register_queue import RegisterQueue
from interlock_hdl.wire import network


class MessageInfo(data.StructLayout):
    """What is known of a buffered message.

    Members
    -------
    kind : its :class:`~interlock_hdl.message.Kind`
    slot : the slot that a PEER message goes to, else 0
    length : bytes of payload
    """

    def __init__(self, message_bytes: int) -> None:
        super().__init__({"kind": 8, "slot": 8, "length": range(message_bytes + 1)})


class Intake(wiring.Component):
    """Buffers messages, drops those that are not legal, and offers the rest.

    The rules are those of ``docs/specification.md``, section *Beats and messages*.  A refused message is
    taken to its ``last`` and leaves no trace in the buffer.  Once it is known to be refused it is never
    held up, and one longer than ``message_bytes`` is known in time: the port never waits for room that
    cannot come.

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
        Largest payload, a multiple of 16.
    messages : int
        Largest payloads that the buffer's memory is as deep as.  (Room for so many headers as well would
        double the block RAMs of the usual sizes, powers of two.)
    drain : bool
        Whether beats are taken and discarded while ``wipe`` is high.

    Members
    -------
    i : In(beat stream)
        The port.
    enable : In(1)
        The gate: while it is low (and nothing is drained) no beat is taken.
    o : Out(beat stream)
        Accepted messages, headers included.
    messages : Out(stream of MessageInfo)
        One for each message at ``o``, in the same order, offered once the whole message is in the buffer.
    accepted, refused : Out(1)
        Strobes in the cycle in which a message's last beat is taken.
    not_first : Out(1)
        Strobe: the first beat since ``wipe`` had no ``first``.
    wipe : In(1)
        Holds the block in reset and overwrites the buffer.
    wiped : Out(1)
        That is complete.
    """

    latency = PacketBuffer.latency

    def __init__(
        self,
        *,
        beat_bytes: int,
        kinds: tuple[Kind, ...],
        slots: int,
        message_bytes: int,
        messages: int = 2,
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
        self.drain = drain
        super().__init__(
            {
                "i": In(beat_stream(beat_bytes)),
                "enable": In(1),
                "o": Out(beat_stream(beat_bytes)),
                "messages": Out(stream.Signature(MessageInfo(message_bytes))),
                "accepted": Out(1),
                "refused": Out(1),
                "not_first": Out(1),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        header_beats = MESSAGE_HEADER_BYTES // self.beat_bytes
        payload_beats = self.message_bytes // self.beat_bytes
        beat = self.i.p

        depth = max(self.capacity * payload_beats, header_beats + payload_beats)
        m.submodules.buffer = buffer = PacketBuffer(beat_bytes=self.beat_bytes, depth=depth)
        queue = RegisterQueue(shape=MessageInfo(self.message_bytes), depth=max(2, self.capacity))
        m.submodules.queue = ResetInserter(self.wipe)(queue)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.d.comb += [
            self.messages.payload.eq(queue.o.payload),
            self.messages.valid.eq(queue.o.valid & ~self.wipe),
            queue.o.ready.eq(self.messages.ready),
            buffer.wipe.eq(self.wipe),
            self.wiped.eq(buffer.wiped),
        ]

        # Where in the message the next beat is.
        since_wipe = Signal(init=1)  # no beat was taken yet
        starting = Signal(init=1)
        in_header = Signal(init=1)
        header_left = Signal(range(header_beats), init=header_beats - 1)
        earlier = Signal(8 * (MESSAGE_HEADER_BYTES - self.beat_bytes))  # beats of the header already taken
        payload_taken = Signal(range(payload_beats + 1))
        refusing = Signal()  # the message is refused already

        # A message that is being refused needs no room: nothing of it is written any more.
        room = (buffer.i.ready & queue.i.ready) | refusing
        m.d.comb += self.i.ready.eq(Mux(self.wipe, int(self.drain), self.enable & room))
        taken = self.i.valid & self.i.ready & ~self.wipe

        # What is wrong with this beat.
        header = Signal(MessageHeader)
        m.d.comb += header.eq(network(Cat(earlier, beat.data)))
        header_ends = in_header & (header_left == 0)
        names_slot = Mux(header.kind == Kind.PEER, header.peer < self.slots, header.peer == 0)
        kind_known = Cat(header.kind == kind for kind in self.kinds).any()
        header_legal = kind_known & (header.flags == 0) & names_slot & (header.bound == 0)
        header_cut = in_header & beat.last & ~(header_ends & beat.keep.all())
        too_long = ~in_header & (payload_taken == payload_beats - 1) & ~beat.last
        wrong = Signal()
        m.d.comb += wrong.eq(
            ~keep_is_legal(beat)
            | (beat.first != starting)
            | (header_ends & ~header_legal)
            | header_cut
            | too_long
        )
        fault = refusing | wrong

        # A wrong beat is written like any other: `discard` takes it with the rest.
        info = queue.i.p
        kind = Signal.like(header.kind)
        slot = Signal(8)
        m.d.comb += [
            buffer.i.valid.eq(taken & ~refusing),
            buffer.i.payload.eq(beat),
            buffer.commit.eq(taken & beat.last & ~fault),
            buffer.discard.eq(taken & fault),
            queue.i.valid.eq(buffer.commit),
            info.kind.eq(Mux(in_header, header.kind, kind)),
            info.slot.eq(Mux(in_header, header.peer, slot)),
            info.length.eq(Mux(in_header, 0, payload_taken * self.beat_bytes + keep_count(beat.keep))),
            self.accepted.eq(buffer.commit),
            self.refused.eq(taken & beat.last & fault),
            self.not_first.eq(taken & since_wipe & ~beat.first),
        ]

        state = Module()
        with state.If(taken):
            state.d.sync += [since_wipe.eq(0), starting.eq(beat.last), refusing.eq(fault & ~beat.last)]
            with state.If(beat.last):
                state.d.sync += [in_header.eq(1), header_left.eq(header_beats - 1), payload_taken.eq(0)]
            with state.Elif(in_header):
                state.d.sync += [
                    in_header.eq(~header_ends),
                    header_left.eq(header_left - 1),
                    earlier.eq(Cat(earlier, beat.data)[8 * self.beat_bytes :]),
                    kind.eq(header.kind),
                    slot.eq(header.peer),
                ]
            with state.Elif(~fault):
                state.d.sync += payload_taken.eq(payload_taken + 1)
        m.submodules.state = ResetInserter(self.wipe)(state)
        return m
