"""What a seal must send, told from the beats, keys and flushes that it takes; by ``cryptography``."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from interlock.model.channel import following
from interlock.model.gcm import BLOCK_BYTES
from interlock.model.records import HEADER, MAX_LENGTH
from lib.beats import beats_of
from lib.sealing import sealed_record


@dataclass
class Epoch:
    """One key's time in a slot, in cycles: of the key that is taken, and of the flush."""

    slot: int
    channel: int
    key: bytes
    begin: int
    end: int | None = None
    seq: int = 0
    exhausted: bool = False
    expected: list[dict[str, int]] = field(default_factory=list)  # beats


class SealModel:
    """Feed it with what happens, cycle by cycle; read ``epochs``.

    Parameters
    ----------
    beat_bytes, links, rekey_bits, stop_bits : int

    Attributes
    ----------
    epochs : list of Epoch
    current : list of Epoch or None
        Of each slot the one that is not over.
    happened : Counter
        How often what was tried.
    """

    def __init__(self, *, beat_bytes: int, links: int, rekey_bits: int, stop_bits: int) -> None:
        self.beat_bytes = beat_bytes
        self.rekey_every, self.stop = 1 << rekey_bits, 1 << stop_bits
        self.epochs: list[Epoch] = []
        self.current: list[Epoch | None] = [None] * links
        self.happened: Counter[str] = Counter()
        self._epoch: Epoch | None = None  # that of the record that comes in
        self._beats: list[dict[str, int]] | None = None

    def key(self, fields: dict[str, int], cycle: int) -> None:
        slot = fields["slot"]
        if slot < len(self.current):
            self.end(slot, cycle)
            epoch = Epoch(slot, fields["channel"], fields["key"].to_bytes(32, "little"), cycle)
            self.current[slot] = epoch
            self.epochs.append(epoch)

    def end(self, slot: int, cycle: int) -> None:
        """A flush, or another key."""
        epoch = self.current[slot]
        if epoch:
            if epoch is self._epoch and self._beats:  # as much of a record as came in may have left
                self._finish(self._beats)
                self._epoch = None
                self.happened["ended amid a record"] += 1
            epoch.end = cycle
            self.current[slot] = None

    def beat(self, fields: dict[str, Any], keyed: int) -> None:
        """``keyed``: the slots that have a key in this cycle, and no flush."""
        if fields["first"]:
            if self._beats:
                self._finish(self._beats)
            self._epoch = self.current[fields["slot"]] if keyed >> fields["slot"] & 1 else None
            self.happened["no key"] += self._epoch is None
            self._beats = []
        if self._beats is not None:
            self._beats.append(fields)
            if fields["last"]:
                self._finish(self._beats)
                self._beats = None

    def drop(self) -> None:
        """What came of a record is forgotten: a wipe."""
        self._beats = None

    def _finish(self, beats: list[dict[str, int]]) -> None:
        """As much of a record as came."""
        epoch, size = self._epoch, self.beat_bytes
        if epoch is None:
            return
        data = b"".join(beat["data"].to_bytes(size, "little") for beat in beats)
        header_beats = BLOCK_BYTES // size
        if len(beats) < header_beats:
            return
        header, body = HEADER.unpack(data[: HEADER.size]), data[HEADER.size :]
        length = header["length"]
        ends = [n for n, beat in enumerate(beats) if beat["last"]]
        if length > MAX_LENGTH or (length == 0) != (ends == [header_beats - 1]):
            self.happened["wrong header"] += 1
            return
        if epoch.seq == self.stop:
            epoch.exhausted = True
            self.happened["exhausted"] += 1
            return
        if epoch.seq and epoch.seq % self.rekey_every == 0:
            epoch.key = following(epoch.key)
            self.happened["followed"] += 1
        filled = HEADER.pack(
            **(header | {"seq": epoch.seq, "channel": epoch.channel, "flags": header["flags"] & 0x7F})
        )
        record = sealed_record(epoch.key, epoch.seq, filled, body[:length].ljust(length, b"\0"))
        right = self._right_beats(beats[header_beats:], length)
        is_whole = right == -(-length // size)
        out = [beat.fields() for beat in beats_of(record, size)]
        if not is_whole:
            out = out[: header_beats + right // header_beats * header_beats]
        epoch.expected += out
        epoch.seq += 1
        self.happened["whole" if is_whole else "cut"] += 1

    def _right_beats(self, body: list[dict[str, int]], length: int) -> int:
        """How many beats of a body are as the header says."""
        wanted = beats_of(bytes(length), self.beat_bytes) if length else []
        for n, beat in enumerate(wanted):
            if n == len(body):
                return n
            if (body[n]["keep"], body[n]["last"]) != (beat.keep, beat.last):
                return n
        return len(wanted)
