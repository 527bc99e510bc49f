"""Golden outputs: bytes put in pieces come out as few segments, and may lose their end."""

import pytest
from interlock.model.outbox import Outbox
from interlock.wires import OpRun, Rolled, Segment


def filled() -> Outbox:
    """A message and a half, a mark, and another message and a half."""
    outbox = Outbox()
    outbox.put(b"01", first=True)
    outbox.put(b"23", last=True)
    outbox.put(b"45", first=True)
    outbox.note(Rolled())
    outbox.put(b"67", first=True, last=True)
    outbox.put(b"8", first=True)
    outbox.put(b"9")
    return outbox


def test_bytes_come_out_in_as_few_segments_as_there_are_messages():
    outbox = filled()
    assert outbox.take() == [
        Segment(b"0123", True, True),
        Segment(b"45", True, False),
        Rolled(),
        Segment(b"67", True, True),
        Segment(b"89", True, False),
    ]
    outbox.put(b"a", last=True)
    assert outbox.take() == [Segment(b"a", False, True)]
    outbox.put(b"b", first=True)
    outbox.put(b"c", first=True, last=True)
    assert outbox.take() == [Segment(b"b", True, False), Segment(b"c", True, True)]
    assert outbox.take() == []


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (0, []),
        (1, [Segment(b"6", True, False)]),
        (2, [Segment(b"67", True, True)]),
        (3, [Segment(b"67", True, True), Segment(b"8", True, False)]),
        (4, [Segment(b"67", True, True), Segment(b"89", True, False)]),
    ],
)
def test_only_what_came_after_the_last_mark_can_be_lost(keep, left):
    outbox = filled()
    offered = []

    def choose(size: int) -> int:
        offered.append(size)
        return keep

    outbox.cut(choose)
    assert offered == [4]
    assert outbox.take()[3:] == left


def test_what_nobody_takes_is_not_kept():
    outbox = Outbox(keep=False)
    outbox.put(b"01", first=True, last=True)
    outbox.note(OpRun(1, 2, 3))
    assert outbox.take() == []
