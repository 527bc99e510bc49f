"""Two Interlocks without accelerators, joined by a link, and every cycle in which a beat goes anywhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from interlock_hdl.config import InterlockConfig
from interlock_hdl.interlock import Interlock

from interlock.bench import traffic
from interlock.bench.keyed import give_keys, play_peer, says_up
from interlock.device.rtl import Rtl
from interlock.errors import InterlockError
from interlock.model.records import HEADER, RecordFlag, RecordType
from interlock.wires import Level, Segment

LINK_TX = f"links__{traffic.SLOT}__tx"
LINK_RX = f"links__{traffic.SLOT}__rx"
MAKER = 0xBE9C0001
OTHER_RX = f"links__{traffic.OTHER_SLOT}__rx"
PATIENCE = 20_000
"""Cycles in which anything that was asked for has happened, or never will."""

SETTLING = 100
"""Cycles in which CREDIT records of what just happened have left."""


class BenchFailed(InterlockError):
    """What was to be measured did not do what it should."""


@dataclass(frozen=True, kw_only=True)
class SeenRecord:
    """A record on the link: what it is, its bytes, and the cycles of its first and last beat."""

    type: int
    flags: int
    size: int
    first: int
    last: int


@dataclass
class End:
    """One Interlock, and what went by at its ports.

    Attributes
    ----------
    tx, rx : list of int
        Cycles in which a beat went into ``tx``, and came out of ``rx``.
    link : list of int
        Cycles in which a beat left on the link.
    records : list of SeenRecord
        Whole ones that left.
    """

    rtl: Rtl
    tx: list[int] = field(default_factory=list)
    rx: list[int] = field(default_factory=list)
    link: list[int] = field(default_factory=list)
    records: list[SeenRecord] = field(default_factory=list)
    _bytes: dict[str, int] = field(default_factory=dict)
    _record: bytearray = field(default_factory=bytearray)
    _begun: int = 0

    def look(self, cycle: int) -> list[Segment | Level]:
        """Notes what went by in this cycle; returns what left on the link."""
        for port, cycles in (("tx", self.tx), ("rx", self.rx)):
            now = self.rtl.byte_count(port)
            if now != self._bytes.get(port, 0):
                cycles.append(cycle)
                self._bytes[port] = now
        items = [item for item in self.rtl.pop(LINK_TX) if isinstance(item, Segment | Level)]
        for item in items:
            if isinstance(item, Segment):
                self._note(item, cycle)
        return items

    def _note(self, beat: Segment, cycle: int) -> None:
        self.link.append(cycle)
        if beat.first:
            self._begun = cycle
            self._record.clear()
        self._record += beat.data
        if beat.last:
            header = HEADER.unpack(bytes(self._record))
            self.records.append(
                SeenRecord(
                    type=header["type"],
                    flags=header["flags"],
                    size=header["length"],
                    first=self._begun,
                    last=cycle,
                )
            )

    def messages(self) -> list[list[SeenRecord]]:
        """The records that left, message by message; those between messages are in none."""
        found: list[list[SeenRecord]] = []
        is_open = False
        for record in self.records:
            if record.type == RecordType.PREFIX and record.flags & RecordFlag.SOM:
                found.append([])
                is_open = True
            if is_open:
                found[-1].append(record)
            is_open &= not record.flags & RecordFlag.EOM
        return found

    def wire_rate(self) -> float:
        """Beats in the cycles from a message's first beat to its last one, of the slowest message."""
        moments = set(self.link)
        return min(
            len([cycle for cycle in range(begin, end + 1) if cycle in moments]) / (end - begin + 1)
            for begin, end in ((message[0].first, message[-1].last) for message in self.messages())
        )


