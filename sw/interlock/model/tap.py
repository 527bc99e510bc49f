"""Somebody who looks on at one direction of a link, and was told its keys."""

from interlock.model.channel import CLEAR, Channel, SealedChannel
from interlock.wires import Level


class Tap:
    """Knows what protects each record that leaves.

    Tell it of keys and levels in the order in which they come.

    Parameters
    ----------
    limits : int
        ``rekey_bits`` and ``stop_bits``, as of :class:`SealedChannel`.

    Attributes
    ----------
    key : bytes, optional
        Of the epoch; None on a CLEAR link.
    channel : Channel
    """

    def __init__(self, **limits: int) -> None:
        self.key: bytes | None = None
        self.channel: Channel = CLEAR
        self._next: tuple[bytes, int] | None = None
        self._is_up = False
        self._limits = limits

    def tell(self, key: bytes, number: int) -> None:
        """Key and channel number of the next epoch."""
        self._next = key, number

    def see(self, level: Level) -> bool:
        """Whether the keys that were told last are in force from here on.

        No epoch opens unless ``up`` rises, which it does not while keys are taken.
        """
        rises = level.up and not self._is_up
        self._is_up = level.up
        if not rises or self._next is None:
            return False
        self.key, number = self._next
        self.channel = SealedChannel(self.key, number, **self._limits)
        return True
