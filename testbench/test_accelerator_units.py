"""Blocks of the reference accelerator by themselves: exact latencies, full queues, forgetting."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator
from interlock.device.assembler import HOST, Program
from interlock.model.messages import Kind, Message
from interlock_hdl.accelerator.accelerator import Accelerator
from interlock_hdl.accelerator.command import Opcode
from interlock_hdl.accelerator.convert_unit import ConvertUnit
from interlock_hdl.accelerator.elementwise_unit import ElementwiseUnit
from interlock_hdl.accelerator.lanes import LaneMemory
from interlock_hdl.accelerator.matrix_unit import MatrixUnit
from interlock_hdl.accelerator.message_queues import MessageQueues
from interlock_hdl.accelerator.receiver import Receiver
from interlock_hdl.accelerator.transmitter import Transmitter
from lib.beats import beats_of
from lib.snapshot import snapshot

N = 2
WORDS = 64
QUEUE_WORDS = 16


def simulate(design, bench):
    simulator = Simulator(design)
    simulator.add_clock(1e-6)

    async def testbench(ctx):
        await bench(ctx, simulator)

    simulator.add_testbench(testbench)
    simulator.run()


def with_memory(unit):
    """The unit on a scratch memory of its own."""
    m = Module()
    m.submodules.unit = unit
    m.submodules.memory = memory = LaneMemory(words=WORDS, lanes=N)
    wiring.connect(m, unit.read, memory.read)
    wiring.connect(m, unit.write, memory.write)
    return m


def latency(unit, **inputs):
    """Cycles from ``start`` to ``done``, and how many op events there were."""
    found = []

    async def bench(ctx, _):
        for name, value in inputs.items():
            ctx.set(getattr(unit, name), value)
        ctx.set(unit.start, 1)
        cycles = events = 0
        while True:
            *_, done = await ctx.tick().sample(unit.done)
            ctx.set(unit.start, 0)
            if done:
                break
            cycles += 1
            assert cycles < 1000
            if hasattr(unit, "event"):
                events += ctx.get(unit.event.valid)
        found.extend([cycles, events])

    simulate(with_memory(unit), bench)
    return found


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("columns", [0, 1, 2])
@pytest.mark.parametrize("length", [0, 1, 2, 5])
def test_matmul_takes_as_long_as_promised(rows, columns, length):
    unit = MatrixUnit(array_size=N, words=WORDS)
    found = latency(unit, rows=rows, columns=columns, length=length)
    tiles = rows * columns if length else 0
    assert found == [tiles * (2 * length + 3 + N) or 1, tiles * 2 * length]


@pytest.mark.parametrize("length", [0, 1, 2, 9])
@pytest.mark.parametrize("opcode", [Opcode.COPY, Opcode.ADD, Opcode.SCALE])
def test_elementwise_takes_as_long_as_promised(opcode, length):
    unit = ElementwiseUnit(array_size=N, words=WORDS)
    found = latency(unit, opcode=opcode, length=length)
    assert found == [3 * length or 1, 0 if opcode == Opcode.COPY else length]


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("columns", [0, 1, 2])
def test_convert_takes_as_long_as_promised(rows, columns):
    unit = ConvertUnit(array_size=N, words=WORDS)
    assert latency(unit, rows=rows, columns=columns) == [rows * columns * (N + 1 + N // 2) or 1, 0]


class Delivery(wiring.Component):
    """Queues, and a receiver that takes from them."""

    def __init__(self, *, beat_bytes=4, lanes=N):
        self.queues = MessageQueues(beat_bytes=beat_bytes, lanes=lanes, links=1, queue_words=QUEUE_WORDS)
        self.receiver = Receiver(array_size=lanes, words=WORDS, links=1, queue_words=QUEUE_WORDS)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.queues = self.queues
        m.submodules.receiver = self.receiver
        wiring.connect(m, self.receiver.queue, self.queues.read)
        m.d.comb += [
            self.receiver.available.eq(self.queues.available),
            self.queues.source.eq(self.receiver.source),
            self.queues.pop.eq(self.receiver.pop),
            self.queues.pop_words.eq(self.receiver.pop_words),
        ]
        return m


async def offer(ctx, queues, payload, *, source=0):
    """Sends a message, a beat in every cycle."""
    kind, slot = (Kind.EXTERNAL, 0) if source == 1 else (Kind.PEER, source)
    for beat in beats_of(Message(kind, slot, payload).encode(), queues.beat_bytes):
        ctx.set(queues.rx.payload, beat.fields())
        ctx.set(queues.rx.valid, 1)
        assert ctx.get(queues.rx.ready)
        await ctx.tick()
    ctx.set(queues.rx.valid, 0)


async def fetch(ctx, receiver, *, source=0):
    """Receives a message: what is written, and the cycles that it takes."""
    ctx.set(receiver.source, source)
    ctx.set(receiver.length, 0xFFFF)
    ctx.set(receiver.start, 1)
    written, cycles = [], 0
    while True:
        lanes = [receiver.write.lanes[i] for i in range(N)]
        *_, done, enable, first, second = await ctx.tick().sample(
            receiver.done, receiver.write.enable, *lanes
        )
        ctx.set(receiver.start, 0)
        if enable:
            written.append((first, second))
        if done:
            return written, cycles
        cycles += 1
        assert cycles < 100


@pytest.mark.parametrize("words", [0, 1, 2, 15])
def test_receive_takes_as_long_as_promised(words):
    delivery = Delivery()

    async def bench(ctx, _):
        await offer(ctx, delivery.queues, bytes(8 * words))
        await ctx.tick().repeat(3)
        written, cycles = await fetch(ctx, delivery.receiver)
        assert len(written) == words
        assert cycles == words + 4

    simulate(delivery, bench)


def test_a_message_can_be_read_three_cycles_after_its_last_beat():
    delivery = Delivery()

    async def bench(ctx, _):
        await offer(ctx, delivery.queues, b"12345678")
        seen = [ctx.get(delivery.queues.available)]
        for _ in range(3):
            await ctx.tick()
            seen.append(ctx.get(delivery.queues.available))
        assert seen == [0, 0, 1, 1]  # the first is one cycle after the last beat

    simulate(delivery, bench)


def test_a_message_that_does_not_fit_is_dropped_whole():
    """7 + 1 and 6 + 1 words leave room for one more word: an empty message, but nothing else."""
    delivery = Delivery()
    queues, receiver = delivery.queues, delivery.receiver

    async def bench(ctx, _):
        first, second = bytes(range(1, 57)), bytes(range(101, 149))
        await offer(ctx, queues, first)
        await offer(ctx, queues, second)
        await offer(ctx, queues, b"lost")
        await offer(ctx, queues, b"")
        await offer(ctx, queues, b"")
        await offer(ctx, queues, b"other", source=1)
        await ctx.tick().repeat(3)
        assert await fetch(ctx, receiver) == (lanes(first), 11)
        await offer(ctx, queues, b"found")
        assert (await fetch(ctx, receiver))[0] == lanes(second)
        assert (await fetch(ctx, receiver))[0] == []
        assert (await fetch(ctx, receiver))[0] == lanes(b"found")
        assert (await fetch(ctx, receiver, source=1))[0] == lanes(b"other")
        await ctx.tick()
        assert ctx.get(queues.available) == 0

    simulate(delivery, bench)


@pytest.mark.parametrize(("beat_bytes", "lanes"), [(4, 2), (16, 4)], ids=["beat 4", "beat 16"])
def test_empty_messages_on_the_heels_of_a_full_queue_are_dropped(beat_bytes, lanes):
    """With wide beats an empty message is complete before the one ahead of it is in its queue."""
    delivery = Delivery(beat_bytes=beat_bytes, lanes=lanes)

    async def bench(ctx, _):
        await offer(ctx, delivery.queues, bytes(4 * lanes * (QUEUE_WORDS - 1)))
        await offer(ctx, delivery.queues, b"")
        await ctx.tick().repeat(3)
        assert len((await fetch(ctx, delivery.receiver))[0]) == QUEUE_WORDS - 1
        await ctx.tick()
        assert ctx.get(delivery.queues.available) == 0
        await offer(ctx, delivery.queues, bytes(4 * lanes * (QUEUE_WORDS - 2)))
        await offer(ctx, delivery.queues, b"")
        await offer(ctx, delivery.queues, b"")
        await ctx.tick().repeat(3)
        assert len((await fetch(ctx, delivery.receiver))[0]) == QUEUE_WORDS - 2
        assert len((await fetch(ctx, delivery.receiver))[0]) == 0
        await ctx.tick()
        assert ctx.get(delivery.queues.available) == 0

    simulate(delivery, bench)


def lanes(data):
    """The words of ``data``."""
    data = data.ljust(-(-len(data) // 8) * 8, b"\0")
    return [
        (int.from_bytes(data[i : i + 4]), int.from_bytes(data[i + 4 : i + 8])) for i in range(0, len(data), 8)
    ]


def test_a_queue_works_at_every_place_of_its_memory():
    delivery = Delivery()

    async def bench(ctx, _):
        for i in range(3 * QUEUE_WORDS):
            payload = bytes((i + j) & 0xFF for j in range(i % 30))
            await offer(ctx, delivery.queues, payload)
            assert (await fetch(ctx, delivery.receiver))[0] == lanes(payload)

    simulate(delivery, bench)


def test_send_takes_as_long_as_promised():
    unit = Transmitter(beat_bytes=4, array_size=N, words=WORDS)
    m = Module()
    m.submodules.unit = unit
    m.submodules.memory = memory = LaneMemory(words=WORDS, lanes=N)
    wiring.connect(m, unit.read, memory.read)

    async def bench(ctx, _):
        for length in (0, 1, 4, 5, 16):
            ctx.set(unit.length, length)
            ctx.set(unit.tx.ready, 1)
            ctx.set(unit.start, 1)
            valid = []
            for _ in range(12):
                *_, is_valid, done = await ctx.tick().sample(unit.tx.valid, unit.done)
                ctx.set(unit.start, 0)
                valid.append(is_valid)
                if done:
                    break
            assert valid == [0] + [1] * (4 + -(-length // 4))

    simulate(m, bench)


def test_the_next_command_starts_as_early_as_promised():
    accelerator = Accelerator(beat_bytes=4, array_size=N, scratch_words=128, links=1, queue_words=64)
    program = Program(origin=64, array_size=N, scratch_words=128)
    for _ in range(3):
        program.add(y=0, a=0, b=0, words=1)
    found = []

    async def bench(ctx, _):
        for message in program.messages(message_bytes=256):
            await offer(ctx, accelerator, message[16:], source=1)
        for cycle in range(200):
            if ctx.get(accelerator.events[1].valid):
                found.append(cycle)
            await ctx.tick()

    simulate(accelerator, bench)
    first, second, third = found
    assert second - first == third - second == accelerator.sequencer.latency + 3


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Accelerator(beat_bytes=16, array_size=3), "array_size must be one of"),
        (lambda: Accelerator(beat_bytes=16, array_size=2), "a beat of 16 bytes does not fit a word of 8"),
        (lambda: Accelerator(beat_bytes=4, scratch_words=1000), "scratch_words must be a power of two"),
        (lambda: Accelerator(beat_bytes=4, scratch_words=32), "scratch_words must be a power of two from 64"),
        (lambda: Accelerator(beat_bytes=4, queue_words=100), "queue_words must be a power of two"),
        (lambda: Accelerator(beat_bytes=4, links=0), "links must be 1"),
        (lambda: Accelerator(beat_bytes=8), "beat_bytes must be one of"),
        (lambda: LaneMemory(words=1, lanes=2), "words must be at least 2"),
    ],
)
def test_what_cannot_be_built_is_refused(build, says):
    with pytest.raises(ValueError, match=says):
        build()


def test_after_a_clear_nothing_is_remembered():
    """At whatever cycle a program is stopped: every flip-flop and every word is as after power-on."""
    accelerator = Accelerator(beat_bytes=4, array_size=N, scratch_words=128, links=1, queue_words=64)
    program = Program(origin=64, array_size=N, scratch_words=128)
    with program.loop() as i:
        program.receive(y=0 + 4 * i, source=HOST, words=9)
        program.matmul(y=16, a=0, b=2, rows=2, columns=2, k=4)
        program.row_panels(y=32, a=16, rows=2, columns=2)
        program.add(y=0, a=16, b=32, words=4)
        program.send(a=16, slot=0, length=30)
    messages = [
        *program.messages(message_bytes=256),
        *(Message(Kind.EXTERNAL, 0, bytes(range(17, 17 + 72))).encode() for _ in range(3)),
        Message(Kind.PEER, 0, bytes(range(33, 60))).encode(),
    ]
    beats = [beat for message in messages for beat in beats_of(message, 4)]
    stops = [3, 50, *range(160, 460, 5), 1000]
    seen = set()

    async def bench(ctx, simulator):
        async def clear():
            ctx.set(accelerator.clear_request, 1)
            ctx.set(accelerator.rx.valid, 0)
            for _ in range(256):
                *_, done, sends, working = await ctx.tick().sample(
                    accelerator.clear_done,
                    accelerator.tx.valid,
                    accelerator.events[0].valid | accelerator.events[1].valid,
                )
                if done:
                    break
            assert done
            assert not sends
            assert not working
            ctx.set(accelerator.clear_request, 0)
            # Even in its last cycle, nothing is taken.
            ctx.set(accelerator.rx.payload, beats[0].fields())
            ctx.set(accelerator.rx.valid, 1)
            await ctx.tick()
            ctx.set(accelerator.rx.payload, {})
            ctx.set(accelerator.rx.valid, 0)
            assert not ctx.get(accelerator.clear_done)
            return snapshot(simulator)

        ctx.set(accelerator.tx.ready, 1)
        fresh = snapshot(simulator)  # as after power-on
        progress = {"clk", "wipe_address", "wiped"}  # of the clear itself, in the cycle after it
        for stop in stops:
            for cycle in range(stop):
                if cycle < len(beats):
                    ctx.set(accelerator.rx.payload, beats[cycle].fields())
                ctx.set(accelerator.rx.valid, cycle < len(beats))
                ctx.set(accelerator.tx.ready, cycle % 3 == 0)
                await ctx.tick()
            seen.add(
                (
                    ctx.get(accelerator.tx.valid),
                    ctx.get(accelerator.events[0].valid),
                    ctx.get(accelerator.events[1].valid),
                    ctx.get(accelerator.busy),
                )
            )
            ctx.set(accelerator.rx.payload, {})
            ctx.set(accelerator.tx.ready, 1)
            cleared = await clear()
            different = {name for name, value in cleared.items() if value != fresh[name]}
            different = {name for name in different if name.partition(" ")[2] not in progress}
            assert not different, f"stopped in cycle {stop}: {different}"

    simulate(accelerator, bench)
    # It was stopped while sending, in the matrix unit, in the vector unit, and before anything ran.
    assert seen >= {(1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1), (0, 0, 0, 0)}
