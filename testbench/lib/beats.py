"""Messages as beats, and back: what a bench sends and checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BeatValue:
    """One beat, as ``interlock_hdl.beat.Beat`` has it.  ``data`` is as many bytes as the beat has."""

    data: bytes
    keep: int
    first: bool
    last: bool

    @classmethod
    def of(cls, fields: dict[str, Any], beat_bytes: int) -> "BeatValue":
        """From the unpacked payload of a beat stream."""
        data = fields["data"].to_bytes(beat_bytes, "little")
        return cls(data, fields["keep"], bool(fields["first"]), bool(fields["last"]))

    @property
    def kept(self) -> bytes:
        """The bytes that count."""
        return self.data[: self.keep.bit_count()]

    def fields(self) -> dict[str, int]:
        """As the payload of a beat stream."""
        return {
            "data": int.from_bytes(self.data, "little"),
            "keep": self.keep,
            "first": int(self.first),
            "last": int(self.last),
        }


def beats_of(message: bytes, beat_bytes: int) -> list[BeatValue]:
    """The beats of a message or record; it must not be empty, for a beat carries at least a byte."""
    if not message:
        raise ValueError("an empty message has no beats")
    chunks = [message[i : i + beat_bytes] for i in range(0, len(message), beat_bytes)]
    end = len(chunks) - 1
    return [
        BeatValue(chunk.ljust(beat_bytes, b"\0"), (1 << len(chunk)) - 1, i == 0, i == end)
        for i, chunk in enumerate(chunks)
    ]


def message_of(beats: Sequence[BeatValue], beat_bytes: int) -> bytes:
    """The bytes of one message or record; fails unless its beats are as the specification has them."""
    full = (1 << beat_bytes) - 1
    message = b""
    for i, beat in enumerate(beats):
        last = i == len(beats) - 1
        assert beat.first == (i == 0), f"beat {i} of {len(beats)}: first is {beat.first}"
        assert beat.last == last, f"beat {i} of {len(beats)}: last is {beat.last}"
        is_run = beat.keep > 0 and beat.keep & (beat.keep + 1) == 0
        assert is_run, f"beat {i}: keep {beat.keep:#b} is not a run from byte 0"
        assert last or beat.keep == full, f"beat {i} of {len(beats)}: keep {beat.keep:#b} is not full"
        message += beat.kept
    return message


def messages_of(beats: Sequence[BeatValue], beat_bytes: int) -> list[bytes]:
    """The bytes of each of several messages, complete and one after the other."""
    messages, start = [], 0
    for i, beat in enumerate(beats):
        if beat.last:
            messages.append(message_of(beats[start : i + 1], beat_bytes))
            start = i + 1
    assert start == len(beats), f"the last message lacks its end, after {len(beats) - start} beats"
    return messages
