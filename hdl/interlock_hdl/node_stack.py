"""Joins the hashes of a tree's subtrees, from left to right, with one SHA-256 core."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from interlock_hdl.crypto.memory_hash import DIGEST_WORDS, MemoryHash
from interlock_hdl.crypto.sha256 import WORD_BITS
from interlock_hdl.leaf_lane import Root
from interlock_hdl.register_queue import RegisterQueue

NODE_PREFIX = 0x01
_NODE_BYTES = 64


class NodeStack(wiring.Component):
    """Makes of the roots of 2**``height`` equal subtrees the root of the tree that they are.

    The pending roots lie in a memory as a stack.  After the n-th one has come, the upper two are joined as
    often as n can be halved: they are the roots of equal subtrees then.  After the last one of a message
    they are joined until one is left.  That is the tree of RFC 9162, 2.1.1.  Two roots that are to be joined
    lie side by side, left before right, and are hashed where they are.

    While it is joining it takes nothing, so a long carry holds up those who wait.

    Latency: 2 cycles from a root's word to ``o`` where nothing is to be joined; else ``step`` cycles for each
    node.  Throughput: a root every ``DIGEST_WORDS`` cycles, and ``step`` cycles more for every node.

    Parameters
    ----------
    height : int
        Levels of nodes.
    unbounded : bool
        Joins whole messages.  Otherwise the roots at ``o`` are those of successive groups of 2**``height``
        of its input, of which the last one of a message may be smaller.

    Members
    -------
    i, o : stream of Root
        Ready depends on registers and ``wipe`` only.
    wipe : In(1)
        Holds the block in reset and overwrites its memory with zeros.
    wiped : Out(1)
        That is complete.  Falls after ``wipe`` does.
    """

    step = MemoryHash.latency(_NODE_BYTES) + DIGEST_WORDS + 1

    def __init__(self, *, height: int, unbounded: bool = False) -> None:
        if height < 1:
            raise ValueError(f"height must be at least 1, not {height}")
        self.height = height
        self.unbounded = unbounded
        super().__init__(
            {
                "i": In(stream.Signature(Root)),
                "o": Out(stream.Signature(Root)),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        # Of n roots there are as many pending as n has ones in binary; one more is just coming.
        entries = self.height + 1
        depth = DIGEST_WORDS * entries
        # As in PacketBuffer: no word is read while it is written, and the block RAM's register stands apart.
        memory = Memory(shape=WORD_BITS, depth=depth, init=[], attrs={"no_rw_check": 1})
        m.submodules.memory = memory
        write_port = memory.write_port()
        read_port = memory.read_port(domain="comb")
        control = Module()
        m.submodules.control = ResetInserter(self.wipe)(control)
        hasher = MemoryHash(prefix=NODE_PREFIX, max_size=_NODE_BYTES)
        m.submodules.hasher = ResetInserter(self.wipe)(hasher)
        queue = RegisterQueue(shape=Root, depth=2)
        m.submodules.queue = ResetInserter(self.wipe)(queue)

        joining = Signal()
        hashing = Signal()  # the hasher has not yet read both
        ended = Signal()  # the last root of the message has come
        top = Signal(range(entries + 1))  # roots in the stack
        taken = Signal(self.height + 1)  # roots of this message or group
        carry = Signal.like(taken)  # it, halved at every node
        place = Signal(range(DIGEST_WORDS))

        # What comes is pushed, and what is hashed replaces its left half: it is the upper root but one.
        incoming = Signal(Root)
        arrives = Signal()
        root = Signal.like(top)
        is_result = Signal()  # what arrives is the root that is asked for
        m.d.comb += [
            self.i.ready.eq(~joining & queue.i.ready & ~self.wipe),
            hasher.o.ready.eq(joining & queue.i.ready),
        ]
        with m.If(joining):
            last_node = top == 2
            complete = ended if self.unbounded else ended | taken[self.height]
            m.d.comb += [
                arrives.eq(hasher.o.valid & queue.i.ready),
                incoming.word.eq(hasher.o.p.word),
                incoming.end.eq(hasher.o.p.end),
                incoming.last.eq(ended),
                root.eq(top - 2),
                is_result.eq(last_node & complete),
            ]
        with m.Else():
            m.d.comb += [
                arrives.eq(self.i.valid & self.i.ready),
                incoming.eq(self.i.payload),
                root.eq(top),
                is_result.eq((top == 0) & self.i.p.last),
            ]
        m.d.comb += [queue.i.valid.eq(arrives & is_result), queue.i.payload.eq(incoming)]
        m.d.comb += [
            self.o.valid.eq(queue.o.valid & ~self.wipe),
            self.o.payload.eq(queue.o.payload),
            queue.o.ready.eq(self.o.ready),
        ]

        with control.If(arrives):
            control.d.sync += place.eq(place + 1)
        following = Mux(joining, carry >> 1, taken + 1)
        is_last = Mux(joining, ended, incoming.last)
        after = Mux(joining, top - 1, top + 1)
        with control.If(arrives & incoming.end):
            control.d.sync += [top.eq(after), carry.eq(following), ended.eq(is_last)]
            with control.If(~joining):
                control.d.sync += taken.eq(taken + 1)
            more = (after != 1) & (is_last | ~following[0])
            control.d.sync += [joining.eq(more), hashing.eq(more)]
            with control.If(is_result):
                control.d.sync += [top.eq(0), taken.eq(0), ended.eq(0)]
        with control.If(hasher.job.ready):
            control.d.sync += hashing.eq(0)

        fetch = Signal(WORD_BITS, reset_less=True)
        word = Signal(WORD_BITS)
        m.d.sync += fetch.eq(read_port.data)
        control.d.sync += word.eq(fetch)
        left = Signal.like(top)
        m.d.comb += [
            left.eq(top - 2),
            hasher.job.valid.eq(hashing),
            hasher.job.payload.eq(_NODE_BYTES),
            hasher.data.eq(word),
        ]

        # Wiping: zeros go to every address, and by way of address 0 into the register behind the memory.
        wipe_address = Signal(range(depth))
        with m.If(~self.wipe):
            m.d.sync += [wipe_address.eq(0), self.wiped.eq(0)]
        with m.Elif(wipe_address == depth - 1):
            m.d.sync += self.wiped.eq(1)
        with m.Else():
            m.d.sync += wipe_address.eq(wipe_address + 1)
        m.d.comb += [
            write_port.en.eq(arrives | self.wipe),
            write_port.addr.eq(Mux(self.wipe, wipe_address, Cat(~place, root))),
            write_port.data.eq(Mux(self.wipe, 0, incoming.word)),
            read_port.addr.eq(Cat(hasher.address[:3], Mux(hasher.address[3], top - 1, left)[: len(top)])),
        ]
        return m
