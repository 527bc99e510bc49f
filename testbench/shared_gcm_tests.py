"""Runs in the simulator: one SealedPair, whose both directions have one engine, beside ``cryptography``."""

import cocotb
from interlock.model.channel import SealedChannel
from interlock.model.records import HEADER, VERSION, Record, RecordType
from interlock.synthesis.sealed_pair import DirectedKey
from interlock_hdl.beat import Beat
from interlock_hdl.ports import RecordBeat
from lib.aes import number_of
from lib.beats import BeatValue, beats_of, messages_of
from lib.parameters import generator, parameters
from lib.patterns import crossings
from lib.streams import BeatSource, StreamSource, cycles, idle, start
from open_bench import Reader, Sealer

PATIENCE = 200_000


class Bench:
    """A software egress, a peer that seals, and readers; keys of their own in either direction."""

    def __init__(self, dut, *, link: str = "none", egress: str = "none", reader: str = "none") -> None:
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.largest = parameters()["beat_bytes"], parameters()["record_bytes"]
        for name in ("flush", "open", "wipe"):
            getattr(dut, name).value = 0
        options = {"random": self.random, "unless": lambda: bool(dut.flush.value or dut.wipe.value)}
        self.keys = StreamSource(dut, "keys", DirectedKey, random=self.random)
        self.egress = StreamSource(
            dut, "i", RecordBeat(self.beat_bytes, 1), pattern=egress, random=self.random
        )
        self.peer = BeatSource(dut, "rx", self.beat_bytes, pattern=link, random=self.random)
        beat = Beat(self.beat_bytes)
        self.link = Reader(dut, "o", beat, pattern=link, **options)
        self.headers = Reader(dut, "header", beat, pattern=reader, **options)
        self.bodies = Reader(dut, "body", beat, pattern=reader, **options)

    async def begin(self) -> None:
        """New keys, both ways; whatever was before is over."""
        self.dut.open.value, self.dut.flush.value = 0, 1
        await cycles(self.dut, 2)
        self.dut.flush.value = 0
        await cycles(self.dut, parameters()["clear_cycles"] + 2)
        for reader in (self.link, self.headers, self.bodies):
            reader.taken.clear()
        key, channel = self.random.randbytes(32), self.random.getrandbits(16)
        self.sealed, self.opened, self.seq = [], [], 0
        self.channel = SealedChannel(key, channel)
        self.sealer = Sealer(self.random, 24)
        keys = {"channel": channel, "key": key}, {"channel": self.sealer.channel, "key": self.sealer.key}
        for receives, given in enumerate(keys):
            key_fields = {"slot": 0, "channel": given["channel"], "key": number_of(given["key"])}
            self.keys.send({"receives": receives, "key": key_fields})
        while int(self.dut.keyed.value) != 0b11:
            await cycles(self.dut, 1)
        self.dut.open.value = 1
        await cycles(self.dut, 2)

    def withdraw(self) -> None:
        """Nothing more of what was to be sent comes."""
        self.egress.withdraw()
        self.peer.withdraw()

    def send(self, *lengths: int) -> None:
        """Records to seal."""
        for length in lengths:
            body = self.random.randbytes(length)
            kind = RecordType.PAYLOAD if length else RecordType.ABORT
            self.sealed.append(Record(kind, False, False, self.seq, body).encode(self.channel))
            self.seq += 1
            header = HEADER.pack(
                version=VERSION, type=kind, flags=0, reserved=0, channel=0, length=length, seq=0
            )
            self.egress.send(
                *(beat.fields() | {"slot": 0} for beat in beats_of(header + body, self.beat_bytes))
            )

    def receive(self, *lengths: int) -> None:
        """Records to open."""
        for length in lengths:
            record = self.sealer.record(length)
            self.opened.append(record)
            self.peer.send_message(record.data)

    async def check(self, *, sealed: bool = True, opened: bool = True) -> None:
        """Waits until all that was sent has come out, and nothing else."""
        for _ in range(PATIENCE // 100):
            waits_to_send = len(self.link.taken) < sum(map(self.beats, self.sealed))
            waits_to_read = len(self.headers.taken) < len(
                self.opened
            ) * HEADER.size // self.beat_bytes or len(self.bodies.taken) < sum(
                self.beats(record.body) for record in self.opened
            )
            if not (sealed and waits_to_send) and not (opened and waits_to_read):
                break
            await idle(100)
        await idle(300)
        assert not self.dut.fault.value
        if sealed:
            assert self.messages(self.link) == self.sealed
            self.sealed.clear()
        if opened:
            headers = [HEADER.pack(**record.header) for record in self.opened]
            assert b"".join(self.messages(self.headers)) == b"".join(headers)
            assert self.messages(self.bodies) == [record.body for record in self.opened if record.body]
            self.opened.clear()

    def beats(self, data: bytes) -> int:
        return -(-len(data) // self.beat_bytes)

    def messages(self, reader: Reader) -> list[bytes]:
        """All that was taken; it is forgotten."""
        beats = [BeatValue.of(fields, self.beat_bytes) for fields in reader.since(0)]
        reader.taken.clear()
        return messages_of(beats, self.beat_bytes)


async def bench(dut, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    await test.begin()
    return test


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize((("link", "egress", "reader"), crossings(3)))
async def records_of_both_directions_go_on_side_by_side(dut, link, egress, reader):
    test = await bench(dut, link=link, egress=egress, reader=reader)
    for _ in range(3):
        lengths = (0, 1, 15, 16, 17, test.random.randrange(200), test.largest)
        test.send(*test.random.choices(lengths, k=6))
        test.receive(*test.random.choices(lengths, k=6))
        await test.check()
    await test.begin()
    test.send(40)
    test.receive(50)
    await test.check()


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_link_that_takes_nothing_holds_up_no_record_that_comes(dut):
    """Wherever the record stands that it does not take."""
    test = await bench(dut)
    for wait in range(1, 1200, 61):
        test.send(100, 100)
        await idle(wait)
        test.link.stalled = True
        await idle(1000)
        test.receive(test.largest, 33, 0)
        await test.check(sealed=False)
        test.link.stalled = False
        await test.check()


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_reader_that_stops_holds_up_no_record_that_is_sent(dut):
    test = await bench(dut)
    test.bodies.stalled = True
    test.receive(*[test.largest] * 5)
    await idle(5 * 4000)
    test.send(test.largest, 33, 0)
    await test.check(opened=False)
    test.bodies.stalled = False
    await test.check()


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(wiped=[False, True])
async def an_end_at_any_moment_leaves_nothing_of_either_direction(dut, wiped):
    """Of an epoch, or of everything: with blocks of both in the engine, and none of them in the way later."""
    test = await bench(dut)
    for wait in range(0, 1700, 61):
        test.send(60, 20)
        test.receive(60, 20)
        await idle(wait)
        await cycles(dut, 1)
        test.withdraw()
        if wiped:
            dut.wipe.value = 1
            await cycles(dut, 1)
            while not dut.wiped.value:
                assert not dut.o__valid.value, wait
                await cycles(dut, 1)
            assert dut.keyed.value == 0
            dut.wipe.value = 0
        await test.begin()
        test.send(33)
        test.receive(47)
        await test.check()
