"""Reads the prefixes of messages: descriptors, then entries for the log."""

from amaranth.hdl import Array, Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.record import ENTRY_BYTES, RECORD_MAX_LENGTH, Entry, PrefixFlag, PrefixHeader
from interlock_hdl.wire import network

RECORD_ENTRIES = RECORD_MAX_LENGTH // ENTRY_BYTES
ID_PARTS = 8

ReadEntry = data.StructLayout({"entry": Entry, "external": 1})
"""An entry, and in which section of the prefix it was."""

Progress = data.StructLayout({"middle": 1, "full": 1, "due": 1, "sessions": 32, "externals": 32})
"""How far a channel's prefix is.

``middle``: further records of it follow; ``full``: it is FULL; ``due``: the next one must be; ``sessions``,
``externals``: entries still to come.
"""


class PrefixReader(wiring.Component):
    """Turns the bodies of PREFIX records into entries, and stops at the first thing out of place.

    A prefix may have any number of records, and those of other channels may stand between them.  The lengths
    of its records must be exactly what its descriptor says, and nothing else; entry 0 must be who has spoken
    in this epoch before, and never this node itself.  Nothing of a record is ever offered as an entry before
    its length and, in the first one, descriptor and entry 0 were found to be right.

    **Latency**: one cycle from the last beat of an entry to ``entries``.  **Throughput**: one beat a cycle.

    Parameters
    ----------
    beat_bytes, links : int

    Members
    -------
    enable : In(1)
        A PREFIX record is being read.  While it is low nothing is known of any record.
    slot, som, eom, length : In(8), In(1), In(1), In(16)
        Its channel, its flags, and the bytes of its body; the channel is named at least a cycle before.
    body : In(stream of Beat)
    session_id : In(128)
        The node's own id.
    peer_known, peer_id : In(1), In(128)
        Who spoke in this epoch before, if anybody did.
    entries : Out(stream of ReadEntry)
    introducing, introduced : Out(1)
        The entry at hand is entry 0, right or wrong, from a register; strobe: ``entries`` gives it.
    fault : Out(1)
        Something is out of place.
    done, ends : Out(1)
        Every entry of the record was taken; it was the prefix's last.
    settle : In(1)
        Strobe: every entry of a prefix that ends with this record was merged.
    middle : Out(links)
        Further records of a prefix must follow.
    abort, ended : In(links)
        Strobes: the message, the epoch is over: the next prefix must be FULL.
    """

    def __init__(self, *, beat_bytes: int, links: int) -> None:
        self.beat_bytes = beat_bytes
        self.links = links
        super().__init__(
            {
                "enable": In(1),
                "slot": In(8),
                "som": In(1),
                "eom": In(1),
                "length": In(16),
                "body": In(beat_stream(beat_bytes)),
                "session_id": In(128),
                "peer_known": In(1),
                "peer_id": In(128),
                "entries": Out(stream.Signature(ReadEntry)),
                "introducing": Out(1),
                "introduced": Out(1),
                "fault": Out(1),
                "done": Out(1),
                "ends": Out(1),
                "settle": In(1),
                "middle": Out(links),
                "abort": In(links),
                "ended": In(links),
            }
        )

    def elaborate(self, platform):
        top = Module()
        m = Module()  # what is known of the record at hand
        top.submodules.record = ResetInserter(~self.enable)(m)
        beats = ENTRY_BYTES // self.beat_bytes
        channels = Array(Signal(Progress, name=f"progress_{i}", init={"due": 1}) for i in range(self.links))
        channel = channels[self.slot]

        # Descriptor and entries are words of 32 bytes.
        word = Signal(8 * ENTRY_BYTES)
        full = Signal()
        beat = Signal(range(beats))
        begun = Signal()  # the first cycle of the record is over
        described = Signal()  # the descriptor is read
        is_entry_0 = Signal()
        all_read = Signal()
        # What is still to come of the channel, and whether sessions are, as of a cycle ago: entries have two
        # beats or more, so it is right for each.
        no_sessions = Signal()
        sessions, externals = Signal(32), Signal(32)
        top.d.sync += [
            no_sessions.eq(channel.sessions == 0),
            sessions.eq(channel.sessions),
            externals.eq(channel.externals),
        ]
        descriptor = PrefixHeader(word)
        entry = Entry(word)
        use = Signal()
        is_descriptor = self.som & ~described

        # How many entries the prefix still has is added up in one cycle, and judged in the next, which is
        # before the first of them is complete.
        adding = Mux(self.som, full & is_descriptor, ~begun)
        judging, judged = Signal(), Signal()
        left = Signal(33)
        descriptor_parts = Signal(4, init=-1)  # what must hold of a descriptor, each by itself
        right = Signal()
        short = left <= RECORD_ENTRIES - self.som  # no further record
        fits = Mux(
            short, self.length == (left[:8] + self.som) * ENTRY_BYTES, self.length == RECORD_MAX_LENGTH
        )
        is_full = descriptor.flags == PrefixFlag.FULL
        is_delta = descriptor.flags == PrefixFlag.DELTA
        m.d.sync += [begun.eq(1), judging.eq(adding), judged.eq(judged | judging)]
        with m.If(adding):
            m.d.sync += left.eq(
                Mux(
                    self.som,
                    descriptor.n_sessions + descriptor.n_externals,
                    sessions + externals,
                )
            )
        with m.If(judging):
            m.d.sync += [right.eq(descriptor_parts.all() & fits & (short | ~self.eom)), self.ends.eq(short)]
        described_full = Signal()
        with m.If(full & is_descriptor):
            m.d.sync += [
                described.eq(1),
                described_full.eq(is_full),
                is_entry_0.eq(1),
                descriptor_parts.eq(
                    Cat(
                        descriptor.n_sessions != 0,
                        is_full | (is_delta & ~channel.due),
                        descriptor.reserved_0 == 0,
                        descriptor.reserved_1 == 0,
                    )
                ),
            ]

        # An id, with which its entry begins, is compared as it comes, in parts, and what they say is put
        # together while the rest of the entry comes.
        arrived = Cat(network(self.body.payload.data), word)[:128]
        id_ends = beat == 128 // 8 // self.beat_bytes - 1
        is_own, is_peer = Signal(ID_PARTS), Signal(ID_PARTS)
        impostor = Signal()
        m.d.sync += impostor.eq(is_own.all() | (self.peer_known & ~is_peer.all()))
        # What is in the way of an entry's place is no longer asked for: a record that failed is not read on.
        failed = Signal()
        with m.If(self.fault):
            m.d.sync += failed.eq(1)
        taken = self.entries.valid & self.entries.ready
        m.d.comb += [
            use.eq(full & (is_descriptor | (judged & self.entries.ready))),
            self.fault.eq(failed | (judged & (~right | (full & is_entry_0 & impostor)))),
            self.entries.payload.entry.eq(entry),
            self.entries.payload.external.eq(no_sessions),
            self.entries.valid.eq(full & ~is_descriptor & judged & ~self.fault),
            self.introducing.eq(full & is_entry_0),
            self.introduced.eq(taken & is_entry_0),
            self.body.ready.eq(self.enable & ~all_read & (~full | use)),
            self.done.eq(all_read & ~full & ~failed),
        ]
        with m.If(taken):
            m.d.sync += is_entry_0.eq(0)
        with m.If(use):
            m.d.sync += full.eq(0)
        with m.If(self.body.valid & self.body.ready):
            m.d.sync += [
                word.eq(Cat(network(self.body.payload.data), word)),
                beat.eq(beat + 1),
                full.eq(beat == beats - 1),
                all_read.eq(self.body.payload.last),
            ]
            with m.If(id_ends):
                m.d.sync += [
                    is_own.eq(_same_parts(arrived, self.session_id)),
                    is_peer.eq(_same_parts(arrived, self.peer_id)),
                ]

        # What outlives the record.
        describes = self.enable & full & is_descriptor
        for i, progress in enumerate(channels):
            here = self.slot == i
            with top.If(describes & here):
                top.d.sync += [
                    progress.middle.eq(1),
                    progress.sessions.eq(descriptor.n_sessions),
                    progress.externals.eq(descriptor.n_externals),
                ]
            with top.Elif(taken & here & no_sessions):
                top.d.sync += progress.externals.eq(progress.externals - 1)
            with top.Elif(taken & here):
                top.d.sync += progress.sessions.eq(progress.sessions - 1)
        with top.If(self.enable & judging & self.som):
            top.d.sync += channel.full.eq(described_full)
        with top.If(self.settle):
            top.d.sync += channel.middle.eq(0)
            with top.If(channel.full):
                top.d.sync += channel.due.eq(0)
        for i, progress in enumerate(channels):
            top.d.comb += self.middle[i].eq(progress.middle)
            with top.If(self.abort[i] | self.ended[i]):
                top.d.sync += progress.eq(Progress.const({"due": 1}))
        return top


def _same_parts(one, other):
    width = len(one) // ID_PARTS
    return Cat(one.word_select(n, width) == other.word_select(n, width) for n in range(ID_PARTS))
