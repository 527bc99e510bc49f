"""Scripts for a puppet: what they can tell it, and an assembler.

A script is words of 16 bytes, all fields in network order.  The first byte of an op says which one it is; an
unknown one is skipped.

==== ===== ================================================================================================
op         fields, and what it does
==== ===== ================================================================================================
1    EVENT ``port u8 | op_class u8 | 0 u8 | count u16 | 0 u16 | repeat u32 | 0 u32``: op events, one a cycle
2    HEAD  ``last u8 | keep u8 | 0 …``: the word that follows goes out on ``tx``, with ``first``
3    RAW   the same without ``first``
4    DATA  ``last u8 | keep u8 | 0 u8 | seed u32 | words u32 | 0 u32``: words go out that are four numbers of
           32 bits each, counting up from ``seed``
5    WAIT  ``0 u8 x 3 | cycles u32 | 0 u64``
6    BURST ``port u8 | op_class u8 | 0 u8 | count u16 | every u16 | 0 u64``: from now on an op event stands
           before every word on ``tx`` whose number, from 1, is a multiple of ``every``; with 0 none does
==== ===== ================================================================================================

With ``last`` (any value but 0) the op's final word ends the message, after ``keep`` bytes (modulo 16; 0
stands for 16).
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from interlock.model.fields import Layout
from interlock.model.messages import HEADER, STREAM, STREAM_HEADER, Kind

WORD_BYTES = 16

EVENT = Layout(op=1, port=1, op_class=1, zero=1, count=2, every=2, repeat=4, end=4)
WORDS = Layout(op=1, last=1, keep=1, zero=1, seed=4, words=4, end=4)
WAIT = Layout(op=1, zero=3, cycles=4, end=8)


class Op(enum.IntEnum):
    """The first byte of an op."""

    EVENT = 1
    HEAD = 2
    RAW = 3
    DATA = 4
    WAIT = 5
    BURST = 6


@dataclass(frozen=True, kw_only=True)
class Work:
    """Op events, in a message after so many words of its payload."""

    after: int = 0
    port: int
    op_class: int
    count: int
    repeat: int = 1


class ScriptError(ValueError):
    """Nothing that a script can say."""


class Script:
    """Grows by one op, or one message, for each call."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # each must not be torn apart

    @property
    def words(self) -> int:
        """How many there are."""
        return sum(map(len, self._parts)) // WORD_BYTES

    @property
    def largest(self) -> int:
        """Bytes of the longest part that must not be torn apart."""
        return max(map(len, self._parts), default=0)

    def add(self, other: "Script") -> None:
        """All of another one, at the end."""
        self._parts += other._parts

    def messages(self, message_bytes: int) -> list[bytes]:
        """EXTERNAL messages that bring the script to a puppet, with payloads of at most ``message_bytes``.

        What belongs to one message of the puppet's is in one of them: a puppet that has begun a STREAM may
        get nothing more before it has sent all of it.
        """
        payloads: list[bytes] = []
        for part in self._parts:
            if len(part) > message_bytes:
                raise ScriptError(f"{len(part)} bytes of script for one message do not fit {message_bytes}")
            if payloads and len(payloads[-1]) + len(part) <= message_bytes:
                part = payloads.pop() + part
            payloads.append(part)
        return [HEADER.pack(kind=Kind.EXTERNAL) + payload for payload in payloads]

    def events(self, *, port: int, op_class: int, count: int, repeat: int = 1) -> None:
        """``repeat`` op events, one a cycle."""
        self._parts.append(_event(Work(port=port, op_class=op_class, count=count, repeat=repeat)))

    def wait(self, cycles: int) -> None:
        self._parts.append(WAIT.pack(op=Op.WAIT, cycles=cycles))

    def burst(self, *, port: int = 0, op_class: int = 0, count: int = 0, every: int) -> None:
        """An op event before every so manieth word on ``tx``, until told otherwise; 0 for none."""
        self._parts.append(EVENT.pack(op=Op.BURST, port=port, op_class=op_class, count=count, every=every))

    def raw(self, words: Iterable[bytes], *, first: bool = True, last: bool = True, keep: int = 16) -> None:
        """Words as they are: anything that a message may be, or not."""
        words = list(words)
        parts = [
            _word(word, first=first and not i, last=last and i == len(words) - 1, keep=keep)
            for i, word in enumerate(words)
        ]
        self._parts.append(b"".join(parts))

    def data(self, words: int, *, seed: int = 0, last: bool = False) -> None:
        """Words that count up from ``seed``, in the middle of a message or at its end."""
        self._parts.append(_data(seed, words, last=last))

    def peer(self, slot: int, length: int, *, seed: int = 0) -> None:
        """A buffered message with ``length`` bytes that count up from ``seed``."""
        self._message(HEADER.pack(kind=Kind.PEER, peer=slot), length, seed=seed)

    def export(self, length: int, *, seed: int = 0) -> None:
        self._message(HEADER.pack(kind=Kind.EXPORT), length, seed=seed)

    def stream(
        self,
        slot: int,
        length: int,
        *,
        maximum: int,
        bound: int,
        seed: int = 0,
        work: Iterable[Work] = (),
        spoiled: bool = False,
    ) -> None:
        """A STREAM, with op events in the middle; a spoiled one has ``first`` on its last word, too."""
        header = HEADER.pack(kind=Kind.PEER, flags=STREAM, peer=slot, bound=bound)
        descriptor = STREAM_HEADER.pack(maximum=maximum)
        self._message(header, length, descriptor, seed=seed, work=work, spoiled=spoiled)

    def _message(
        self,
        header: bytes,
        length: int,
        descriptor: bytes = b"",
        *,
        seed: int = 0,
        work: Iterable[Work] = (),
        spoiled: bool = False,
    ) -> None:
        parts = [_word(header, first=True, last=not length and not descriptor)]
        if descriptor:
            parts.append(_word(descriptor, first=False, last=not length))
        words = -(-length // WORD_BYTES)
        done = 0
        for piece in work:
            if not done <= piece.after < words:
                raise ScriptError(f"work after {piece.after} of {words} words, and {done} that are over")
            parts.append(_data(seed + 4 * done, piece.after - done))
            parts.append(_event(piece))
            done = piece.after
        if spoiled and words:
            parts.append(_data(seed + 4 * done, words - done - 1))
            end = payload_of(seed + 4 * (words - 1), 1)
            parts.append(_word(end, first=True, last=True, keep=length % WORD_BYTES))
        else:
            parts.append(_data(seed + 4 * done, words - done, last=True, keep=length % WORD_BYTES))
        self._parts.append(b"".join(parts))


def payload_of(seed: int, words: int) -> bytes:
    """What DATA sends."""
    return b"".join((number & 0xFFFFFFFF).to_bytes(4) for number in range(seed, seed + 4 * words))


def _event(work: Work) -> bytes:
    return EVENT.pack(
        op=Op.EVENT, port=work.port, op_class=work.op_class, count=work.count, repeat=work.repeat
    )


def _word(word: bytes, *, first: bool, last: bool, keep: int = 16) -> bytes:
    if len(word) != WORD_BYTES:
        raise ScriptError(f"a word has {WORD_BYTES} bytes, not {len(word)}")
    return WORDS.pack(op=Op.HEAD if first else Op.RAW, last=last, keep=keep) + word


def _data(seed: int, words: int, *, last: bool = False, keep: int = 0) -> bytes:
    if not words:
        return b""
    return WORDS.pack(op=Op.DATA, last=last, keep=keep, seed=seed & 0xFFFFFFFF, words=words)
