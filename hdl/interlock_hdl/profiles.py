"""Builds that have a name: instances of :class:`InterlockConfig` for ``interlock verilog`` and boards."""

from dataclasses import dataclass

from interlock_hdl.config import InterlockConfig, IssuePort
from interlock_hdl.status import STATUS_PERIOD_LOG2


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A build for the top, and what it is for.

    Parameters
    ----------
    purpose : str
        One line.
    config : InterlockConfig
    status_period_log2 : int
        Of the status, see :class:`StatusLimiter`.
    """

    purpose: str
    config: InterlockConfig
    status_period_log2: int = STATUS_PERIOD_LOG2


PROFILES = {
    "default": Profile(
        purpose="128-bit beats, two links, an EVENTS matrix port and an EVENTS vector port",
        config=InterlockConfig(),
    ),
    "small": Profile(
        purpose="32-bit beats, one link, short messages: quick to simulate, and to learn from",
        config=InterlockConfig(
            beat_bytes=4, links=1, issue_ports=(IssuePort(peak=32),), log_entries=4, message_bytes=1024
        ),
    ),
    "ice40": Profile(
        purpose="32-bit beats, one link, the smallest log: for parts with 16 KiB of block RAM, at 12 MHz",
        config=InterlockConfig(
            beat_bytes=4, links=1, issue_ports=(IssuePort(peak=2),), log_entries=2, message_bytes=256
        ),
        status_period_log2=20,
    ),
}
"""Every profile, by name."""
