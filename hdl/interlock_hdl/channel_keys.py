"""Which channels have a key: between the port that keys come by and the engine that uses them."""

from amaranth.hdl import Array, Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.aes_round import KEY_BITS
from interlock_hdl.crypto.gcm_keys import KeySource, key_request_layout
from interlock_hdl.ones import lowest_one
from interlock_hdl.ports import slot_shape

CHANNEL_BITS = 16


def engine_slots(links: int) -> int:
    """Slots of a ``Gcm`` for so many links: it has no fewer than 2."""
    return max(links, 2)


class ChannelKey(data.StructLayout):
    """A key of one epoch of a channel.

    Members
    -------
    slot : where the channel is
    channel : its number in headers
    key : byte 0 in bits 7:0
    """

    def __init__(self, links: int) -> None:
        super().__init__({"slot": slot_shape(links), "channel": CHANNEL_BITS, "key": KEY_BITS})


class State(enum.Enum):
    """How far the request at hand is."""

    IDLE = 0
    ASK = 1  # offered to the engine
    LOAD = 2  # taken by it, and not in use yet


class Task(enum.Enum):
    """What it is for."""

    INSTALL = 0  # a key that came
    FOLLOW = 1  # the key that follows
    ERASE = 2  # zeros in the place of a key that was forgotten


