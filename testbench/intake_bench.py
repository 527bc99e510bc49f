"""Around one Intake: a port that is not trusted, a software egress, and what each beat must lead to."""

from dataclasses import dataclass, field

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.framing import Frame, Frames
from interlock.model.messages import HEADER, STREAM_HEADER, Kind, Message, MessageError
from interlock.wires import RawBeat
from interlock_hdl.intake import MessageInfo, StreamProgress
from lib.beats import BeatValue, messages_of
from lib.parameters import generator, parameters
from lib.recorder import Recorder, cycle_number
from lib.streams import BeatSource, beat_layout, cycles, start, unpack

NOTHING = {"beat": 0, "last": 0, "kept": 0, "broken": 0}
HEAD_BYTES = HEADER.size + STREAM_HEADER.size


@dataclass(slots=True)
class Judge:
    """What the golden model says of each beat that is taken.

    Attributes
    ----------
    stream : Message or None
        The stream that was accepted and not finished.
    streams : list of bytes
        Of every stream that was accepted: its head, and its payload as far as it was good.
    """

    beat_bytes: int
    rules: dict
    streams: list[bytes] = field(default_factory=list)
    stream: Message | None = None
    frames: Frames = field(init=False)
    is_broken: bool = False
    is_whole: bool = False  # the stream's last beat was taken
    is_finished: bool = False  # the stream is, and the rest of it is still to come

    def __post_init__(self) -> None:
        self.frames = Frames(self.beat_bytes)

    def decode(self, data: bytes) -> Message | None:
        """The message, if it is legal at this port."""
        streams, rules = self.rules["streams"], {k: v for k, v in self.rules.items() if k != "streams"}
        try:
            message = Message.decode(data, **rules)
        except MessageError:
            return None
        return message if streams or not message.is_stream else None

    def take(self, beat: BeatValue) -> tuple[bool, bool, dict[str, int]]:
        """Whether the beat makes a message accepted, or refused, and what is said of a stream's progress."""
        assert not self.is_whole, "took a beat behind a stream that is not finished"
        self.frames.put(RawBeat(beat.data, beat.keep, first=beat.first, last=beat.last))
        frame = self.frames.queue[-1]
        if frame.complete:
            self.frames.queue.clear()
        if self.stream is not None:
            self.is_whole = frame.complete
            return False, False, self._progress(frame, beat)
        if self.is_finished:
            self.is_finished = not frame.complete
            return False, False, NOTHING
        message = None if frame.fault else self.decode(bytes(frame.data))
        if message is not None and message.is_stream and len(frame) == HEAD_BYTES:
            self.stream, self.is_whole, self.is_broken = message, frame.complete, False
            self.streams.append(bytes(frame.data))
            return True, False, NOTHING
        if not frame.complete:
            return False, False, NOTHING
        return message is not None, message is None, NOTHING

    def _progress(self, frame: Frame, beat: BeatValue) -> dict[str, int]:
        if self.is_broken:
            return NOTHING
        assert self.stream is not None
        assert self.stream.maximum is not None
        if frame.fault or len(frame) - HEAD_BYTES > self.stream.maximum:
            self.is_broken = True
            return NOTHING | {"broken": 1}
        kept = beat.keep.bit_count()
        self.streams[-1] += beat.data[:kept]
        return {"beat": 1, "last": int(beat.last), "kept": kept % self.beat_bytes, "broken": 0}

    def finish(self) -> None:
        assert self.stream is not None
        self.is_finished = not self.is_whole
        self.stream, self.is_whole = None, False