class Pair:
    """Both ends of a link, in open sessions, the epoch open; nothing is measured before that.

    Parameters
    ----------
    config : InterlockConfig
    """

    def __init__(self, config: InterlockConfig) -> None:
        self.config = config
        gateware = Interlock(config=config)
        self.ends = [End(Rtl(gateware)) for _ in range(2)]
        self.cycle = 0
        for serial, end in enumerate(self.ends, 1):
            end.rtl.set("maker", MAKER)
            end.rtl.set("serial", serial)
            end.rtl.push("random", [serial] * (2 + config.key_words))
            end.rtl.set("clear_done", 1)
        wipe = 2 * config.staging_bytes // config.beat_bytes + PATIENCE
        self.run_until(lambda: not any(end.rtl.get("clear_request") for end in self.ends), within=wipe)
        for end in self.ends:
            end.rtl.set("clear_done", 0)
        self.run_until(lambda: all(end.rtl.get("is_open") for end in self.ends))
        if config.is_sealed:
            ids = [end.rtl.get("session_id").to_bytes(16) for end in self.ends]
            for number, end in enumerate(self.ends):
                give_keys(
                    end.rtl, traffic.SLOT, peer=ids[not number], send=100 + number, receive=101 - number
                )
        self.run_until(lambda: all(end.rtl.get("link_open") for end in self.ends))
        self.run(SETTLING)
        self.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for end in self.ends:
            end.rtl.close()

    def fill_logs(self) -> None:
        """A third party on another link tells both ends of what it knows."""
        channels = [
            play_peer(end.rtl, traffic.OTHER_SLOT, peer=traffic.THIRD_PARTY, is_sealed=self.config.is_sealed)
            for end in self.ends
        ]
        for end in self.ends:
            end.rtl.push(OTHER_RX, [Level(up=True, heard=False)])
        for end in self.ends:
            self.run_until(lambda rtl=end.rtl: says_up(rtl, traffic.OTHER_SLOT))  # type: ignore[misc]
            end.rtl.push(OTHER_RX, [Level(up=True, heard=True)])
        self.run_until(lambda: all(end.rtl.get("link_open") == 0b11 for end in self.ends))
        self.run(SETTLING)
        for end, channel in zip(self.ends, channels, strict=True):
            end.rtl.push(OTHER_RX, traffic.greeting(channel))
        header = traffic.HEADER_BYTES // self.config.beat_bytes
        self.run_until(lambda: all(len(end.rx) == header for end in self.ends))
        self.run(SETTLING)
        self.forget()

    def run(self, cycles: int) -> None:
        """Runs both; what leaves one arrives at the other one cycle later."""
        for _ in range(cycles):
            for end in self.ends:
                end.rtl.run(1)
            for end, other in (self.ends, self.ends[::-1]):
                other.rtl.push(LINK_RX, end.look(self.cycle))
            self.cycle += 1

    def run_until(self, done: Callable[[], bool], *, within: int = PATIENCE) -> None:
        """Runs until that is so."""
        for _ in range(within):
            if done():
                return
            self.run(1)
        raise BenchFailed(f"what had to happen within {within} cycles did not")

    def forget(self) -> None:
        """Of what went by."""
        for end in self.ends:
            for seen in (end.tx, end.rx, end.link, end.records):
                seen.clear()
            end.rtl.pop("rx")

    def send(self, messages: Sequence[Sequence[Segment]], *, released: Sequence[Sequence[Segment]]) -> None:
        """Sends to both sides at once, and runs until the others have released everything.

        Parameters
        ----------
        messages, released : sequence of sequence of Segment
            What each end is sent, and what must be released behind the other one.
        """
        self.forget()
        for end, sent in zip(self.ends, messages, strict=True):
            end.rtl.push("tx", sent)
        due = [traffic.beats(out, self.config.beat_bytes) for out in released]
        self.run_until(
            lambda: all(len(end.rx) >= beats for end, beats in zip(self.ends, due[::-1], strict=True)),
            within=PATIENCE + 3 * max(due),
        )
        self.run(SETTLING)
        for end, out in zip(self.ends[::-1], released, strict=True):
            found = list(end.rtl.pop("rx"))
            if found != list(out):
                raise BenchFailed(
                    f"of {len(out)} messages sent, {len(found)} were released, or not as they were sent"
                )
