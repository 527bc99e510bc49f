"""Around one ClearOpen: a software link, and a software ingress that notes when it took what."""

from random import Random

from interlock.model.records import (
    HEADER,
    Record,
    RecordType,
    encode_header,
)
from interlock_hdl.record import RecordHeader
from lib.beats import BeatValue, messages_of
from lib.parameters import generator, parameters
from lib.recorder import Recorder, cycle_number
from lib.streams import BeatSource, beat_layout, cycles, start, unpack


def random_record(random: Random, length: int, seq: int) -> Record:
    """Of any type that may be as long as that."""
    types = [type for type in RecordType if type.lengths[0] <= length <= type.lengths[1]]
    type = random.choice(types)
    som, eom = (type.is_of_a_message and random.choice((False, True)) for _ in range(2))
    return Record(type, som, eom, seq, random.randbytes(length))


def header_fields(record: Record) -> dict[str, int]:
    data = encode_header(record.type, som=record.som, eom=record.eom, length=len(record.body), seq=record.seq)
    return HEADER.unpack(data)


class Bench:
    def __init__(self, dut, *, link: str = "none", headers: str = "none", bodies: str = "none") -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.latency = settings["beat_bytes"], settings["latency"]
        dut.open.value = 1
        dut.wipe.value = 0
        common = {"random": self.random, "unless": lambda: not dut.open.value or dut.wipe.value}
        self.source = BeatSource(dut, "i", self.beat_bytes, pattern=link, random=self.random)
        self.headers = Recorder(dut, "header", RecordHeader, pattern=headers, **common)
        self.body_beats = Recorder(dut, "body", beat_layout(self.beat_bytes), pattern=bodies, **common)

    def send(self, *records: Record) -> None:
        for record in records:
            self.source.send_message(record.encode())

    def is_last_beat(self) -> bool:
        """Of what the link offers."""
        return bool(unpack(beat_layout(self.beat_bytes), int(self.dut.i__payload.value))["last"])

    def bodies(self, since: int = 0) -> list[bytes]:
        """The bodies taken since that cycle; fails unless all of them are whole."""
        beats = [BeatValue.of(fields, self.beat_bytes) for fields in self.body_beats.since(since)]
        return messages_of(beats, self.beat_bytes)

    def expect(self, records: list[Record], since: int = 0) -> None:
        assert self.headers.since(since) == [header_fields(record) for record in records]
        assert self.bodies(since) == [record.body for record in records if record.body]

    async def settle(self) -> None:
        await self.source.drained()
        await cycles(self.dut, 40)

    async def new_epoch(self) -> int:
        """Closes until all that was sent is gone; returns the number of the last closed cycle."""
        self.dut.open.value = 0
        await self.source.drained()
        await cycles(self.dut, 2)
        self.dut.open.value = 1
        return cycle_number()


async def begin(dut, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test
