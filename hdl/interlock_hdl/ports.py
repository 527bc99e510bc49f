"""Signatures of the ports that more than one block has."""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import Beat, beat_stream
from interlock_hdl.log.store import MergeRequest as MergeRequest
from interlock_hdl.log.store import MergeStream as MergeStream
from interlock_hdl.record import Entry


class LinkLevels(wiring.Signature):
    """The two levels that travel beside the beats of one direction of a CLEAR link, ordered with them."""

    def __init__(self) -> None:
        super().__init__({"up": Out(1), "heard": Out(1)})


class LinkPort(wiring.Signature):
    """One bidirectional link, seen from the node."""

    def __init__(self, beat_bytes: int) -> None:
        super().__init__(
            {
                "tx": Out(beat_stream(beat_bytes)),
                "tx_levels": Out(LinkLevels()),
                "rx": In(beat_stream(beat_bytes)),
                "rx_levels": In(LinkLevels()),
            }
        )


def slot_shape(links: int) -> range | int:
    """Of the number of a slot; a single one has a bit, too."""
    return range(links) if links > 1 else 1


class RecordBeat(data.StructLayout):
    """A beat of a record on its way from egress to seal, with the slot that it goes to."""

    def __init__(self, beat_bytes: int, links: int) -> None:
        super().__init__({**Beat(beat_bytes).members, "slot": slot_shape(links)})


ScannedEntry = data.StructLayout({"entry": Entry, "external": 1, "last": 1})
"""``external``: the 256 bits of ``entry`` are a digest."""

EntryStream = stream.Signature(ScannedEntry)