class ChannelKeys(wiring.Component):
    """Has keys installed, followed and overwritten in a ``Gcm``, and knows which slots have one.

    A key is for one epoch: whoever numbers records starts with 0 when a slot becomes ``keyed``, so that no
    nonce repeats under a key.  A key that is forgotten is overwritten with zeros as soon as nothing of its
    slot is ``inside``, and the slot gets no other one before that.  One that is still on its way when its
    slot is forgotten never becomes ``keyed``.  A key for a slot that has one takes its place, as if the slot
    had been forgotten in the cycle in which it is taken.  A key for a slot that does not exist is dropped.

    A key that the engine took is gone from here two cycles later.  No timing depends on keys.

    Latency: from a key that is taken to its request, 3 cycles where nothing else is at hand; from ``loaded``
    to ``keyed``, one.  Throughput: one request at a time; what follows comes first, then what is
    overwritten, then what is installed.

    Parameters
    ----------
    links : int
        Slots.

    Attributes
    ----------
    slots : int
        Of the ``Gcm``.
    ends : links
        Strobes: the time of the slot's key ends, for it is forgotten or another one is taken.

    Members
    -------
    i : In(stream of ChannelKey)
        Ready depends on registers and ``wipe`` alone.
    forget : In(links)
        Strobe or level: from the next cycle on the slot is not keyed.
    follow, follow_slot : In(1), In(range(slots))
        Strobe: REKEY of this slot, of which nothing is ``inside`` until ``following`` has fallen.  Not while
        ``following``; of a slot that is not keyed it is ignored.
    following : Out(1)
        A key that follows is being made.
    inside : In(links)
        Something of the slot may still use its key.  A record for which ``keyed`` was looked at is inside
        from the next cycle on, until its tag has left the engine.
    requests : Out(stream of ``key_request_layout``)
    loaded, loaded_slot : In(1), In(range(slots))
        From the engine: a strobe for each request, once it is in use.
    keyed : Out(links)
    channel : Out(16) array of ``links``
        Of the key that is in use.
    wipe : In(1)
        Holds the block in reset; the engine's own wipe overwrites its keys.
    """

    def __init__(self, *, links: int) -> None:
        if links < 1:
            raise ValueError(f"links must be at least 1, not {links}")
        self.links = links
        self.slots = engine_slots(links)
        self.state = Signal(State)
        self.task = Signal(Task)
        self.slot = Signal(range(self.slots))  # of the request at hand
        self.stale = Signal()  # what it installs was forgotten meanwhile
        self.used = Signal(links)  # a key was or may have been, in the cycle before: for `inside` comes late
        # What may be done, as of the cycle before: none of it can become wrong while nothing is at hand.
        self.settled = Signal()
        self.erasable = Signal(links)
        self.installable = Signal()
        self.dirty = Signal(links)  # the engine has a key of the slot, or is being given one
        self.held = Signal()  # a key waits for its turn
        self.held_slot = Signal(range(self.slots))
        self.key = Signal(KEY_BITS)
        self.followed_slot = Signal(range(self.slots))
        self.ends = Signal(links)
        super().__init__(
            {
                "i": In(stream.Signature(ChannelKey(links))),
                "forget": In(links),
                "follow": In(1),
                "follow_slot": In(range(self.slots)),
                "following": Out(1),
                "inside": In(links),
                "requests": Out(stream.Signature(key_request_layout(self.slots))),
                "loaded": In(1),
                "loaded_slot": In(range(self.slots)),
                "keyed": Out(links),
                "channel": Out(CHANNEL_BITS).array(links),
                "wipe": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        state, task, slot = self.state, self.task, self.slot
        stale, dirty = self.stale, self.dirty

        taken = self.i.valid & self.i.ready
        ends = self.ends
        m.d.comb += ends.eq(
            self.forget | Cat(taken & (self.i.p.slot == number) for number in range(self.links))
        )
        m.d.sync += stale.eq(stale | ends.bit_select(slot, 1))

        # The key that waits for its turn.  While it is offered to the engine it cannot be withdrawn.
        held, held_slot, key = self.held, self.held_slot, self.key
        held_channel = Signal(CHANNEL_BITS)
        offered = (state == State.ASK) & (task == Task.INSTALL)
        m.d.comb += self.i.ready.eq(~held & ~self.wipe)
        with m.If(held):
            m.d.sync += held.eq(~Mux(offered, self.requests.ready, self.forget.bit_select(held_slot, 1)))
        with m.Else():
            # Whether it is wanted comes late, and decides on one bit alone: if not, it is gone a cycle later.
            m.d.sync += [
                held.eq(taken & (self.i.p.slot < self.links) & ~self.forget.bit_select(self.i.p.slot, 1)),
                held_slot.eq(self.i.p.slot),
                held_channel.eq(self.i.p.channel),
                key.eq(Mux(self.i.valid, self.i.p.key, 0)),
            ]

        with m.If(self.follow & self.keyed.bit_select(self.follow_slot, 1)):
            m.d.sync += [self.following.eq(1), self.followed_slot.eq(self.follow_slot)]

        m.d.comb += [
            self.requests.valid.eq(state == State.ASK),
            self.requests.p.slot.eq(slot),
            self.requests.p.source.eq(Mux(task == Task.FOLLOW, KeySource.FOLLOWS, KeySource.GIVEN)),
            self.requests.p.key.eq(Mux(task == Task.INSTALL, key, 0)),
        ]
        m.d.sync += [
            self.used.eq(self.keyed | self.inside),
            self.settled.eq(state == State.IDLE),
            self.erasable.eq(dirty & ~self.keyed & ~self.used),
            self.installable.eq(held & ~(dirty | self.used | self.forget).bit_select(held_slot, 1)),
        ]
        with m.Switch(state):
            with m.Case(State.IDLE):
                with m.If(~self.settled):
                    pass
                with m.Elif(self.following):
                    m.d.sync += [slot.eq(self.followed_slot), task.eq(Task.FOLLOW), state.eq(State.ASK)]
                with m.Elif(self.erasable.any()):
                    m.d.sync += [slot.eq(lowest_one(self.erasable)), task.eq(Task.ERASE), state.eq(State.ASK)]
                with m.Elif(self.installable & ~self.forget.bit_select(held_slot, 1)):
                    m.d.sync += [
                        slot.eq(held_slot),
                        task.eq(Task.INSTALL),
                        stale.eq(0),
                        dirty.bit_select(held_slot, 1).eq(1),
                        state.eq(State.ASK),
                    ]
            with m.Case(State.ASK):
                with m.If(self.requests.ready):
                    m.d.sync += state.eq(State.LOAD)
                with m.If(task == Task.INSTALL):
                    m.d.sync += Array(self.channel)[held_slot].eq(held_channel)
            with m.Case(State.LOAD):
                with m.If(self.loaded):
                    m.d.sync += state.eq(State.IDLE)
                    with m.Switch(task):
                        with m.Case(Task.INSTALL):
                            m.d.sync += self.keyed.bit_select(self.loaded_slot, 1).eq(~stale)
                        with m.Case(Task.FOLLOW):
                            m.d.sync += self.following.eq(0)
                        with m.Case(Task.ERASE):
                            m.d.sync += dirty.bit_select(self.loaded_slot, 1).eq(0)
        for number in range(self.links):
            with m.If(ends[number]):
                m.d.sync += self.keyed[number].eq(0)
        return ResetInserter(self.wipe)(m)
