"""Around one Intake: a port that is not trusted, and a software egress that notes when it took what."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.messages import HEADER, Kind, Message, MessageError
from interlock_hdl.beat import Beat
from interlock_hdl.message import MessageInfo
from lib.beats import BeatValue, messages_of
from lib.parameters import generator, parameters
from lib.recorder import Recorder, cycle_number
from lib.streams import BeatSource, cycles, start


class Bench:
    def __init__(self, dut, *, port: str = "none", beats: str = "none", infos: str = "none") -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.latency = settings["beat_bytes"], settings["latency"]
        self.slots, self.message_bytes = settings["slots"], settings["message_bytes"]
        self.messages, self.drain = settings["messages"], settings["drain"]
        self.kinds = frozenset(Kind(kind) for kind in settings["kinds"])
        self.header_beats = HEADER.size // self.beat_bytes
        depth = max(self.messages * self.message_bytes, HEADER.size + self.message_bytes) // self.beat_bytes
        self.places = depth + 2  # two beats stand in registers behind the memory
        dut.enable.value = 1
        dut.wipe.value = 0
        common = {"random": self.random, "unless": lambda: dut.wipe.value}
        self.source = BeatSource(dut, "i", self.beat_bytes, pattern=port, random=self.random)
        self.beats = Recorder(dut, "o", Beat(self.beat_bytes), pattern=beats, **common)
        self.infos = Recorder(dut, "messages", MessageInfo(self.message_bytes), pattern=infos, **common)
        self.verdicts: list[bool] = []  # of each message, whether it was accepted
        self.not_first = 0
        self.ends: list[int] = []  # the cycle in which the last beat of each message was taken
        cocotb.start_soon(self._check())

    async def _check(self) -> None:
        dut = self.dut
        ends_here = 1 << Beat(self.beat_bytes)["last"].offset
        while True:
            await RisingEdge(dut.clk)
            if dut.rst.value:
                continue
            taken = dut.i__valid.value and dut.i__ready.value
            assert dut.wipe.value or dut.enable.value or not taken, "took a beat through a closed gate"
            ends = bool(taken and int(dut.i__payload.value) & ends_here and not dut.wipe.value)
            assert (dut.accepted.value or dut.refused.value) == ends
            assert not (dut.accepted.value and dut.refused.value)
            if ends:
                self.verdicts.append(bool(dut.accepted.value))
                self.ends.append(cycle_number())
            self.not_first += bool(dut.not_first.value)

    def is_legal(self, data: bytes) -> bool:
        """As the golden model judges it."""
        try:
            Message.decode(data, kinds=self.kinds, links=self.slots, message_bytes=self.message_bytes)
        except MessageError:
            return False
        return True

    def message(self, length: int | None = None) -> bytes:
        """A legal message."""
        length = self.random.randint(0, self.message_bytes) if length is None else length
        kind = self.random.choice(sorted(self.kinds))
        peer = self.random.randrange(self.slots) if kind == Kind.PEER else 0
        return Message(kind, peer, self.random.randbytes(length)).encode()

    def illegal_message(self) -> bytes:
        """A message that is refused for what is in it."""
        while True:
            data = bytearray(self.message(self.random.randint(0, 2 * self.message_bytes)))
            if self.random.random() < 0.7:
                data[self.random.randrange(HEADER.size)] ^= 1 << self.random.randrange(8)
            del data[self.random.choice((len(data), len(data), self.random.randint(1, len(data)))) :]
            if not self.is_legal(bytes(data)):
                return bytes(data)

    def expect(self, messages: list[bytes], since: int = 0) -> None:
        """Exactly these were accepted and have come out."""
        beats = [BeatValue.of(fields, self.beat_bytes) for fields in self.beats.since(since)]
        assert messages_of(beats, self.beat_bytes) == messages
        infos = [
            {"kind": data[0], "slot": int.from_bytes(data[2:4]), "length": len(data) - HEADER.size}
            for data in messages
        ]
        assert self.infos.since(since) == infos

    async def settle(self) -> None:
        await self.source.drained()
        await cycles(self.dut, 30)


async def begin(dut, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test
