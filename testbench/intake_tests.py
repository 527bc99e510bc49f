"""Runs in the simulator: one Intake and mostly legal messages; pace, room, gate, drain and wipe."""

from dataclasses import replace

import cocotb
from cocotb.triggers import RisingEdge
from intake_bench import begin
from interlock.model.messages import HEADER
from lib.beats import beats_of
from lib.patterns import crossings
from lib.recorder import cycle_number
from lib.streams import cycles


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("port", "beats", "infos"), crossings(3)))
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
        assert test.beats.taken[before][0] == test.ends[-1] - 1 + test.latency


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
    announced = test.messages * len(messages[0]) // test.beat_bytes  # the queue of infos is full behind them
    assert test.source.taken == min(test.places, announced) + 1
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
    """The buffer has hardly room for a header, and nobody takes anything: one beat a cycle to its end."""
    test = await begin(dut)
    test.beats.stalled = True
    room = test.places - (HEADER.size + test.message_bytes) // test.beat_bytes - test.header_beats
    most = min(test.message_bytes, room * test.beat_bytes - HEADER.size)
    legal = [test.message(test.message_bytes), test.message(most)]
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
    await cycles(dut, 1)
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
        await RisingEdge(dut.clk)
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
