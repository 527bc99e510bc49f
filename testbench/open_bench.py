"""Around one Open: software that seals for every link, and one for ingress that notes when it took what."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import cocotb
from amaranth.hdl import ShapeLike
from cocotb.triggers import RisingEdge
from interlock.model.channel import following
from interlock.model.gcm import BLOCK_BYTES, KEY_BYTES
from interlock.model.records import HEADER, VERSION, RecordType
from interlock_hdl.beat import Beat
from interlock_hdl.channel_keys import ChannelKey
from interlock_hdl.record import RecordHeader
from lib.aes import number_of
from lib.beats import BeatValue, messages_of
from lib.parameters import generator, parameters
from lib.patterns import pauses
from lib.recorder import cycle_number
from lib.sealing import sealed_record
from lib.streams import BeatSource, StreamSource, cycles, idle, start, unpack

LARGEST = 4096


@dataclass(frozen=True)
class Sealed:
    """A record on the wire, and what must come out of it."""

    data: bytes
    header: dict[str, int]
    body: bytes


class Sealer:
    """The far end of a channel in one epoch: seals record after record."""

    def __init__(self, random: Random, rekey_bits: int) -> None:
        self.random, self.rekey_bits = random, rekey_bits
        self.key = random.randbytes(KEY_BYTES)
        self.channel = random.getrandbits(16)
        self.seq = 0

    def record(self, size: int = 0, *, body: bytes | None = None, **fields: int) -> Sealed:
        """The next record; ``fields``: of its header, other than they ought to be, and sealed so."""
        if self.seq and not self.seq % (1 << self.rekey_bits) and "seq" not in fields:
            self.key = following(self.key)
        body = self.random.randbytes(size) if body is None else body
        header = {
            "version": VERSION,
            **self._type(len(body)),
            "reserved": 0,
            "channel": self.channel,
            "length": len(body),
            "seq": self.seq,
        } | fields
        if "seq" not in fields:
            self.seq += 1
        return Sealed(self.sealed(HEADER.pack(**header), body), header, body)

    def sealed(self, header: bytes, body: bytes, seq: int | None = None) -> bytes:
        """The bytes of a record with that header, its tag right for all of it."""
        seq = int.from_bytes(header[8:16]) if seq is None else seq
        return sealed_record(self.key, seq, header, body)

    def _type(self, length: int) -> dict[str, int]:
        """A type that may be as long as that, and flags that it may have."""
        types = [type for type in RecordType if type.lengths[0] <= length <= type.lengths[1]]
        type = self.random.choice(types or [RecordType.PAYLOAD])
        return {"type": type, "flags": self.random.randrange(4) if type.is_of_a_message else 0}


class Reader:
    """Takes payloads from an output stream, and keeps each with the cycle of its transfer.

    Fails where one changes or goes away before it is taken, unless ``unless`` says that it may.  Nothing of
    this runs while nothing is offered.
    """

    def __init__(
        self,
        dut: Any,
        name: str,
        shape: ShapeLike,
        *,
        pattern: str,
        random: Random,
        unless: Callable[[], bool],
    ) -> None:
        self.dut, self.name, self.shape, self.unless = dut, name, shape, unless
        self.payload, self.valid, self.ready = (
            getattr(dut, f"{name}__{part}") for part in ("payload", "valid", "ready")
        )
        self.pauses = pauses(pattern, random)
        self.stalled = False
        self.taken: list[tuple[int, int]] = []
        cocotb.start_soon(self._run())

    def since(self, cycle: int) -> list[Any]:
        """What was taken in that cycle and later."""
        return [unpack(self.shape, bits) for when, bits in self.taken if when >= cycle]

    async def _run(self) -> None:
        clock = RisingEdge(self.dut.clk)
        held: int | None = None
        while True:
            takes = not self.stalled and not next(self.pauses)
            self.ready.value = takes
            if held is None and not self.valid.value:
                await RisingEdge(self.valid)
            await clock
            bits = int(self.payload.value) if self.valid.value and not self.dut.rst.value else None
            may_go = self.unless()
            assert may_go or held is None or held == bits, (
                f"{self.name} withdrew or changed what was not taken"
            )
            held = None if takes or may_go else bits
            if takes and bits is not None:
                self.taken.append((cycle_number(), bits))


class Bench:
    def __init__(self, dut, *, link: str = "none", headers: str = "none", bodies: str = "none") -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.links, self.interval = (
            settings[name] for name in ("beat_bytes", "links", "interval")
        )
        self.rekey_bits, self.stop_bits = settings["rekey_bits"], settings["stop_bits"]
        self.pace = max(self.interval, BLOCK_BYTES // self.beat_bytes)
        self.clear_cycles = settings["clear_cycles"]
        self.open = 0
        dut.open.value = 0
        dut.wipe.value = 0
        self.keys = StreamSource(dut, "keys", ChannelKey(self.links), random=self.random)
        self.sources = [
            BeatSource(dut, f"i__{n}", self.beat_bytes, pattern=link, random=self.random)
            for n in range(self.links)
        ]
        slots, beat = range(self.links), Beat(self.beat_bytes)
        self.headers = [self._reader(f"header__{n}", RecordHeader, headers, n) for n in slots]
        self.bodies = [self._reader(f"body__{n}", beat, bodies, n) for n in slots]
        self.sealers = [self.sealer() for _ in range(self.links)]
        self.since = [0] * self.links  # when the epoch began
        self.fault_cycles = [0] * self.links  # the first one of the last fault
        cocotb.start_soon(self._watch_faults())

    def _reader(self, name: str, shape: ShapeLike, pattern: str, slot: int) -> Reader:
        def unless() -> bool:
            return not int(self.dut.open.value) >> slot & 1 or bool(self.dut.wipe.value)

        return Reader(self.dut, name, shape, pattern=pattern, random=self.random, unless=unless)

    async def _watch_faults(self) -> None:
        """A fault comes no sooner than what was right before it, and goes only when its epoch ends."""
        before = 0
        while True:
            await self.dut.fault.value_change
            faults = int(self.dut.fault.value)
            for slot in range(self.links):
                if faults & ~before & 1 << slot:
                    self.fault_cycles[slot] = cycle_number() + 1
                if before & ~faults & 1 << slot:
                    assert not self.open >> slot & 1 or self.dut.wipe.value
            before = faults

    def sealer(self) -> Sealer:
        return Sealer(self.random, self.rekey_bits)

    def latency(self, length: int) -> int:
        """What the component says."""
        return parameters()["latency"] + self.pace * -(-length // BLOCK_BYTES)

    def level(self, name: str, slot: int) -> bool:
        return bool(int(getattr(self.dut, name).value) >> slot & 1)

    def set_open(self, slot: int, is_open: bool) -> None:
        self.open = self.open & ~(1 << slot) | is_open << slot
        self.dut.open.value = self.open

    def offer_key(self, slot: int) -> None:
        sealer = self.sealers[slot]
        self.keys.send({"slot": slot, "channel": sealer.channel, "key": number_of(sealer.key)})

    async def begin(self, *slots: int, sealer: Sealer | None = None) -> None:
        """Ends the slots' epochs, if there are any, and begins others, each with a key of its own.

        Returns when buffers are overwritten, so that the next record is opened at once.  ``sealer``: of all
        these slots; by default each has a new one.
        """
        for slot in slots:
            self.set_open(slot, False)
        await cycles(self.dut, 2)
        clear = cycle_number() + self.clear_cycles
        for slot in slots:
            self.sealers[slot] = sealer or self.sealer()
            self.offer_key(slot)
        await self.keyed(*slots)
        await idle(clear - cycle_number())
        await cycles(self.dut, 1)
        for slot in slots:
            await self.sources[slot].drained()
            self.set_open(slot, True)
            self.since[slot] = cycle_number() + 1
        await cycles(self.dut, 2)

    async def keyed(self, *slots: int) -> None:
        for slot in slots:
            while not self.level("keyed", slot):
                await cycles(self.dut, 1)

    def send(self, slot: int, *records: Sealed) -> None:
        for record in records:
            self.sources[slot].send_message(record.data)

    def found(self, slot: int, since: int | None = None) -> tuple[list[dict[str, int]], list[bytes]]:
        """Headers and bodies that came in this epoch; fails unless all of them are whole."""
        since = self.since[slot] if since is None else since
        beats = [BeatValue.of(fields, self.beat_bytes) for fields in self.bodies[slot].since(since)]
        return self.headers[slot].since(since), messages_of(beats, self.beat_bytes)

    def expect(self, slot: int, *records: Sealed, since: int | None = None) -> None:
        headers, bodies = self.found(slot, since)
        assert headers == [record.header for record in records]
        assert bodies == [record.body for record in records if record.body]

    async def opens(self, sent: dict[int, list[Sealed]], *, size: int = 0) -> None:
        """Sends records by slot; all of them come out, and nothing else, and there is no fault."""
        for slot, records in sent.items():
            self.send(slot, *records)
        await self.settle(*sent, size=size)
        for slot, records in sent.items():
            self.expect(slot, *records)
        assert not self.dut.fault.value

    async def settle(self, *slots: int, size: int = 0) -> None:
        """Until all that was sent has come out; ``size``: bytes of what is behind in buffers."""
        for slot in slots:
            await self.sources[slot].drained()
        await idle(2 * self.latency(64) + size // BLOCK_BYTES * self.pace)
        await cycles(self.dut, 1)


async def start_bench(dut, **patterns: str) -> Bench:
    """All slots have keys, and none is open."""
    test = Bench(dut, **patterns)
    await start(dut)
    return test
