"""External data: what has to be in the log before a message of the host is released."""

from dataclasses import dataclass
from typing import Self

from interlock.model.digest import tree_digest
from interlock.model.log import Answer, Log, ProvenanceFlag
from interlock.model.messages import Message


@dataclass(slots=True)
class External:
    """An EXTERNAL message that was accepted.

    Attributes
    ----------
    message : Message
    digest : bytes or None
        What the log has still to take before the mark.
    mark : ProvenanceFlag
        Of the node's own entry, from this message on.
    is_logged : bool
        The log has taken both.
    """

    message: Message
    digest: bytes | None
    mark: ProvenanceFlag
    is_logged: bool = False

    @classmethod
    def of(cls, message: Message, *, has_digest_core: bool) -> Self:
        if has_digest_core:
            return cls(message, tree_digest(message.payload), ProvenanceFlag.UNADMITTED)
        return cls(message, None, ProvenanceFlag.UNLOGGED)

    def merge(self, log: Log) -> Answer:
        """The digest goes to the log, or then the mark."""
        if self.digest is not None:
            digest, self.digest = self.digest, None
            return log.merge_external(digest)
        log.mark(self.mark)
        self.is_logged = True
        return Answer.OK
