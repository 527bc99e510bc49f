"""What a log answers to a merge (docs/specification.md, *Merge*)."""

from amaranth.lib import enum


class Answer(enum.Enum, shape=2):
    """Anything but ``OK`` means that nothing was stored, and closes the channel that the entry came from."""

    OK = 0
    FULL = 1  # an unknown source, and no room for it
    CONFLICT = 2  # counted in another way than before, or a reserved flag
