"""Lockstep: two nodes that do the same are left alone; whatever differs is reported, and where."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from interlock.device.compare import Mismatch
from interlock.device.golden import GoldenEngine
from interlock.device.lockstep import LockstepNode
from interlock.model.accelerator import EventRun
from interlock.model.messages import Kind, Message
from interlock.model.node import GoldenNode
from interlock.model.parameters import NodeParameters
from interlock.model.scheduler import PlainScheduler, SeededScheduler
from interlock.wires import Event, Level, OpRun, Rolled, Segment
from lib.golden_bench import peer_entry
from lib.scripted import HandPeer, ScriptedAccelerator, external

PARAMETERS = NodeParameters(links=2, message_bytes=8192, digest_lanes=0, is_sealed=False)
CREDIT = 16 + 8 + 8 + 16
Tamper = Callable[[list], list]


class Tampered(GoldenEngine):
    """A node under test, one of whose outputs is changed on its way."""

    tampers: dict[str, Tamper]

    def _through(self, name: str, items: list) -> list:
        return self.tampers.get(name, list)(list(items))

    def pop_link(self, slot):
        return self._through(f"link{slot}", super().pop_link(slot))

    def pop_host(self):
        return self._through("host", super().pop_host())

    def pop_tx(self):
        return self._through("tx", super().pop_tx())

    def pop_rx(self):
        return self._through("rx", super().pop_rx())

    def pop_operations(self, port):
        return self._through(f"port{port}", super().pop_operations(port))

    def pop_schedule(self):
        return self._through("schedule", super().pop_schedule())


def scripted() -> GoldenNode:
    """A node with a program."""
    accelerator = ScriptedAccelerator()
    accelerator.compute(0, 16, 100)
    accelerator.compute(1, 4, 7, op_class=0x12)
    accelerator.send(Message(Kind.PEER, 0, bytes(range(250)) * 20))
    accelerator.compute(0, 16, 10)
    accelerator.send(Message(Kind.EXPORT, 0, b"weights"))
    return GoldenNode(parameters=PARAMETERS, accelerator=accelerator, maker=1, serial=2, watch=True)


def run(
    tampers: dict[str, Tamper], *, then: Callable[[LockstepNode, HandPeer], None] | None = None
) -> LockstepNode:
    """One message in and out on link 0, one of the host, one export, and whatever comes ``then``."""
    engine = Tampered(scripted(), PlainScheduler())
    engine.tampers = tampers
    node = LockstepNode(engine, scripted(), name="n")
    peer = HandPeer()
    node.push_random([3, 4, 5, 6])
    node.push_host([external(b"data")])
    node.run(100)
    node.push_link(0, peer.rise())
    node.run(100)
    node.push_link(0, [peer.credit(), *peer.message([peer_entry()], b"hello")])
    node.run(100)
    if then:
        then(node, peer)
    node.finish()
    return node


def on_nth(kind: type, nth: int, change: Callable[[object], list]) -> Tamper:
    """Changes the ``nth`` item of its kind that passes, counted over all that passes."""
    count = -1

    def tamper(items: list) -> list:
        nonlocal count
        result = []
        for item in items:
            count += isinstance(item, kind)
            result += change(item) if isinstance(item, kind) and count == nth else [item]
        return result

    return tamper


def flip(nth: int, at: int) -> Tamper:
    """Another bit in byte ``at`` of a message or record."""

    def change(segment: Segment) -> list:
        data = bytearray(segment.data)
        data[at] ^= 0x10
        return [replace(segment, data=bytes(data))]

    return on_nth(Segment, nth, change)


def drop(kind: type, nth: int) -> Tamper:
    return on_nth(kind, nth, lambda item: [])


def test_equal_nodes_are_left_alone_and_every_byte_is_counted_once():
    node = run({})
    assert node.bytes_compared == {
        "link0.tx": 2 * CREDIT + (16 + 32 + 64 + 16) + (16 + 4096 + 16) + (16 + 904 + 8 + 16),
        "link1.tx": 0,
        "host_out": (16 + 64) + (16 + 197) + (16 + 7),
        "accelerator.tx": (16 + 5000) + (16 + 7),
        "accelerator.rx": (16 + 4) + (16 + 5),
    }
    assert node.events_compared == {0: 110, 1: 7}


@pytest.mark.parametrize("size", [1, 16, 48, 10_000])
def test_how_bytes_are_cut_into_segments_means_nothing(size):
    def cut(segment: Segment) -> list:
        pieces = [segment.data[at : at + size] for at in range(0, len(segment.data), size)]
        return [
            Segment(piece, segment.first and number == 0, segment.last and number == len(pieces) - 1)
            for number, piece in enumerate(pieces)
        ]

    assert (
        run({"link0": on_nth(Segment, 1, cut), "tx": on_nth(Segment, 0, cut)}).bytes_compared
        == run({}).bytes_compared
    )


@pytest.mark.parametrize(
    ("wire", "nth", "at", "name", "message", "field"),
    [
        ("link0", 0, 0, "n.link0.tx", 0, "version"),
        ("link0", 0, 23, "n.link0.tx", 0, "credit.granted"),
        ("link0", 1, 15, "n.link0.tx", 1, "seq"),
        ("link0", 2, 48 + 27, "n.link0.tx", 2, "entry 0.flops"),
        ("link0", 2, 48 + 31, "n.link0.tx", 2, "entry 0.flags"),
        ("link0", 2, 112, "n.link0.tx", 2, "tag.crc"),
        ("link0", 2, 127, "n.link0.tx", 2, "tag.zero"),
        ("link0", 3, 4111, "n.link0.tx", 3, "payload"),
        ("link0", 4, 16 + 904, "n.link0.tx", 4, "padding"),
        ("link0", 4, 16 + 912, "n.link0.tx", 4, "tag.crc"),
        ("host", 0, 16 + 16, "n.host_out", 0, "entry 0.flops"),
        ("host", 1, 60, "n.host_out", 1, "summary.session_id (key 1)"),
        ("host", 1, 16 + 196, "n.host_out", 1, "summary.ticks (key 11)"),
        ("host", 2, 16, "n.host_out", 2, "payload"),
        ("tx", 0, 3, "n.accelerator.tx", 0, "peer"),
        ("tx", 1, 16 + 6, "n.accelerator.tx", 1, "payload"),
        ("rx", 1, 16, "n.accelerator.rx", 1, "payload"),
    ],
)
def test_a_different_byte_is_reported_by_name_and_place(wire, nth, at, name, message, field):
    with pytest.raises(Mismatch) as error:
        run({wire: flip(nth, at)})
    found = error.value
    assert (found.wire, found.message, found.field, found.offset) == (name, message, field, at)
    assert f"{field}, byte {at}" in str(found)
    assert str(found).endswith(f"before cycle {found.cycle}")
    assert found.cycle in (100, 200, 300)


FRAMING = {
    "first_missing": lambda s: [replace(s, first=False)],
    "last_missing": lambda s: [replace(s, last=False)],
    "a_byte_missing": lambda s: [replace(s, data=s.data[:-1])],
    "a_byte_too_many": lambda s: [replace(s, data=s.data + b"\0")],
    "first_again": lambda s: [replace(s, data=s.data[:16], last=False), replace(s, data=s.data[16:])],
    "last_early": lambda s: [replace(s, data=s.data[:16]), replace(s, data=s.data[16:], first=False)],
    "twice": lambda s: [s, s],
    "never": lambda s: [],
}


@pytest.mark.parametrize("wire", ["link0", "host", "tx", "rx"])
@pytest.mark.parametrize("how", FRAMING)
@pytest.mark.parametrize("nth", [0, 1])
def test_different_framing_is_reported(wire, how, nth):
    name = {"link0": "n.link0.tx", "host": "n.host_out", "tx": "n.accelerator.tx", "rx": "n.accelerator.rx"}[
        wire
    ]
    with pytest.raises(Mismatch) as error:
        run({wire: on_nth(Segment, nth, FRAMING[how])})
    assert error.value.wire in (name, "n")
    assert name in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: [replace(run, count=run.count + 1)],
        lambda run: [replace(run, op_class=0x22)],
        lambda run: [replace(run, repeat=run.repeat - 1)],
        lambda run: [replace(run, repeat=run.repeat + 1)],
        lambda run: [],
        lambda run: [run, run],
    ],
    ids=["count", "class", "one_less", "one_more", "none", "twice"],
)
@pytest.mark.parametrize("port", [0, 1])
def test_different_op_events_are_reported(port, change):
    with pytest.raises(Mismatch, match=rf"n\.accelerator\.port{port}"):
        run({f"port{port}": on_nth(OpRun, 0, change)})


def test_runs_of_op_events_may_be_cut_anywhere():
    cut = on_nth(OpRun, 0, lambda run: [replace(run, repeat=1), replace(run, repeat=run.repeat - 1)])
    assert run({"port0": cut}).events_compared == {0: 110, 1: 7}


LEVELS = {
    "heard_never_rises": drop(Level, 1),
    "up_falls": on_nth(Level, 0, lambda item: [item, replace(item, up=False), item]),
    "heard_falls": on_nth(Level, 1, lambda item: [item, replace(item, heard=False), item]),
    "none": lambda items: [item for item in items if not isinstance(item, Level)],
}


@pytest.mark.parametrize("how", LEVELS)
def test_different_levels_are_reported(how):
    with pytest.raises(Mismatch, match=r"n\.link0\.tx"):
        run({"link0": LEVELS[how]})


def test_levels_that_change_in_one_cycle_may_be_told_at_once():
    assert run({"link0": drop(Level, 0)}).bytes_compared == run({}).bytes_compared


def test_bytes_before_the_epoch_are_reported():
    def early(items: list) -> list:
        return sorted(items, key=lambda item: not isinstance(item, Segment))

    with pytest.raises(Mismatch, match=r"n\.link0\.tx"):
        run({"link0": early})


@pytest.mark.parametrize("name", ["opened", "sample", "merge", "release", "read", "record"])
def test_an_illegal_choice_is_reported_as_one(name):
    def forget(items: list[Event]) -> list[Event]:
        return [event for event in items if event.name != name]

    with pytest.raises(Mismatch):
        run({"schedule": forget})


def test_the_first_illegal_choice_names_its_rule():
    def early(items: list[Event]) -> list[Event]:
        return [Event(0, "opened"), *items]

    with pytest.raises(Mismatch, match=r"n\.schedule: cycle 0: opened.*every word") as error:
        run({"schedule": early})
    assert error.value.wire == "n.schedule"


def roll(node: LockstepNode, peer: HandPeer) -> None:
    """A new session, then an EXPORT in it."""
    node.roll()
    node.run(1)
    node.push_link(0, peer.fall())
    node.run(100)


def test_what_the_accelerator_did_in_the_run_of_a_roll_is_compared():
    node = LockstepNode(GoldenEngine(scripted(), PlainScheduler()), scripted())
    node.roll()
    node.run(10)
    node.finish()
    assert node.bytes_compared["accelerator.tx"] == 16 + 5000
    assert node.events_compared == {0: 100, 1: 7}


def test_a_request_for_a_full_prefix_goes_to_both():
    def ask(node: LockstepNode, peer: HandPeer) -> None:
        node.request_full(0)
        node.run(10)

    assert run({}, then=ask).bytes_compared["link0.tx"] == run({}).bytes_compared["link0.tx"] + 32


def streaming() -> GoldenNode:
    """A node with a stream that keeps to its bound, one that does not, and one that is too long."""
    accelerator = ScriptedAccelerator()
    work = EventRun(0, 0x21, 16, 3)
    accelerator.stream(0, bytes(5000), work, bytes(5000), bound=96, maximum=10_000)
    accelerator.stream(0, bytes(5000), work, bytes(5000), bound=95, maximum=10_000)
    accelerator.stream(0, bytes(5000), work, bytes(5000), bound=96, maximum=9_999)
    return GoldenNode(parameters=PARAMETERS, accelerator=accelerator, maker=1, serial=2, watch=True)


@pytest.mark.parametrize("seed", range(10))
def test_streams_are_cut_anywhere_and_followed(seed):
    """A seeded scheduler may sample so late that the first one overruns, too."""
    node = LockstepNode(GoldenEngine(streaming(), SeededScheduler(seed)), streaming())
    peer = HandPeer()
    node.push_random([3, 4])
    for items in (peer.rise(), [peer.credit()]):
        node.push_link(0, items)
        node.run(2000)
    node.finish()
    assert node.bytes_compared["accelerator.tx"] == 3 * 10_032


def test_a_session_that_ends_may_leave_things_undone():
    """The link's last record and the export are lost with the session, which lockstep accepts."""

    def cut(items: list) -> list:
        return [item for item in items if isinstance(item, Rolled)]

    run({"host": cut}, then=roll)


