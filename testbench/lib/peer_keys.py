"""Keys of the other end of a link, in software: records are made and read in clear, and sealed to be sent."""

from collections.abc import Mapping
from random import Random
from zlib import crc32

from interlock.model.channel import SealedChannel
from interlock.model.keys import LinkKeys
from interlock.model.records import HEADER, TAG_BYTES, RecordFlag, decode_record, padding
from interlock.model.tap import Tap
from interlock.wires import Level, Node, Segment

from lib.clear import encode_tail

FLAGS = HEADER.fields["flags"].offset
FAR = 1 << 16
"""More records than a peer sends in an epoch."""


class PeerKeys:
    """Agrees with a node on keys, whenever that wants some.  On a CLEAR link it does nothing.

    Parameters
    ----------
    node : Node
    slot, session_id : int
        Of the link, and of whoever is at its other end.
    limits : mapping
        ``rekey_bits`` and ``stop_bits`` of the node, where they are not the usual ones.
    """

    def __init__(self, node: Node, slot: int, session_id: int, limits: Mapping[str, int]) -> None:
        self._node, self._slot, self._session_id, self._limits = node, slot, session_id, limits
        self._random = Random(session_id)
        self._tap = Tap(**limits)
        self._next: SealedChannel | None = None
        self._channel: SealedChannel | None = None  # to send with

    def agree(self) -> None:
        """Gives the node keys if it waits for some."""
        if not self._node.wants_keys(self._slot):
            return
        random = self._random
        keys = LinkKeys(
            self._slot,
            random.getrandbits(16),
            self._session_id.to_bytes(16),
            random.randbytes(32),
            random.randbytes(32),
        )
        self._node.push_keys([Segment(keys.encode(), first=True, last=True)])
        self._tap.tell(keys.send, keys.channel)
        self._next = SealedChannel(keys.receive, keys.channel, **self._limits)

    def see(self, level: Level) -> None:
        """A level of the node."""
        if self._tap.see(level):
            self._channel = self._next

    def seal(self, record: bytes) -> bytes:
        """A record as it goes over the wire; what is wrong with it still is."""
        if self._channel is None or len(record) < HEADER.size:
            return record
        fields = HEADER.unpack(record)
        header = bytearray(record[: HEADER.size])
        header[FLAGS] ^= RecordFlag.CLEAR
        header[4:6] = (fields["channel"] ^ self._channel.number).to_bytes(2)
        end = HEADER.size + fields["length"]
        tag = end + padding(fields["length"])
        # A number that is far from any that can be right has no key: one is as wrong as the other.
        seq = fields["seq"] if fields["seq"] < FAR else 0
        protecting = self._channel.protect(seq, bytes(header))
        body = protecting.add(record[HEADER.size : end])
        right = encode_tail(crc32(record[:end]), 0)
        changed = bytes(a ^ b for a, b in zip(right, record[tag : tag + TAG_BYTES], strict=False))
        sealed = bytes(a ^ b for a, b in zip(protecting.tag(), changed, strict=False))
        return bytes(header) + body + record[end:tag] + sealed + record[tag + TAG_BYTES :]

    def open(self, record: bytes) -> bytes:
        """What a record of the node says, as it would be on a CLEAR link; fails if it is wrong."""
        if self._tap.key is None:
            return record
        seq = HEADER.unpack(record)["seq"]
        return decode_record(record, seq=seq, channel=self._tap.channel).encode()
