"""Runs in the simulator: one LinkEpoch, cycle by cycle, with a software peer at the far end."""

from collections import deque

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from lib.parameters import generator, parameters


class Peer:
    """The far end as docs/specification.md, *Epochs*, has it: the rules a second time."""

    def __init__(self) -> None:
        self.up = self.heard = self.open = False
        self.allowed = True

    def step(self, levels: tuple[bool, bool]) -> None:
        far_up, far_heard = levels
        both = far_up and far_heard
        was_open, was_up = self.open, self.up
        self.open = self.allowed and was_up and both
        lost = was_open and not both
        self.up = self.allowed and (not lost if was_up else not far_heard and not was_open)
        self.heard = far_up


async def start(dut) -> None:
    for name in ("session_open", "close", "reopen", "peer__up", "peer__heard"):
        getattr(dut, name).value = 0
    dut.clean.value = dut.keyed.value = 1
    dut.rst.value = 1
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


def levels(dut) -> tuple[bool, bool]:
    return bool(int(dut.own__up.value)), bool(int(dut.own__heard.value))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def epochs_never_mix(dut):
    """Whatever falls, closes and reopens: an epoch's beats all come from one epoch of the peer."""
    rng = generator()
    delay = parameters()["delay"]
    await start(dut)
    peer = Peer()
    there: deque = deque([((False, False), None)] * delay)  # (levels, beat) on the way to the peer
    back: deque = deque([((False, False), None)] * delay)
    sent = {"node": 0, "peer": 0}  # beats sent in the running epoch
    epoch = {"node": 0, "peer": 0}
    arrived: dict[str, list] = {"node": [], "peer": []}
    epochs_seen = 0
    quiet = (
        0  # cycles for which a session stays as it is: longer than a round trip (see the assumption there)
    )

    def judge(who: str) -> None:
        """What arrived in an epoch is the start of one epoch of the other side, without a gap."""
        beats = arrived[who]
        assert len({e for e, _ in beats}) <= 1, f"{who} took beats of two epochs: {beats}"
        assert [n for _, n in beats] == list(range(len(beats))), f"{who} lost beats: {beats}"
        beats.clear()

    session_open = node_was_open = peer_was_open = False
    keyed = True
    for _ in range(30000):
        await FallingEdge(dut.clk)
        node_open, peer_open = bool(int(dut.open.value)), peer.open
        quiet -= 1
        if quiet <= 0 and rng.random() < 0.02:
            who = rng.choice(("node", "keys", "peer"))
            if who == "node":
                session_open = not session_open
            elif who == "keys":
                keyed = not keyed
            else:
                peer.allowed = not peer.allowed
            quiet = 2 * delay + 4
        dut.session_open.value, dut.keyed.value = session_open, keyed
        # A channel can only be closed by what arrives in its epoch.
        closing = node_open and rng.random() < 0.005
        dut.close.value = closing
        dut.reopen.value = rng.random() < 0.02
        dut.clean.value = rng.random() < 0.8

        # The first beat of an epoch leaves at least one cycle after it opened, so levels are ahead of beats.
        node_sends, peer_sends = node_open and node_was_open, peer_open and peer_was_open
        node_was_open, peer_was_open = node_open, peer_open
        there.append((levels(dut), ("node", epoch["node"], sent["node"]) if node_sends else None))
        back.append(((peer.up, peer.heard), ("peer", epoch["peer"], sent["peer"]) if peer_sends else None))
        sent["node"] += node_sends
        sent["peer"] += peer_sends

        to_peer, beat = there.popleft()
        if beat and peer_open:
            arrived["peer"].append(beat[1:])
        to_node, beat = back.popleft()
        if beat and node_open:
            arrived["node"].append(beat[1:])
        dut.peer__up.value, dut.peer__heard.value = to_node

        if int(dut.ended.value):
            judge("node")
            epoch["node"] += 1
            sent["node"] = 0
            epochs_seen += 1
            assert not int(dut.own__up.value), "up falls with the epoch"
        peer.step(to_peer)
        if peer_open and not peer.open:
            judge("peer")
            epoch["peer"] += 1
            sent["peer"] = 0
    assert epochs_seen > 10, epochs_seen


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def without_keys_there_is_no_epoch(dut):
    """``up`` waits for them, an epoch ends with them, and ``down`` says when nothing is left of it."""
    await start(dut)
    dut.session_open.value, dut.keyed.value = 1, 0
    for _ in range(10):
        await FallingEdge(dut.clk)
        assert levels(dut) == (False, False)
        assert dut.down.value == 1
    dut.keyed.value = 1
    await FallingEdge(dut.clk)
    assert (dut.own__up.value, dut.open.value, dut.down.value) == (1, 0, 0)
    dut.peer__up.value = dut.peer__heard.value = 1
    await FallingEdge(dut.clk)
    assert (dut.open.value, dut.opened.value) == (1, 1)
    dut.keyed.value = 0
    seen = []
    for _ in range(3):
        await FallingEdge(dut.clk)
        seen.append([int(getattr(dut, name).value) for name in ("own__up", "open", "ended", "down")])
    assert seen == [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1]]


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_closed_channel_stays_closed_until_reopened(dut):
    """close → down for good; reopen → up again; a new session reopens too."""
    await start(dut)

    async def settle(cycles: int = 8) -> None:
        for _ in range(cycles):
            await FallingEdge(dut.clk)
            up, _ = levels(dut)
            dut.peer__up.value, dut.peer__heard.value = 1, up

    dut.session_open.value = 1
    await settle()
    assert int(dut.open.value) == 1
    for way_out in ("reopen", "session"):
        dut.close.value = 1
        await FallingEdge(dut.clk)
        dut.close.value = 0
        assert int(dut.open.value) == 0
        assert int(dut.own__up.value) == 0
        await settle(30)
        assert int(dut.own__up.value) == 0, "it stays closed by itself"
        if way_out == "reopen":
            dut.reopen.value = 1
            await FallingEdge(dut.clk)
            dut.reopen.value = 0
        else:
            dut.session_open.value = 0
            await settle(2)
            dut.session_open.value = 1
        await settle()
        assert int(dut.open.value) == 1, way_out


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def up_waits_for_clean_buffers_and_the_peers_low(dut):
    await start(dut)
    dut.session_open.value = 1
    dut.clean.value = 0
    for _ in range(5):
        await FallingEdge(dut.clk)
        assert int(dut.own__up.value) == 0, "old beats are still buffered"
    dut.clean.value = 1
    dut.peer__heard.value = 1
    for _ in range(5):
        await FallingEdge(dut.clk)
        assert int(dut.own__up.value) == 0, "the peer has not heard the fall"
    dut.peer__heard.value = 0
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    assert int(dut.own__up.value) == 1
