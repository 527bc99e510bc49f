"""Runs in the simulator: one Intake and streams of every legal and illegal shape.

The bench holds each verdict and each word of progress, in its cycle, against the golden model.
"""

from collections import deque
from dataclasses import replace

import cocotb
from cocotb.triggers import RisingEdge
from intake_bench import HEAD_BYTES, Bench, begin
from interlock.model.messages import STREAM, Kind, Message
from lib.beats import BeatValue, beats_of
from lib.patterns import crossings
from lib.recorder import cycle_number
from lib.streams import cycles

MOST = 2**48 - 1


def chunks(test: Bench, since: int = 0) -> list[bytes]:
    """What came out, a piece for each ``first``."""
    pieces: list[bytes] = []
    for fields in test.beats.since(since):
        beat = BeatValue.of(fields, test.beat_bytes)
        pieces += [b""] if beat.first else []
        pieces[-1] += beat.kept
    return pieces


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("port", "beats", "infos"), crossings(3)))
async def streams_pass_among_other_messages(dut, port, beats, infos):
    """As long as they may be, shorter, longer and so broken, and empty ones: whole, or their good part."""
    test = await begin(dut, port=port, beats=beats, infos=infos)
    cocotb.start_soon(test.finish_streams())
    legal: list[bytes] = []
    whole: list[bool] = []
    for _ in range(25):
        maximum = test.random.choice((0, 1, 15, 16, 40, 200))
        length = test.random.choice((maximum, maximum, test.random.randint(0, 220)))
        choice = test.random.random()
        data = test.illegal_message() if choice < 0.2 else test.message()
        data = test.stream(length, maximum) if choice > 0.5 else data
        test.source.send_message(data)
        if choice >= 0.2:
            legal.append(data)
            whole.append(choice <= 0.5 or length <= maximum)
    await test.source.drained()
    await cycles(dut, 1500)
    assert test.told() == [test.info(data) for data in legal]
    streams = iter(test.judge.streams)
    pieces = deque(chunks(test))
    for data, is_whole in zip(legal, whole, strict=True):
        good = next(streams) if test.info(data)["is_stream"] else data
        if is_whole:
            assert pieces.popleft() == data
        elif pieces and good.startswith(pieces[0]):  # else it was finished before any of it came out
            pieces.popleft()
    assert not pieces
    assert not test.not_first


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_descriptor_is_told_of_exactly(dut):
    test = await begin(dut)
    cocotb.start_soon(test.finish_streams())
    legal = [Message(Kind.PEER, 2, b"", bound, maximum) for bound in (0, 2**96 - 1) for maximum in (0, MOST)]
    legal += [Message(Kind.PEER, 1, b"", 1 << bit, 1 << bit) for bit in range(48)]
    for message in legal:
        test.source.send_message(message.encode())
    await test.settle()
    test.expect([message.encode() for message in legal])


def wrong_heads(test: Bench) -> dict[str, bytes]:
    """By name: streams that are refused for what is in their first 32 bytes."""
    good = Message(Kind.PEER, 1, test.random.randbytes(20), 5, 40).encode()
    wrong = {f"cut after {length} bytes": good[:length] for length in range(1, HEAD_BYTES)}
    for bit in range(48, 64):
        wrong[f"maximum bit {bit}"] = good[:16] + (1 << bit).to_bytes(8) + good[24:]
    for bit in range(64):
        wrong[f"reserved bit {bit}"] = good[:24] + (1 << bit).to_bytes(8) + good[32:]
    for bit in range(1, 8):
        wrong[f"flag {bit}, too"] = good[:1] + bytes([STREAM | 1 << bit]) + good[2:]
    for kind in (0, 2, 3, 4, 5, 6, 7, 0x81):
        wrong[f"kind {kind}"] = bytes([kind]) + good[1:2] + bytes(2) + good[4:]
    for slot in (test.slots, 0x100, 0x101, 0xFFFF):
        wrong[f"to {slot}"] = good[:2] + slot.to_bytes(2) + good[4:]
    return wrong


