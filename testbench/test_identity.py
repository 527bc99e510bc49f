"""Identities of components: equal exactly where what is elaborated is, and none where that cannot be told."""

from dataclasses import replace

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from interlock import rtlil
from interlock.device.held import Held
from interlock.device.identity import identity
from interlock_hdl.beat import Beat
from interlock_hdl.clear_seal import ClearSeal
from interlock_hdl.config import InterlockConfig, IssuePort, LogStore
from interlock_hdl.counter import FlopCounter
from interlock_hdl.crc32 import Crc32
from interlock_hdl.interlock import Interlock
from interlock_hdl.log.register_log import RegisterLog
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.record import Mode

SMALL = InterlockConfig(beat_bytes=4, links=2, log_entries=4, message_bytes=1024)

COMPONENTS = {
    "log of 3": lambda: RegisterLog(entries=3),
    "log of 4": lambda: RegisterLog(entries=4),
    "held log of 3": lambda: Held(RegisterLog(entries=3)),
    "seal": lambda: ClearSeal(beat_bytes=4, links=1),
    "wide seal": lambda: ClearSeal(beat_bytes=16, links=1),
    "seal of two links": lambda: ClearSeal(beat_bytes=4, links=2),
    "crc": lambda: Crc32(beat_bytes=4),
    "buffer": lambda: PacketBuffer(shape=Beat(4), depth=16),
    "deeper buffer": lambda: PacketBuffer(shape=Beat(4), depth=32),
    "counter": lambda: FlopCounter(issue_ports=(IssuePort(peak=4),), weights=SMALL.weights),
    "counter of a higher peak": lambda: FlopCounter(issue_ports=(IssuePort(peak=5),), weights=SMALL.weights),
    "opaque counter": lambda: FlopCounter(
        issue_ports=(IssuePort(peak=4, mode=Mode.OPAQUE),), weights=SMALL.weights
    ),
}


def test_equal_where_and_only_where_what_is_elaborated_is():
    texts = {name: rtlil.convert(make(), name="top") for name, make in COMPONENTS.items()}
    identities = {name: identity(make()) for name, make in COMPONENTS.items()}
    again = {name: identity(make()) for name, make in COMPONENTS.items()}
    assert None not in identities.values()
    assert identities == again
    assert len(set(identities.values())) == len(set(texts.values())) == len(COMPONENTS)


@pytest.mark.parametrize(
    "change",
    [
        {"links": 3},
        {"log_entries": 5},
        {"log_entries": 64, "log_store": LogStore.HASH},
        {"message_bytes": 2048},
        {"staging_messages": 3},
        {"digest_lanes": 0},
        {"beat_bytes": 16},
        {"issue_ports": (IssuePort(peak=3),)},
    ],
    ids=str,
)
def test_every_choice_of_a_build_counts(change):
    assert identity(Interlock(config=replace(SMALL, **change))) != identity(Interlock(config=SMALL))


def test_what_was_changed_since_it_was_made_counts():
    changed = RegisterLog(entries=3)
    changed.slots.pop()
    assert identity(changed) != identity(RegisterLog(entries=3))


class Stranger(wiring.Component):
    """Its source is not among the gateware's, so its text may change unseen."""

    o: Out(1)

    def elaborate(self, platform):
        return Module()


def test_none_where_it_cannot_be_told():
    assert identity(Stranger()) is None
    assert identity(Held(Stranger())) is None
    strange = RegisterLog(entries=3)
    strange.hidden = lambda: None
    assert identity(strange) is None
