"""Attacks on sealed links, between two whole nodes in lockstep, by somebody who has no key.

Whatever he does to a record closes its channel, and nothing of it, nor of anything behind it, is released.
After that the channel is opened again, with other keys, and works.
"""

from collections.abc import Callable, Iterator

import pytest
from interlock.model.records import HEADER, RecordFlag, RecordType
from lib.middle import NUMBER, Act, Middle
from lib.nodes import BUILDS
from lib.parameters import generator

GOOD, BAD, BEHIND = 100, 200, 300
"""Where the payloads of the messages begin to count."""
LENGTH = 1000
"""Bytes of a message: two records, the second with padding."""


@pytest.fixture(scope="module")
def middle() -> Iterator[Middle]:
    middle = Middle(BUILDS["sealed"])
    yield middle
    middle.close()


def begin(middle: Middle) -> bytes:
    """Both links are open, and a message has passed; its payload."""
    for _ in range(2):  # what meets the end of its keys is lost, but not twice
        for slot in range(2):
            middle.taps[1].reopen(slot)
        middle.rest()
        middle.until(middle.is_open)
        middle.rest()  # what waited for the epoch has left
        middle.forget()
        good = middle.send(0, LENGTH, seed=GOOD)
        middle.rest()
        if middle.released() == [good]:
            return good
    raise AssertionError("nothing passes")


def strike(middle: Middle, act: Act, *, closes: bool = True) -> None:
    """Does something to the next records of link 0, and sees what comes of it."""
    middle.forget()
    middle.taps[0].act = act
    bad = [middle.send(0, LENGTH, seed=seed) for seed in (BAD, BEHIND)]
    middle.rest()
    middle.taps[0].act = None
    closed = middle.gateware(1).count("close")
    assert closed == closes
    assert middle.released() == ([] if closes else bad)


def once(change: Callable[[bytes], list[bytes]], *, of: RecordType = RecordType.PAYLOAD) -> Act:
    """Does that to the next record of a type, and lets everything else pass."""
    left = [1]

    def act(record: bytes) -> list[bytes]:
        if record[1] != of or not left:
            return [record]
        left.pop()
        return change(record)

    return act


def flipped(record: bytes, at: int, bit: int) -> bytes:
    return record[:at] + bytes([record[at] ^ 1 << bit]) + record[at + 1 :]


def test_any_bit_of_any_field_flipped(middle):
    """One of every field, and some of the rest; all of them are flipped where ``Open`` is alone."""
    random = generator()
    fields = [range(field.offset, field.offset + field.size) for field in HEADER.fields.values()]
    text = range(HEADER.size, HEADER.size + LENGTH)
    padding = range(text.stop, text.stop + -LENGTH % 16)
    tag = range(padding.stop, padding.stop + 16)
    drawn = [random.choice(part) for part in (*fields, *[text] * 3, padding, *[tag] * 3)]
    for at in (*drawn, tag[0], tag[-1]):
        begin(middle)
        strike(middle, once(lambda record, at=at: [flipped(record, at, random.randrange(8))]))
    for number in range(2):  # each time others
        assert middle.gateware(number).choices["key"] > 10


