"""Golden messages: headers by hand, what is refused, and how beats become messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlock.model.framing import Frames
from interlock.model.messages import HOST_KINDS, TX_KINDS, Kind, Message, MessageError
from interlock.wires import RawBeat, Segment

PORTS = {"tx": TX_KINDS, "host_in": HOST_KINDS}
HEADERS = {
    "peer": (bytes.fromhex("01 00 0001 000000000000000000000000"), Kind.PEER, 1),
    "export": (bytes.fromhex("02 00 0000 000000000000000000000000"), Kind.EXPORT, 0),
    "external": (bytes.fromhex("03 00 0000 000000000000000000000000"), Kind.EXTERNAL, 0),
}


STREAM = bytes.fromhex("01 01 0001 000000000000000000000102 0000ffffffffffff 0000000000000000")


def decode(data: bytes, port: str) -> Message:
    return Message.decode(data, kinds=PORTS[port], links=2, message_bytes=32)


@pytest.mark.parametrize(("name", "port"), [("peer", "tx"), ("export", "tx"), ("external", "host_in")])
@pytest.mark.parametrize("size", [0, 1, 32])
def test_a_message_is_what_the_specification_says(name, port, size):
    header, kind, slot = HEADERS[name]
    message = Message(kind, slot, b"p" * size)
    assert message.encode() == header + b"p" * size
    assert decode(header + b"p" * size, port) == message


def test_a_stream_has_a_second_header_and_any_length():
    message = Message(Kind.PEER, 1, b"p" * 100, bound=258, maximum=2**48 - 1)
    assert message.encode() == STREAM + b"p" * 100
    assert decode(STREAM + b"p" * 100, "tx") == message


@pytest.mark.parametrize(
    ("size", "is_broken", "sendable"), [(40, False, 40), (41, True, 32), (32, False, 32), (0, False, 0)]
)
def test_a_stream_that_is_longer_than_its_maximum_is_broken(size, is_broken, sendable):
    message = Message(Kind.PEER, 0, bytes(size), maximum=40)
    assert (message.is_broken, len(message.sendable)) == (is_broken, sendable)


@pytest.mark.parametrize(
    ("data", "port", "reason"),
    [
        (b"", "tx", "cut short"),
        (HEADERS["peer"][0][:15], "tx", "cut short"),
        (HEADERS["peer"][0], "host_in", "kind"),
        (HEADERS["export"][0], "host_in", "kind"),
        (HEADERS["external"][0], "tx", "kind"),
        *((bytes([kind]) + bytes(15), port, "kind") for kind in (0, 4, 5, 6, 7, 8, 255) for port in PORTS),
        *((bytes([2, 1 << bit]) + bytes(14), "tx", "flags") for bit in range(8)),
        *((bytes([1, 1 << bit]) + bytes(30), "tx", "flags") for bit in range(1, 8)),
        (bytes([3, 1]) + bytes(30), "host_in", "flags"),
        (STREAM[:31], "tx", "cut short"),
        (STREAM[:16], "tx", "cut short"),
        (STREAM[:3] + b"\2" + STREAM[4:], "tx", "peer"),
        (STREAM[:16] + bytes.fromhex("0001000000000000") + bytes(8), "tx", "maximum"),
        *((STREAM[:24] + bytes(n) + b"\1" + bytes(7 - n), "tx", "reserved") for n in range(8)),
        (bytes.fromhex("01000002") + bytes(12), "tx", "peer"),
        (bytes.fromhex("01000100") + bytes(12), "tx", "peer"),
        (bytes.fromhex("02000001") + bytes(12), "tx", "peer"),
        (bytes.fromhex("03000001") + bytes(12), "host_in", "peer"),
        *((bytes.fromhex("02000000") + bytes(n) + b"\1" + bytes(11 - n), "tx", "bound") for n in range(12)),
        (HEADERS["peer"][0] + bytes(33), "tx", "too long"),
    ],
)
def test_what_is_not_legal_is_refused_by_name(data, port, reason):
    with pytest.raises(MessageError) as error:
        decode(data, port)
    assert error.value.reason == reason


beats = st.lists(
    st.tuples(st.binary(min_size=4, max_size=4), st.integers(0, 15), st.booleans(), st.booleans()),
    max_size=12,
)


@given(beats)
def test_a_frame_is_without_fault_exactly_if_its_beats_keep_the_rules(sent):
    frames = Frames(4)
    for data, keep, first, last in sent:
        frames.put(RawBeat(data, keep, first, last))

    groups: list[list[tuple[bytes, int, bool, bool]]] = [[]]
    for beat in sent:
        groups[-1].append(beat)
        if beat[3]:
            groups.append([])
    groups = [group for group in groups if group]
    assert len(frames.queue) == len(groups)
    for frame, group in zip(frames.queue, groups, strict=True):
        first_is_right = [first for _, _, first, _ in group] == [True] + [False] * (len(group) - 1)
        full = all(keep == 15 for _, keep, _, last in group if not last)
        end_is_run = all(keep in (1, 3, 7, 15) for _, keep, _, last in group if last)
        assert (not frame.fault) == (first_is_right and full and end_is_run)
        assert frame.complete == group[-1][3]
        assert frame.beats == len(group)
        if not frame.fault:
            assert bytes(frame.data) == b"".join(data[: keep.bit_length()] for data, keep, _, _ in group)


def test_the_cut_into_segments_means_nothing():
    whole, pieces = Frames(4), Frames(4)
    whole.put(Segment(b"0123456789", True, True))
    pieces.put(Segment(b"0123", True, False))
    pieces.put(Segment(b"4567", False, False))
    pieces.put(Segment(b"89", False, True))
    (one,), (other,) = whole.queue, pieces.queue
    assert (one.data, one.beats, one.complete, one.fault) == (b"0123456789", 3, True, "")
    assert (other.data, other.beats, other.complete, other.fault) == (b"0123456789", 3, True, "")


@pytest.mark.parametrize(
    ("lost", "faults", "beats"),
    [
        (0, ["", "keep"], [3, 1]),
        (1, ["first", "keep"], [2, 1]),
        (2, ["first", "keep"], [1, 1]),
        (3, ["keep"], [1]),  # it was taken whole, and nobody had judged it
    ],
)
def test_what_follows_lost_beats_begins_anew(lost, faults, beats):
    frames = three_beats_and_one()
    assert frames.lose(lost)
    assert [frame.fault for frame in frames.queue] == faults
    assert [frame.beats for frame in frames.queue] == beats


def test_no_more_than_a_message_is_lost():
    frames = three_beats_and_one()
    assert not frames.lose(4)
    assert [frame.beats for frame in frames.queue] == [3, 1]


def three_beats_and_one() -> Frames:
    frames = Frames(4)
    frames.put(Segment(b"01234567", True, False))
    frames.put(Segment(b"89", False, True))
    frames.put(RawBeat(bytes(4), 0, True, False))
    return frames


def test_after_all_of_an_unfinished_message_is_lost_a_new_one_may_begin():
    frames = Frames(4)
    frames.put(RawBeat(bytes(4), 0, True, False))
    frames.put(Segment(b"0123", False, False))
    assert frames.lose(2)
    assert not frames.lose(1)
    frames.put(Segment(b"89", True, True))
    (frame,) = frames.queue
    assert (frame.data, frame.fault) == (b"89", "")


@pytest.mark.parametrize(
    "item",
    [
        Segment(b"", True, True),
        Segment(b"123", True, False),
        RawBeat(b"123", 7, True, True),
        RawBeat(b"1234", 16, True, True),
    ],
    ids=["no_bytes", "half_a_beat_that_goes_on", "a_beat_too_small", "keep_too_wide"],
)
def test_what_no_wire_can_carry_is_an_error(item):
    with pytest.raises(ValueError, match="beat"):
        Frames(4).put(item)
