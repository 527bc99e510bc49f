"""Builds that have a name: instances of :class:`InterlockConfig` for ``interlock verilog`` and boards."""

from dataclasses import dataclass

from interlock_hdl.config import InterlockConfig, IssuePort, LinkProfile
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
        purpose="128-bit beats, two sealed links, an EVENTS matrix port and an EVENTS vector port",
        config=InterlockConfig(),
    ),
    "clear": Profile(
        purpose="the same with CLEAR links, for wiring that nobody can reach",
        config=InterlockConfig(profile=LinkProfile.CLEAR),
    ),
    "small": Profile(
        purpose="32-bit beats, one CLEAR link, short messages: quick to simulate, and to learn from",
        config=InterlockConfig(
            beat_bytes=4,
            links=1,
            issue_ports=(IssuePort(peak=32),),
            log_entries=4,
            message_bytes=1024,
            profile=LinkProfile.CLEAR,
        ),
    ),
    "ice40": Profile(
        purpose="32-bit beats, a CLEAR link, the smallest log: for parts with 16 KiB of block RAM, at 12 MHz",
        config=InterlockConfig(
            beat_bytes=4,
            links=1,
            issue_ports=(IssuePort(peak=2),),
            log_entries=2,
            message_bytes=256,
            profile=LinkProfile.CLEAR,
        ),
        status_period_log2=20,
    ),
}
"""Every profile, by name."""
