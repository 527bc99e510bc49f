"""What every store of a log offers, whatever it is made of (D6)."""

from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from interlock_hdl.log.answer import Answer
from interlock_hdl.ports import MergeStream
from interlock_hdl.record import Entry

EntryAddress = data.StructLayout({"index": 16, "external": 1})
"""Place of an entry in its section, sessions or externals, each in the order in which the log got them."""

Announcement = data.StructLayout({"count": 96, "announced": 96})
"""``count``: the node's own FLOPs, as sampled.  ``announced``: what a prefix says of them, no less."""

StoredEntry = data.StructLayout({"entry": Entry, "address": EntryAddress})


def store_members(entries: int) -> dict:
    """The ports that every store has.

    A read accepted in cycle t sees every merge whose ``merged`` strobe was in a cycle before t, and none
    whose strobe is in t or later; and the count of every announcement accepted before t.

    Parameters
    ----------
    entries : int
        Sessions and externals that it holds, together.

    Members
    -------
    wipe, wiped : In(1), Out(1)
        Everything back to empty, and that this is done.
    merge : In(MergeStream)
        A peer's entry, an external, or with ``own`` an entry from inside this node.  Before there is an entry
        0, anything but ``own`` is a CONFLICT.
    merged, answer : Out(1), Out(Answer)
        Strobe for each request, in order, and what became of it.
    own_ahead : Out(1)
        With ``merged``: a peer claims more FLOPs for this node's id than this session has announced.
    changed, changed_at : Out(1), Out(EntryAddress)
        With ``merged``: this merge added the entry, or changed its count or flags.
    announce : In(stream of Announcement)
        ``count`` becomes that of entry 0; one below what is there is a fault.  The largest ``announced`` is
        what ``own_ahead`` compares with.
    read : In(stream of EntryAddress)
        An entry that there is.
    entries : Out(stream of StoredEntry)
        What was read, in order.
    n_sessions, n_externals : Out(range(entries + 1))
        Entries held.
    own_ready : Out(1)
        Entry 0 exists.
    fault : Out(1)
        Latched until ``wipe``.
    """
    return {
        "wipe": In(1),
        "wiped": Out(1),
        "merge": In(MergeStream),
        "merged": Out(1),
        "answer": Out(Answer),
        "own_ahead": Out(1),
        "changed": Out(1),
        "changed_at": Out(EntryAddress),
        "announce": In(stream.Signature(Announcement)),
        "read": In(stream.Signature(EntryAddress)),
        "entries": Out(stream.Signature(StoredEntry)),
        "n_sessions": Out(range(entries + 1)),
        "n_externals": Out(range(entries + 1)),
        "own_ready": Out(1),
        "fault": Out(1),
    }