def test_an_epoch_that_ends_may_leave_half_a_record():
    half = on_nth(Segment, 4, lambda s: [replace(s, data=s.data[:16], last=False)])
    run({"link0": half}, then=roll)


@pytest.mark.parametrize("nth", [0, 1])
def test_what_was_left_out_before_something_else_is_reported(nth):
    with pytest.raises(Mismatch, match=r"n\.host_out"):
        run({"host": drop(Segment, nth)}, then=roll)


@pytest.mark.parametrize("wire", ["host", "tx", "rx"])
def test_a_new_session_that_is_not_told_is_reported(wire):
    with pytest.raises(Mismatch):
        run({wire: drop(Rolled, 0)}, then=roll)


def test_bytes_of_the_old_session_in_the_new_one_are_reported():
    late: list[Segment] = []

    def delay(items: list) -> list:
        for item in [item for item in items if isinstance(item, Segment)]:
            late.append(item)
        rolled = [item for item in items if isinstance(item, Rolled)]
        return [*rolled, *late] if rolled else []

    with pytest.raises(Mismatch, match=r"n\.host_out"):
        run({"host": delay}, then=roll)


def test_a_run_that_ends_too_early_is_reported():
    engine = GoldenEngine(scripted(), PlainScheduler())
    node = LockstepNode(engine, scripted(), name="n")
    node.push_random([3, 4])
    node.run(4)
    with pytest.raises(Mismatch, match=r"outstanding: .*, before cycle 4$"):
        node.finish()


def test_lockstep_wants_to_see_the_accelerator():
    node = GoldenNode(parameters=PARAMETERS, accelerator=ScriptedAccelerator(), maker=1, serial=2)
    with pytest.raises(ValueError, match="watch=True"):
        LockstepNode(GoldenEngine(node, PlainScheduler()), node)
