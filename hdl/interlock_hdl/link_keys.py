"""Keys of sealed links: from the port that they come by to the blocks that seal and open."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.channel_keys import CHANNEL_BITS, ChannelKey
from interlock_hdl.crypto.aes_round import KEY_BITS
from interlock_hdl.ports import slot_shape
from interlock_hdl.wire import network

WORD_BYTES = 4
PEER_WORDS = 128 // 8 // WORD_BYTES
KEY_WORDS = KEY_BITS // 8 // WORD_BYTES


class State(enum.Enum):
    """Which part of a message comes next."""

    WAIT = 0  # its first word is looked at
    SKIP = 1  # a word that is of no message is taken
    CLAIM = 2  # until the slot's epoch, if there is one, is over
    HEAD = 3
    PEER = 4
    SEND_KEY = 5
    GIVE_SEND = 6
    RECEIVE_KEY = 7
    GIVE_RECEIVE = 8


class LinkKeys(wiring.Component):
    """Gives the keys of one epoch to whoever seals and opens, and says which links have them.

    A message on ``i`` is slot, channel, the peer's session id, the key to send with and the one to receive
    with (``docs/specification.md``, section *Keys*).  It ends the epoch of its slot, and waits until that is
    over.  A message of another size, or for a slot that there is not, gives no keys, and what stands between
    messages is dropped.  Whoever sends must never send a key twice.

    Keys are for one epoch: at its end they are forgotten, and so they are while the gates are closed.

    Latency: 22 cycles and more from a message's first word to the last key, where the slot has none.
    Throughput: one message at a time, a word a cycle.

    Parameters
    ----------
    links : int
        Slots.

    Members
    -------
    i : In(stream of Beat)
        Beats of 4 bytes.  Ready depends on registers alone.
    session_open : In(1)
        The gates are open.  While they are not, nothing is taken, and everything is forgotten.
    down, ended : In(links)
        From :class:`LinkEpoch`.
    drop : In(links)
        The epoch must end, for its keys are used up.
    send_keyed, receive_keyed : In(links)
        Seal and Open have a key in use.
    keyed : Out(links)
        An epoch may be open.
    wanted : Out(links)
        There are no keys, and none are being taken.
    send, receive : Out(stream of ChannelKey)
        To Seal and Open.
    forget : Out(links)
        Whatever either has of a key of this slot is void.
    introduced, peer_id : Out(links), Out(128)
        Whoever speaks in the slot's next epoch is ``peer_id``.
    taken : Out(1)
        Strobe: a message's first word is taken.
    """

    def __init__(self, *, links: int) -> None:
        self.links = links
        super().__init__(
            {
                "i": In(beat_stream(WORD_BYTES)),
                "session_open": In(1),
                "down": In(links),
                "ended": In(links),
                "drop": In(links),
                "send_keyed": In(links),
                "receive_keyed": In(links),
                "keyed": Out(links),
                "wanted": Out(links),
                "send": Out(stream.Signature(ChannelKey(links))),
                "receive": Out(stream.Signature(ChannelKey(links))),
                "forget": Out(links),
                "introduced": Out(links),
                "peer_id": Out(128),
                "taken": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        links = self.links
        state = Signal(State)
        slot = Signal(slot_shape(links))
        exists = Signal()  # and is the slot of a link
        channel = Signal(CHANNEL_BITS)
        key = Signal(KEY_BITS)
        words = Signal(range(KEY_WORDS))  # that came of the part at hand
        owned = Signal(links)  # keys came, and their epoch is not over
        complete = Signal(links)  # both were given on, and nothing has made them void
        here = Signal(links)  # the slot at hand
        beat, taken = self.i.p, self.i.valid & self.i.ready
        first_word = network(beat.data)
        of_slot, of_channel = first_word[16:], first_word[:16]

        m.d.comb += [
            here.eq(exists << slot),
            self.keyed.eq(complete & self.send_keyed & self.receive_keyed),
            self.wanted.eq(~owned),
            self.forget.eq(self.ended | Mux(self.session_open, 0, self.down)),
            self.taken.eq(taken & (state == State.HEAD)),
            self.introduced.eq(Mux(state == State.GIVE_SEND, here, 0)),
        ]
        for out in (self.send, self.receive):
            m.d.comb += [out.p.slot.eq(slot), out.p.channel.eq(channel), out.p.key.eq(key)]

        claims, completes, owns, voids = Signal(links), Signal(links), Signal(links), Signal(links)
        m.d.sync += [
            complete.eq((complete | completes) & ~(claims | self.drop)),
            owned.eq(((owned & ~self.ended) | owns) & ~voids),
        ]

        with m.Switch(state):
            with m.Case(State.WAIT):
                m.d.sync += [slot.eq(of_slot), channel.eq(of_channel), exists.eq(of_slot < links)]
                with m.If(self.i.valid):
                    m.d.sync += state.eq(Mux(beat.first, State.CLAIM, State.SKIP))
            with m.Case(State.SKIP):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += state.eq(State.WAIT)
            with m.Case(State.CLAIM):
                m.d.comb += claims.eq(here)
                with m.If((here & (complete | ~self.down)) == 0):
                    m.d.sync += state.eq(State.HEAD)
            with m.Case(State.HEAD):
                m.d.comb += [self.i.ready.eq(1), owns.eq(here)]
                m.d.sync += [words.eq(0), state.eq(State.PEER)]
            with m.Case(State.PEER):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken):
                    m.d.sync += [
                        self.peer_id.eq(Cat(network(beat.data), self.peer_id)),
                        words.eq(words + 1),
                    ]
                    with m.If(words == PEER_WORDS - 1):
                        m.d.sync += [words.eq(0), state.eq(State.SEND_KEY)]
            with m.Case(State.SEND_KEY, State.RECEIVE_KEY):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken):
                    m.d.sync += [key.eq(Cat(key, beat.data)[8 * WORD_BYTES :]), words.eq(words + 1)]
                    with m.If(words == KEY_WORDS - 1):
                        m.d.sync += state.eq(
                            Mux(state == State.SEND_KEY, State.GIVE_SEND, State.GIVE_RECEIVE)
                        )
            with m.Case(State.GIVE_SEND):
                m.d.comb += self.send.valid.eq(1)
                with m.If(self.send.ready):
                    m.d.sync += state.eq(State.RECEIVE_KEY)
            with m.Case(State.GIVE_RECEIVE):
                m.d.comb += [self.receive.valid.eq(1), completes.eq(Mux(self.receive.ready, here, 0))]
                with m.If(self.receive.ready):
                    m.d.sync += [key.eq(0), state.eq(State.WAIT)]

        # A message has one size, and nothing of another one is of any use.
        ends = (state == State.RECEIVE_KEY) & (words == KEY_WORDS - 1)
        begins = state == State.HEAD
        counts = (state != State.SKIP) & taken
        with m.If(counts & ((beat.first != begins) | (beat.last != ends) | ~beat.keep.all() | ~exists)):
            m.d.comb += voids.eq(here)
            m.d.sync += [key.eq(0), state.eq(State.WAIT)]
        return ResetInserter(~self.session_open)(m)