def wrong_framings(test: Bench, beats: list[BeatValue], begin: int, end: int) -> dict[str, list[BeatValue]]:
    """By name: the beats with one of those from ``begin`` to ``end`` wrong."""
    full = (1 << test.beat_bytes) - 1
    wrong = {}
    for n in range(begin, end):
        before, beat, after = beats[:n], beats[n], beats[n + 1 :]
        wrong[f"first wrong at beat {n}"] = [*before, replace(beat, first=not beat.first), *after]
        for keep in (0, 1, full >> 1, full ^ 1, 0b101, full ^ 2):
            if keep != full and not (beat.last and keep in (1, full >> 1)):
                wrong[f"keep {keep:#x} at beat {n}"] = [*before, replace(beat, keep=keep), *after]
    return wrong


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def every_wrong_head_is_refused(dut):
    test = await begin(dut)
    head = HEAD_BYTES // test.beat_bytes
    cases = {name: beats_of(data, test.beat_bytes) for name, data in wrong_heads(test).items()}
    cases |= wrong_framings(test, beats_of(test.stream(40), test.beat_bytes), 0, head)
    for name, beats in cases.items():
        verdicts, since = len(test.verdicts), cycle_number()
        around = [test.message(), test.message()]
        test.source.send_message(around[0])
        test.source.send_beats(beats)
        test.source.send_message(around[1])
        await test.settle()
        assert test.verdicts[verdicts:] == [True, False, True], name
        test.expect(around, since=since)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_byte_too_many_breaks_a_stream(dut):
    """Payload of ``maximum`` bytes passes; with one more its last beat is wrong, what came before is good."""
    test = await begin(dut)
    cocotb.start_soon(test.finish_streams())
    for maximum in (*range(34), 255, 256, 257):
        for length in (maximum, maximum + 1, maximum + 2 * test.beat_bytes):
            since = cycle_number()
            data, after = test.stream(length, maximum), test.message()
            test.source.send_message(data)
            test.source.send_message(after)
            await test.settle()
            await cycles(dut, length // test.beat_bytes)
            *stream, message = chunks(test, since)
            if length == maximum:
                assert stream == [data]
            else:
                room = maximum // test.beat_bytes * test.beat_bytes
                assert test.judge.streams[-1] == data[: HEAD_BYTES + room]
                assert test.judge.streams[-1].startswith(b"".join(stream))
            assert message == after


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_wrong_beat_breaks_a_stream_and_what_follows_is_dropped(dut):
    """Neither an accepted stream nor one that broke is ever called refused: the bench would notice."""
    test = await begin(dut)
    cocotb.start_soon(test.finish_streams())
    head = HEAD_BYTES // test.beat_bytes
    beats = beats_of(test.stream(45, 100), test.beat_bytes)
    for name, wrong in wrong_framings(test, beats, head, len(beats)).items():
        verdicts, since = len(test.verdicts), cycle_number()
        after = test.message()
        test.source.send_beats(wrong)
        test.source.send_message(after)
        await test.settle()
        assert test.verdicts[verdicts:] == [True, True], name
        *stream, message = chunks(test, since)
        assert test.judge.streams[-1].startswith(b"".join(stream)), name
        assert message == after, name


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def latency_of_a_stream_is_exact(dut):
    """Offered in the cycle after its descriptor, told of in that after each beat, out ``latency`` later."""
    test = await begin(dut)
    for length in (0, 1, 64):
        before = len(test.beats.taken)
        test.source.send_message(test.stream(length))
        await test.settle()
        assert test.infos.taken[-1][0] == test.ends[-1] + 1
        header = test.beats.taken[before][0]
        # Its first beat was held back until the descriptor was judged: the rest follow without a gap.
        assert header == test.ends[-1] - 1 + test.latency
        assert test.beats.taken[-1][0] == header + (HEAD_BYTES + length - 1) // test.beat_bytes
        await test.strobe_finish()
        await cycles(dut, 2)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_stream_longer_than_the_buffer_passes_at_one_beat_a_cycle(dut):
    test = await begin(dut)
    data = test.stream(20 * test.message_bytes)
    test.source.send_message(data)
    while not dut.i__valid.value:
        await RisingEdge(dut.clk)
    for _ in range(len(data) // test.beat_bytes):
        assert dut.i__valid.value
        assert dut.i__ready.value
        await RisingEdge(dut.clk)
    await test.settle()
    test.expect([data])


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_full_buffer_makes_a_stream_wait_but_not_a_broken_one(dut):
    """What is good waits for room; once it is broken it is taken to its end, for nobody wants it."""
    test = await begin(dut)
    test.beats.stalled = True
    length = 2 * test.places * test.beat_bytes
    test.source.send_message(test.stream(length))
    await cycles(dut, 4 * test.places)
    assert not dut.i__ready.value
    assert test.source.taken == test.places + 1
    test.beats.stalled = False
    await test.settle()
    await cycles(dut, 3 * test.places)
    await test.strobe_finish()
    test.beats.stalled = True
    test.source.send_message(test.stream(20 * length, 4 * test.beat_bytes))
    await test.source.drained()
    assert test.judge.is_broken
    assert test.verdicts == [True, True]