class Bench:
    def __init__(self, dut, *, port: str = "none", beats: str = "none", infos: str = "none") -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.latency = settings["beat_bytes"], settings["latency"]
        self.slots, self.message_bytes = settings["slots"], settings["message_bytes"]
        self.messages, self.drain = settings["messages"], settings["drain"]
        self.kinds = frozenset(Kind(kind) for kind in settings["kinds"])
        self.header_beats = HEADER.size // self.beat_bytes
        self.places = settings["depth"] + 4  # of the buffer; one more beat waits for its verdict
        self.rules = {
            "kinds": self.kinds,
            "links": self.slots,
            "message_bytes": self.message_bytes,
            "streams": settings["streams"],
        }
        self.judge = Judge(self.beat_bytes, self.rules)
        dut.enable.value = 1
        dut.wipe.value = dut.finish.value = 0
        common = {"random": self.random, "unless": lambda: dut.wipe.value or dut.finish.value}
        self.source = BeatSource(dut, "i", self.beat_bytes, pattern=port, random=self.random)
        self.beats = Recorder(dut, "o", beat_layout(self.beat_bytes), pattern=beats, **common)
        self.infos = Recorder(dut, "messages", MessageInfo(self.message_bytes), pattern=infos, **common)
        self.verdicts: list[bool] = []  # of each message, whether it was accepted
        self.not_first = 0
        self.ends: list[int] = []  # the cycle of each verdict, the one after a last beat
        cocotb.start_soon(self._check())

    async def _check(self) -> None:
        dut = self.dut
        shape = StreamProgress(self.beat_bytes)
        owed = NOTHING
        judged = None  # the beat that was taken, and waits for its verdict
        while True:
            await RisingEdge(dut.clk)
            if dut.rst.value:
                continue
            progress = unpack(shape, int(dut.progress.value))
            if not (progress["beat"] and progress["last"]):
                progress["kept"] = 0  # says something with `last` alone
            if not owed["last"]:
                owed = owed | {"kept": 0}
            assert progress == owed, f"progress is {progress}, not {owed}"
            owed = NOTHING
            taken = dut.i__valid.value and dut.i__ready.value
            if dut.wipe.value:
                self.judge, judged = Judge(self.beat_bytes, self.rules), None
                assert (bool(dut.accepted.value), bool(dut.refused.value)) == (False, False)
                continue
            assert dut.enable.value or not taken, "took a beat through a closed gate"
            accepted = refused = False
            # A beat that is judged makes room for the next, whether there is one or not.
            if judged is not None and dut.i__ready.value:
                accepted, refused, owed = self.judge.take(judged)
                judged = None
            if taken:
                fields = unpack(beat_layout(self.beat_bytes), int(dut.i__payload.value))
                judged = BeatValue.of(fields, self.beat_bytes)
            assert (bool(dut.accepted.value), bool(dut.refused.value)) == (accepted, refused)
            if accepted or refused:
                self.verdicts.append(accepted)
                self.ends.append(cycle_number())
            if dut.finish.value:
                self.judge.finish()
                owed = NOTHING
            self.not_first += bool(dut.not_first.value)

    def is_legal(self, data: bytes) -> bool:
        """As the golden model judges it."""
        return self.judge.decode(data) is not None

    def message(self, length: int | None = None) -> bytes:
        """A legal buffered message."""
        length = self.random.randint(0, self.message_bytes) if length is None else length
        kind = self.random.choice(sorted(self.kinds))
        peer = self.random.randrange(self.slots) if kind == Kind.PEER else 0
        return Message(kind, peer, self.random.randbytes(length)).encode()

    def stream(self, length: int, maximum: int | None = None) -> bytes:
        """A legal stream, with ``length`` bytes of payload."""
        peer, bound = self.random.randrange(self.slots), self.random.getrandbits(96)
        maximum = length if maximum is None else maximum
        return Message(Kind.PEER, peer, self.random.randbytes(length), bound, maximum).encode()

    def illegal_message(self) -> bytes:
        """A message that is refused for what is in it."""
        while True:
            data = bytearray(self.message(self.random.randint(0, 2 * self.message_bytes)))
            if self.random.random() < 0.7:
                data[self.random.randrange(HEADER.size)] ^= 1 << self.random.randrange(8)
            del data[self.random.choice((len(data), len(data), self.random.randint(1, len(data)))) :]
            if not self.is_legal(bytes(data)):
                return bytes(data)

    def info(self, data: bytes) -> dict[str, int]:
        """What is to be told of a legal message."""
        message = self.judge.decode(data)
        assert message is not None
        length = 0 if message.is_stream else len(message.payload)
        return {
            "kind": message.kind,
            "slot": message.peer,
            "length": length,
            "is_stream": int(message.is_stream),
            "maximum": message.maximum or 0,
            "bound": message.bound,
            "empty": int(not message.payload),
        }

    def told(self, since: int = 0) -> list[dict[str, int]]:
        """The infos that were taken; ``maximum`` says something of streams alone."""
        return [info | {"maximum": info["maximum"] * info["is_stream"]} for info in self.infos.since(since)]

    def expect(self, messages: list[bytes], since: int = 0) -> None:
        """Exactly these were accepted and have come out."""
        beats = [BeatValue.of(fields, self.beat_bytes) for fields in self.beats.since(since)]
        assert messages_of(beats, self.beat_bytes) == messages
        assert self.told(since) == [self.info(data) for data in messages]

    async def strobe_finish(self) -> None:
        self.dut.finish.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.finish.value = 0

    async def finish_streams(self) -> None:
        """Finishes every stream some time after its last beat has come out, or all before it if it broke."""
        broken = 0
        while True:
            await RisingEdge(self.dut.clk)
            judge = self.judge
            if judge.stream is None or not (judge.is_broken or judge.is_whole):
                continue
            waiting = sum(self.verdicts) - broken - sum(beat["last"] for beat in self.beats.payloads)
            if waiting == judge.is_broken:
                broken += judge.is_broken
                await cycles(self.dut, self.random.randrange(10))
                await self.strobe_finish()
                await RisingEdge(self.dut.clk)

    async def settle(self) -> None:
        await self.source.drained()
        await cycles(self.dut, 30)


async def begin(dut, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    return test
