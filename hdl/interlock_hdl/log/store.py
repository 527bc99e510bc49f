"""The interface that every log store has, whatever it is made of (D6)."""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.log.answer import Answer
from interlock_hdl.record import Entry

EntryAddress = data.StructLayout({"index": 16, "external": 1})
"""Where an entry is: its section, and its index in it, in the order in which entries came in."""

MergeRequest = data.StructLayout({"entry": Entry, "external": 1, "own": 1})
"""``external``: the 256 bits are a digest, as a big-endian integer, and nothing else.

``own``: from inside this node, not from a peer.  The first such request makes session entry 0, later ones add
their provenance flags to it.  An external entry is never own.
"""

Announcement = data.StructLayout({"count": 96, "announced": 96})
"""``count``: the node's own FLOPs, freshly sampled.

``announced``: the most that is said of them anywhere, that is, with the bound of a stream that is being sent.
"""

ReadEntry = data.StructLayout({"entry": Entry, "address": EntryAddress})
"""An entry, and where it was read: of an external one, ``entry`` is the digest."""

MergeStream = stream.Signature(MergeRequest)
AnnounceStream = stream.Signature(Announcement)
ReadStream = stream.Signature(EntryAddress)
ReadEntryStream = stream.Signature(ReadEntry)


class StoreSignature(wiring.Signature):
    """The ports of a store, as it sees them itself.

    A store is a grow-only map from source to FLOPs beside a grow-only set of digests: session entries and
    external entries.  Nothing in it is ever lowered or dropped but by ``wipe``.  The two kinds are different
    keys even where their bits are equal, and share the capacity.

    What counts as *before*: a read that is accepted in some cycle shows every merge whose ``merged`` was up
    in an earlier cycle, and every announcement accepted in an earlier one, and nothing later than that.

    A store has the class attributes ``merge_latency``, cycles from a merge request to ``merged``, and
    ``read_latency``, cycles from a read request to its entry with nothing before it.

    Parameters
    ----------
    entries : int
        Entries that it holds, of both sections together.

    Members
    -------
    wipe : In(1)
        Holds the store in reset, and overwrites its memories.
    wiped : Out(1)
        That is complete.  Falls after ``wipe`` does.
    merge : In(MergeStream)
        Something to be merged (docs/specification.md, *Merge*).  Before there is a session entry 0, what
        comes from a peer is a CONFLICT.
    merged, answer : Out(1), Out(Answer)
        Strobe for each request, in order, and what became of it.
    own_ahead : Out(1)
        With ``merged``: a peer claims more FLOPs for this node's own id than had been announced a few
        cycles before.
    changed, changed_at : Out(1), Out(EntryAddress)
        With ``merged``: it added this entry, or changed its count or its flags.
    announce : In(AnnounceStream)
        ``count`` becomes that of session entry 0; ``announced`` is kept as a maximum, for ``own_ahead``.  A
        count that is lower than the one before is a fault.  Taken while there is an entry 0.
    read : In(ReadStream)
        Which entry to read, of those that there are.
    entries : Out(ReadEntryStream)
        An entry for each read, in order, read in one access, so never torn.
    n_sessions, n_externals : Out
        Entries held: what may be read from this cycle on.
    own_ready : Out(1)
        There is a session entry 0.
    fault : Out(1)
        Something inside is damaged.  Latched until ``wipe``.
    """

    def __init__(self, entries: int) -> None:
        self.capacity = entries
        super().__init__(
            {
                "wipe": In(1),
                "wiped": Out(1),
                "merge": In(MergeStream),
                "merged": Out(1),
                "answer": Out(Answer),
                "own_ahead": Out(1),
                "changed": Out(1),
                "changed_at": Out(EntryAddress),
                "announce": In(AnnounceStream),
                "read": In(ReadStream),
                "entries": Out(ReadEntryStream),
                "n_sessions": Out(range(entries + 1)),
                "n_externals": Out(range(entries + 1)),
                "own_ready": Out(1),
                "fault": Out(1),
            }
        )