CHANGES: dict[str, Callable[[bytes], list[bytes]]] = {
    "replayed": lambda record: [record, record],
    "dropped": lambda record: [],
    "cut-in-the-header": lambda record: [record[:16]],
    "cut-before-the-tag": lambda record: [record[:-16]],
    "tag-cut-out": lambda record: [record[:-32] + record[-16:]],
    "extended": lambda record: [record + bytes(16)],
    "extended-within": lambda record: [record[:-16] + bytes(16) + record[-16:]],
    "two-in-one": lambda record: [record + record],
    "split": lambda record: [record[:32], record[32:]],
    "tag-of-zeros": lambda record: [record[:-16] + bytes(16)],
    "said-to-be-clear": lambda record: [record[:2] + bytes([record[2] | RecordFlag.CLEAR]) + record[3:]],
    "said-to-be-the-last": lambda record: [record[:2] + bytes([record[2] ^ RecordFlag.EOM]) + record[3:]],
    "said-to-be-another-type": lambda record: [flipped(record, 1, 0)],
    "said-to-be-shorter": lambda record: [record[:6] + (LENGTH - 1).to_bytes(2) + record[8:]],
    "said-to-be-later": lambda record: [flipped(record, 15, 0)],
    "said-to-be-of-another-channel": lambda record: [flipped(record, 5, 0)],
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("of", [RecordType.PREFIX, RecordType.PAYLOAD], ids=["prefix", "payload"])
def test_a_record_that_was_changed_closes_its_channel(middle, change, of):
    begin(middle)
    strike(middle, once(CHANGES[change], of=of))


def test_two_records_in_the_wrong_order(middle):
    begin(middle)
    kept: list[bytes] = []

    def swap(record: bytes) -> list[bytes]:
        kept.append(record)
        return {1: [], 2: [record, kept[0]]}.get(len(kept), [record])

    strike(middle, swap)


def stale(middle: Middle) -> list[bytes]:
    """The records of the message that just passed."""
    return [record for slot, record in middle.taps[0].seen if slot == 0 and record[1] != RecordType.CREDIT]


def test_a_record_of_the_message_before(middle):
    begin(middle)
    old = stale(middle)
    strike(middle, once(lambda record: [old[-1]]))


def said(middle: Middle, slot: int, *, number: int = 0) -> dict[bytes, bytes]:
    """What a node has said in an epoch, after some more messages: records by their number."""
    middle.send_all(slot, [LENGTH] * 4, seed=GOOD, number=number)
    middle.rest()
    return dict(middle.taps[number].said[slot])


def instead(others: dict[bytes, bytes], *, of: RecordType = RecordType.PAYLOAD) -> Act:
    """Another record of the same number; there must be one."""
    return once(lambda record: [others[record[NUMBER]]], of=of)


def test_a_record_of_another_epoch_with_the_right_number(middle):
    """Keys are of one epoch: what another one said in the same place is of no use."""
    begin(middle)
    others = said(middle, 0)
    strike(middle, once(lambda record: []))  # ends the epoch
    begin(middle)
    strike(middle, instead(others))


def test_a_record_of_another_session(middle):
    begin(middle)
    others = said(middle, 0)
    middle.taps[0].roll()
    begin(middle)
    strike(middle, instead(others))


def test_a_record_of_another_channel_with_the_right_number(middle):
    begin(middle)
    strike(middle, instead(said(middle, 1), of=RecordType.PREFIX))


def test_a_record_that_comes_back_to_whom_it_is_from(middle):
    """The same key must not serve both directions."""
    begin(middle)
    strike(middle, instead(said(middle, 0, number=1), of=RecordType.PREFIX))


def test_a_record_of_nobody(middle):
    random = generator()
    begin(middle)
    strike(middle, once(lambda record: [record[:16] + random.randbytes(len(record) - 16)]))
    begin(middle)
    strike(middle, once(lambda record: [random.randbytes(len(record))]))


def test_nothing_is_in_clear_on_the_wire(middle):
    good = begin(middle)
    wire = b"".join(record for _, record in middle.taps[0].seen)
    assert good[:32] not in wire
    assert middle.gateware(0).session_id not in wire


def test_what_nobody_changes_passes(middle):
    begin(middle)
    strike(middle, lambda record: [record], closes=False)


def test_another_node_behind_the_keys_is_refused(middle):
    """Entry 0 is the session that the keys were agreed with, or the channel closes."""
    begin(middle)
    middle.taps[1].peer = b"somebody else..."  # in keys that come from now on
    strike(middle, once(lambda record: []))
    middle.taps[1].reopen(0)
    middle.rest()
    middle.until(lambda: middle.is_open(0))
    middle.forget()
    middle.send(0, LENGTH, seed=BAD)
    middle.rest()
    middle.taps[1].peer = None
    assert middle.gateware(1).count("close") == 1
    assert middle.released() == []


def test_keys_that_are_used_up_are_replaced(middle):
    """At the hard stop the epoch ends; what was on its way is lost, and the next one has other keys."""
    begin(middle)
    middle.forget()
    keys = middle.gateware(0).choices["key"]
    bodies = middle.send_all(0, range(0, 640, 16), seed=GOOD)
    for _ in range(4):  # epochs
        middle.rest()
        middle.until(middle.is_open)
    assert middle.gateware(0).choices["key"] >= keys + 2
    assert middle.gateware(1).count("close") == 0
    released = middle.released()
    assert released == [body for body in bodies if body in released]
    assert bodies[-1] in released
    assert len(released) > 30
    numbers = [number for _, number in middle.gateware(0).nonces]
    assert max(numbers) == (1 << middle.config.stop_bits) - 1
