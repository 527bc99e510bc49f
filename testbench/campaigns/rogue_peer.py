"""A peer that knows the rules, so that it can break them."""

from dataclasses import replace
from random import Random

from interlock.model.log import Entry
from interlock.model.records import RecordType
from lib.peer import Peer


class RoguePeer(Peer):
    """Knows how much it may send, and whether it is to send a FULL prefix; keeps to it or not.

    Attributes
    ----------
    spent : int
        Cost of what it has sent in this epoch, and has not aborted.
    allowed : int
        What the node has granted in it.
    owes_full : bool
        Its next prefix must be FULL.
    """

    def _begin(self) -> None:
        super()._begin()
        self.spent = self.allowed = self._looked_at = 0
        self.owes_full = True

    def look(self) -> None:
        super().look()
        for record in self.records[self._looked_at :]:
            if record[1] == RecordType.CREDIT:
                self.allowed = int.from_bytes(record[16:24])
            self.owes_full |= record[1] == RecordType.FULL_REQUEST
        self._looked_at = len(self.records)


def forged(random: Random, entries: list[Entry], *, own: bytes, announced: int) -> list[Entry]:
    """Entries with something wrong in them.

    Parameters
    ----------
    random : Random
    entries : list of Entry
        Right ones.
    own, announced :
        Id of the node that is going to hear of them, and its count.
    """
    match random.choice((0, 0, 0, 1, 2, 3, 4, 5)):
        case 0:  # flags, counting
            at = random.randrange(len(entries))
            known = entries[at]
            entries[at] = random.choice(
                (
                    replace(known, flags=1 << random.randrange(16)),
                    replace(known, mode=random.getrandbits(8), flags=1),
                    replace(known, weight_table=random.getrandbits(8), flags=1),
                )
            )
        case 1:  # the node's own id
            flops = max(0, announced + random.choice((0, -1, 1, 1)))
            entries.append(Entry(own, flops, 1, 1, 1))
        case 2:  # somebody else speaks
            entries[0] = Entry(random.choice((own, bytes(16))), 0, 1, 1, 1)
        case 3:  # so many sources
            entries += [Entry(random.randbytes(16), 1, 1, 1, 1) for _ in range(random.randint(1, 10))]
        case 4:
            entries = []
        case 5:  # twice
            entries += entries
    return entries
