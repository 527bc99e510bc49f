"""Runs in the simulator: the reference accelerator against its golden model, under every stall pattern."""

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.accelerator import AcceleratorParameters, GoldenAccelerator
from interlock_hdl.events import OpEvent
from lib.accelerator_programs import QUEUE_WORDS, SCRATCH_WORDS, random_story
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import BeatSink, BeatSource, cycles, start, unpack


class Events:
    """Every op event, and the run of the clock."""

    def __init__(self, dut):
        self.counts = [0, 0]
        self.seen = [[], []]
        self._dut = dut
        cocotb.start_soon(self._run())

    async def _run(self):
        ports = [self._dut.events__0, self._dut.events__1]
        while True:
            await RisingEdge(self._dut.clk)
            for number, port in enumerate(ports):
                event = unpack(OpEvent, int(port.value))
                if event["valid"]:
                    self.counts[number] += 1
                    self.seen[number].append((event["op_class"], event["count"]))


async def clear(dut):
    dut.clear_request.value = 1
    await RisingEdge(dut.clear_done)
    dut.clear_request.value = 0
    await cycles(dut, 2)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS)
async def does_what_the_model_does(dut, idle, stall):
    random = generator()
    case = AcceleratorParameters(
        scratch_words=SCRATCH_WORDS, queue_words=QUEUE_WORDS, array_size=parameters()["array_size"]
    )
    beat_bytes = parameters()["beat_bytes"]
    golden = GoldenAccelerator(case)
    dut.clear_request.value = 0
    await start(dut)
    await clear(dut)
    source = BeatSource(dut, "rx", beat_bytes, pattern=idle, random=random)
    sink = BeatSink(dut, "tx", beat_bytes, pattern=stall, random=random)
    events = Events(dut)
    expected = [[], []]
    for batch in random_story(random, case, programs=1):
        for message in batch:
            source.send_message(message)
            golden.receive(message)
        while golden.advance():
            pass
        for run in golden.events:
            expected[run.port] += [(run.op_class, run.count)] * run.repeat
        golden.events.clear()
        while golden.sent:
            message = golden.sent.popleft()
            assert await sink.receive_message() == message.data
            assert tuple(events.counts) == message.events_before
        await source.drained()
        while events.counts != [len(runs) for runs in expected] or bool(dut.busy.value) != golden.running:
            await RisingEdge(dut.clk)
        await cycles(dut, 100)
        assert events.seen == expected
        assert not sink.received
