"""Runs in the simulator: one Intake between a port that is not trusted and a software egress."""

from dataclasses import replace

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.messages import HEADER, Kind, Message, MessageError
from interlock_hdl.beat import Beat
from interlock_hdl.intake import MessageInfo
from lib.beats import BeatValue, beats_of, messages_of
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
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


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(port=PATTERNS, beats=PATTERNS, infos=["none", "half", "long"])
async def legal_messages_pass_in_order(dut, port, beats, infos):
    """Legal and illegal ones in any mix, at any pace of all three streams."""
    test = await begin(dut, port=port, beats=beats, infos=infos)
    legal: list[bytes] = []
    verdicts: list[bool] = []
    for _ in range(25):
        verdicts.append(test.random.random() < 0.6)
        data = test.message() if verdicts[-1] else test.illegal_message()
        test.source.send_message(data)
        legal += [data] if verdicts[-1] else []
    await test.source.drained()
    await cycles(dut, 800)
    assert test.verdicts == verdicts
    test.expect(legal)
    assert not test.not_first


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_length_of_payload_passes(dut):
    test = await begin(dut)
    messages = [test.message(length) for length in range(test.message_bytes + 1)]
    for data in messages:
        test.source.send_message(data)
    await test.settle()
    test.expect(messages)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def latency_is_exact(dut):
    """A message is announced in the cycle after its last beat, and comes out ``latency`` cycles after it."""
    test = await begin(dut)
    for length in (0, 1, 64):
        before = len(test.beats.taken)
        test.source.send_message(test.message(length))
        await test.settle()
        assert test.infos.taken[-1][0] == test.ends[-1] + 1
        assert test.beats.taken[before][0] == test.ends[-1] + test.latency


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(lengths=[[0] * 50, [1] * 50, [64] * 10, [*range(65)]])
async def one_beat_a_cycle_back_to_back(dut, lengths):
    test = await begin(dut)
    messages = [test.message(length) for length in lengths]
    for data in messages:
        test.source.send_message(data)
    while not dut.i__valid.value:
        await RisingEdge(dut.clk)
    for _ in range(sum(-(-len(data) // test.beat_bytes) for data in messages)):
        assert dut.i__valid.value
        assert dut.i__ready.value
        await RisingEdge(dut.clk)
    await test.settle()
    test.expect(messages)


def wrong_bytes(test: Bench) -> dict[str, bytes]:
    """By name: messages that are refused for what is in them."""
    peer = Message(Kind.PEER, 1, test.random.randbytes(30)).encode()
    export = Message(Kind.EXPORT, 0, test.random.randbytes(30)).encode()
    wrong = {f"kind {kind}": bytes([kind]) + export[1:] for kind in (0, 3, 4, 5, 6, 7, 0x11, 0x81, 255)}
    wrong |= {f"flag {bit}": peer[:1] + bytes([1 << bit]) + peer[2:] for bit in range(8)}
    wrong |= {
        f"PEER to {slot}": peer[:2] + slot.to_bytes(2) + peer[4:]
        for slot in (test.slots, test.slots + 1, 0x100, 0x101, 0xFFFF)
    }
    wrong |= {f"EXPORT to {slot}": export[:2] + slot.to_bytes(2) + export[4:] for slot in (1, 2, 0x100)}
    wrong |= {f"bound bit {bit}": peer[:4] + (1 << bit).to_bytes(12) + peer[16:] for bit in range(96)}
    wrong |= {f"cut after {length} bytes": peer[:length] for length in range(1, HEADER.size)}
    wrong |= {
        f"{excess} bytes too long": export[:16] + bytes(test.message_bytes + excess)
        for excess in (1, 4, 16, 17, 1000)
    }
    return wrong


def wrong_framings(test: Bench) -> dict[str, list[BeatValue]]:
    """By name: legal bytes in beats that are not as they must be."""
    beats = beats_of(test.message(40), test.beat_bytes)
    full = (1 << test.beat_bytes) - 1
    wrong = {"first missing": [replace(beats[0], first=False), *beats[1:]]}
    for n, beat in enumerate(beats):
        before, after = beats[:n], beats[n + 1 :]
        if n:
            wrong[f"first at beat {n}"] = [*before, replace(beat, first=True), *after]
        for keep in range(1 << 4):
            illegal = full ^ 15 ^ keep if n < len(beats) - 1 else full << 1 & full ^ keep << 1
            if illegal != full:
                wrong[f"keep {illegal:#x} at beat {n}"] = [*before, replace(beat, keep=illegal), *after]
    wrong["keep 0 at the end"] = [*beats[:-1], replace(beats[-1], keep=0)]
    wrong["hole at the end"] = [*beats[:-1], replace(beats[-1], keep=0b101)]
    wrong["all at once"] = [replace(beats[1], first=True, last=True, keep=0)]
    return wrong


async def check_refused(test: Bench, name: str, beats: list[BeatValue]) -> None:
    """Between two legal messages, which pass as if it were not there."""
    verdicts = len(test.verdicts)
    since = cycle_number()
    around = [test.message(), test.message()]
    test.source.send_message(around[0])
    test.source.send_beats(beats)
    test.source.send_message(around[1])
    await test.settle()
    assert test.verdicts[verdicts:] == [True, False, True], name
    test.expect(around, since=since)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def every_wrong_message_is_refused(dut):
    test = await begin(dut)
    for name, data in wrong_bytes(test).items():
        assert not test.is_legal(data), f"the golden model finds nothing wrong with {name}"
        await check_refused(test, name, beats_of(data, test.beat_bytes))


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def every_wrong_framing_is_refused(dut):
    test = await begin(dut)
    for name, beats in wrong_framings(test).items():
        await check_refused(test, name, beats)
    assert not test.not_first


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_full_buffer_makes_the_port_wait(dut):
    """The largest messages: as many as the buffer holds go in, one more waits, none is lost."""
    test = await begin(dut)
    test.beats.stalled = test.infos.stalled = True
    messages = [test.message(test.message_bytes) for _ in range(test.messages + 2)]
    for data in messages:
        test.source.send_message(data)
    await cycles(dut, 4 * test.message_bytes)
    assert not dut.i__ready.value
    assert test.messages - 1 <= len(test.verdicts) <= test.messages
    assert test.source.taken == test.places
    test.beats.stalled = test.infos.stalled = False
    await test.settle()
    await cycles(dut, len(messages) * test.message_bytes // test.beat_bytes)
    test.expect(messages)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def unclaimed_announcements_make_the_port_wait(dut):
    test = await begin(dut)
    test.infos.stalled = True
    messages = [test.message(0) for _ in range(10)]
    for data in messages:
        test.source.send_message(data)
    await cycles(dut, 100)
    assert not dut.i__ready.value
    assert len(test.verdicts) == test.messages
    test.infos.stalled = False
    await test.settle()
    test.expect(messages)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_refused_message_needs_no_room(dut):
    """The buffer has room for a header alone, and nobody takes anything: at one beat a cycle to its end."""
    test = await begin(dut)
    test.beats.stalled = True
    room = test.places - (HEADER.size + test.message_bytes) // test.beat_bytes - test.header_beats
    legal = [test.message(test.message_bytes), test.message(room * test.beat_bytes - HEADER.size)]
    for data in legal:
        test.source.send_message(data)
    await test.settle()
    wrong = b"\xff" + bytes(20 * test.message_bytes - 1)
    test.source.send_message(wrong)
    while not dut.i__valid.value:
        await RisingEdge(dut.clk)
    for _ in range(len(wrong) // test.beat_bytes):
        assert dut.i__valid.value
        assert dut.i__ready.value
        await RisingEdge(dut.clk)
    assert test.verdicts == [True, True, False]
    test.source.send_message(wrong[: HEADER.size])
    legal.append(test.message())
    test.source.send_message(legal[-1])
    test.beats.stalled = False
    await test.settle()
    test.expect(legal)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(waiting=range(3))
async def an_over_long_message_is_refused_whatever_waits(dut, waiting):
    """It may have to wait for room, but not for ever: it ends as refused, and what waited is untouched."""
    test = await begin(dut, beats="long", infos="long")
    messages = [test.message(test.message_bytes) for _ in range(waiting)]
    for data in messages:
        test.source.send_message(data)
    test.source.send_message(test.message(0)[:16] + bytes(10 * test.message_bytes))
    await test.source.drained()
    assert test.verdicts == [True] * waiting + [False]
    await cycles(dut, 1000)
    test.expect(messages)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def the_gate_stops_the_port_at_once(dut):
    """``_check`` fails on any beat taken while ``enable`` is low; messages go on where they stopped."""
    test = await begin(dut)
    messages = [test.message() for _ in range(30)]
    for data in messages:
        test.source.send_message(data)
    closed = 0
    for _ in range(3000):
        dut.enable.value = test.random.getrandbits(1)
        await RisingEdge(dut.clk)
        closed += not dut.enable.value
    dut.enable.value = 1
    await test.settle()
    assert closed > 1000
    test.expect(messages)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_first_beat_without_first_is_reported_once(dut):
    test = await begin(dut)
    headless = [replace(beat, first=False) for beat in beats_of(test.message(20), test.beat_bytes)]
    legal = test.message()
    test.source.send_beats([*headless, *headless])
    test.source.send_message(legal)
    await test.settle()
    assert test.not_first == 1
    assert test.verdicts == [False, False, True]
    test.expect([legal])
    dut.wipe.value = 1
    await cycles(dut, 1)
    dut.wipe.value = 0
    test.source.send_message(legal)
    test.source.send_beats(headless)
    await test.settle()
    assert test.not_first == 1, "only the very first beat is reported"


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(port=["none", "half"])
async def wipe_at_random_moments_is_a_fresh_start(dut, port):
    """``drain`` takes and discards; then all is zero, and the rest of a cut message is a new one."""
    test = await begin(dut, port=port)
    drained = reported = 0
    for _ in range(60):
        test.beats.stalled = test.infos.stalled = bool(test.random.getrandbits(1))
        for _ in range(3):
            test.source.send_message(test.message() if test.random.random() < 0.7 else test.illegal_message())
        await cycles(dut, test.random.randrange(1, 70))
        dut.wipe.value = 1
        await RisingEdge(dut.clk)
        reported_before, verdicts_before = test.not_first, len(test.verdicts)
        for _ in range(test.random.randrange(40, 60)):
            assert bool(dut.i__ready.value) == test.drain
            assert not dut.o__valid.value, "offers while it is wiped"
            assert not dut.messages__valid.value, "offers while it is wiped"
            drained += bool(dut.i__valid.value and dut.i__ready.value)
            await RisingEdge(dut.clk)
        assert dut.wiped.value
        assert test.not_first == reported_before
        assert not any(int(word.value) for word in dut.buffer.memory)
        assert int(dut.o__payload.value) == 0
        assert int(dut.messages__payload.value) == 0
        wiped = cycle_number()
        test.beats.stalled = test.infos.stalled = False
        dut.wipe.value = 0
        await test.settle()
        assert not dut.wiped.value
        reported += test.not_first - reported_before
        assert test.not_first - reported_before <= 1
        accepted = sum(test.verdicts[verdicts_before:])
        assert len(test.infos.since(wiped)) == accepted
        # As good as new.
        since = cycle_number()
        messages = [test.message(test.message_bytes), test.message(0)]
        for data in messages:
            test.source.send_message(data)
        await test.settle()
        test.expect(messages, since=since)
    assert bool(drained) == test.drain
    assert reported or test.drain, "no message was ever cut"
