"""What may go wrong, by name.  The command line prints one of these as one line and exits with 2."""


class InterlockError(Exception):
    """Base of every error that a user of this package can cause or repair.

    The text says what is wrong, where, and what to do about it.
    """


class ToolMissing(InterlockError):
    """A program that is needed for what was asked is not installed."""


class BuildFailed(InterlockError):
    """A compiler refused what it was given; the text says where its output is."""


class Malformed(InterlockError):
    """Bytes or values from outside do not have the form that was asked for."""
