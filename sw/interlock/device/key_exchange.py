"""Keys for both ends of a link, in the place of a handshake between them."""

import hashlib
from collections.abc import Iterator, Sequence

from interlock.device.joins import End, Join
from interlock.model.gcm import KEY_BYTES
from interlock.model.keys import LinkKeys
from interlock.wires import Node, Segment


class KeyExchange:
    """Gives both ends of a link new keys whenever one of them waits for some, and both have a session.

    It knows every key, as no attacker does, and for the same seed they are the same ones: for simulations.

    Parameters
    ----------
    joins : sequence of Join
    seed : int
    """

    def __init__(self, joins: Sequence[Join], *, seed: int = 0) -> None:
        self._joins = joins
        self._seed = seed
        self._made = 0

    def serve(self, nodes: Sequence[Node]) -> Iterator[tuple[End, list[Segment]]]:
        """What goes to which end now."""
        for number, ends in enumerate(self._joins):
            if not any(nodes[end.node].wants_keys(end.slot) for end in ends):
                continue
            sessions = [nodes[end.node].session_id for end in ends]
            if sessions[0] is None or sessions[1] is None:
                continue
            there, back = self._key(), self._key()
            for end, peer, send, receive in (
                (ends[0], sessions[1], there, back),
                (ends[1], sessions[0], back, there),
            ):
                keys = LinkKeys(end.slot, number & 0xFFFF, peer, send, receive)
                yield end, [Segment(keys.encode(), first=True, last=True)]

    def _key(self) -> bytes:
        """Another one."""
        self._made += 1
        made = hashlib.sha256(b"key %d of seed %d" % (self._made, self._seed)).digest()
        return made[:KEY_BYTES]
