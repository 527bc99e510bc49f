"""Runs in the simulator: one Intake and messages that it must refuse, each wrong in one way."""

from dataclasses import replace

import cocotb
from intake_bench import Bench, begin
from interlock.model.messages import HEADER, Kind, Message
from lib.beats import BeatValue, beats_of
from lib.recorder import cycle_number


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
