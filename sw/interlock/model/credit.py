"""Credit: how much the two ends of a channel may send each other, so that a message that was begun ends."""

from interlock.model.messages import HEADER


def cost(size: int) -> int:
    """Bytes of credit that a message with ``size`` bytes of payload costs."""
    return HEADER.size + size + -size % 16


class Credit:
    """Both directions of one channel, in bytes since its epoch began.

    Parameters
    ----------
    staging_bytes : int
        What the node grants before anything was released.

    Attributes
    ----------
    allowed : int
        What the other end has granted.
    first_allowed : int, optional
        What it granted first; nothing that costs more can ever leave.
    spent : int
        Cost of the messages that were sent whole.
    granted : int, optional
        What the node has granted, once it has.
    received : int
        Cost so far of everything that was received and not aborted.
    released : int
        Cost of the messages that were released.
    """

    def __init__(self, staging_bytes: int) -> None:
        self.staging_bytes = staging_bytes
        self.end_epoch()

    def end_epoch(self) -> None:
        """Everything begins at nothing again."""
        self.allowed = self.spent = self.received = self.released = 0
        self.first_allowed: int | None = None
        self.granted: int | None = None

    def allow(self, amount: int) -> None:
        """The other end grants ``amount`` in all."""
        self.allowed = amount
        if self.first_allowed is None:
            self.first_allowed = amount

    def is_enough(self, size: int) -> bool:
        """Whether a message with ``size`` bytes of payload may start."""
        return self.first_allowed is not None and self.spent + cost(size) <= self.allowed

    def is_never_enough(self, size: int) -> bool:
        """Whether such a message can never leave in this epoch."""
        return self.first_allowed is not None and cost(size) > self.first_allowed

    @property
    def grantable(self) -> int:
        """The most that the node may grant by now; its first grant is all of an empty staging."""
        return self.staging_bytes + (0 if self.granted is None else self.released)

    @property
    def is_owed(self) -> bool:
        """Whether the other end could wait for a grant."""
        return self.granted is None or self.granted < self.grantable

    @property
    def is_overdrawn(self) -> bool:
        """Whether the other end has sent more than it was granted."""
        return self.received > (self.granted or 0)
