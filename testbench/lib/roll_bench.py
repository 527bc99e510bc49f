"""An Interlock between noisy neighbours, in Amaranth's simulator, which shows all that it remembers."""

from collections import deque
from collections.abc import Iterator
from random import Random

from amaranth.sim import Simulator
from interlock.model.messages import HEADER, STREAM, STREAM_HEADER, Kind
from interlock.model.records import Prefix, Record, RecordType, cut_prefix, encode_credit
from interlock_hdl.config import InterlockConfig
from interlock_hdl.interlock import Interlock

from lib.peer import PLENTY, entry
from lib.snapshot import snapshot

PATIENCE = 3000
UNDER_WAY = (
    *("host_accept", "take", "merge", "release", "grant", "full_request"),
    *("tx_accept", "scan", "read", "record", "cut", "abort"),
)
"""Events of the trace from which something is under way for a while."""


class Source:
    """Offers beats of messages, some of which never end."""

    def __init__(self, port, beat_bytes: int) -> None:
        self.port, self.beat_bytes = port, beat_bytes
        self.beats: deque[tuple[bytes, bool, bool]] = deque()

    def send(self, data: bytes, *, last: bool = True) -> None:
        step = self.beat_bytes
        for at in range(0, len(data), step):
            self.beats.append((data[at : at + step], at == 0, last and at + step >= len(data)))

    def offer(self, ctx) -> None:
        ctx.set(self.port.valid, bool(self.beats))
        data, first, last = self.beats[0] if self.beats else (b"", False, False)
        beat = {"data": int.from_bytes(data, "little"), "keep": (1 << len(data)) - 1}
        ctx.set(self.port.p, {**beat, "first": first, "last": last})


class RollBench:
    """Fills an Interlock with data, rolls it, and looks at what is left.

    Every session gets the same random words; from the roll until its gates open nobody says anything.

    Parameters
    ----------
    config : InterlockConfig
        Small: every cycle takes milliseconds.
    seed : int

    Attributes
    ----------
    met : dict of str to int
        How many rolls came right after each of ``UNDER_WAY``; before a message's first beat had gone all the
        way, for a stream that is being sent and for one of the host's.
    """

    def __init__(self, config: InterlockConfig, seed: int) -> None:
        self.config = config
        self.random = Random(seed)
        self.dut = dut = Interlock(config=config)
        self.simulator = Simulator(dut)
        self.simulator.add_clock(1e-6)
        width = config.beat_bytes
        self.tx, self.host = Source(dut.tx, width), Source(dut.host_in, width)
        self.links = [Source(port.rx, width) for port in dut.links]
        self.sources = [self.tx, self.host, *self.links]
        self.met = dict.fromkeys((*UNDER_WAY, "stream", "external"), 0)

    def differences(self, rolls: int) -> Iterator[dict[str, tuple[object, object]]]:
        """For each of so many rolls, what is not as after a reset: name, then both values.

        They follow the events of ``UNDER_WAY`` in turn, by 0 to 3 cycles.
        """
        snapshots: list[dict[str, object]] = []

        async def testbench(ctx) -> None:
            ctx.set(self.dut.random.valid, 1)
            ctx.set(self.dut.random.p, 0x12345678)
            await self._until_open(ctx)
            snapshots.append(snapshot(self.simulator))
            for number in range(rolls):
                await self._fill(ctx, UNDER_WAY[number % len(UNDER_WAY)])
                await self._roll(ctx)
                await self._until_open(ctx)
                snapshots.append(snapshot(self.simulator))

        self.simulator.add_testbench(testbench)
        self.simulator.run()
        fresh, *rolled = snapshots
        for after in rolled:
            yield {name: (value, after[name]) for name, value in fresh.items() if after[name] != value}

    async def _until_open(self, ctx) -> None:
        """Everybody is silent, and the accelerator is cleared."""
        for source in self.sources:
            source.beats.clear()
            source.offer(ctx)
        for cycle in range(PATIENCE):
            ctx.set(self.dut.clear_done, ctx.get(self.dut.clear_request) and cycle > 2)
            await ctx.tick()
            if ctx.get(self.dut.is_open):
                return
        raise AssertionError("the gates do not open")

    async def _roll(self, ctx) -> None:
        dut = self.dut
        inputs = [dut.rx.ready, dut.host_out.ready, dut.reopen, dut.request_full]
        inputs += [signal for event in dut.events for signal in (event.valid, event.count)]
        for port in dut.links:
            inputs += [port.tx.ready, port.rx_levels.up, port.rx_levels.heard]
        ctx.set(dut.roll, 1)
        await ctx.tick()
        ctx.set(dut.roll, 0)
        for port in inputs:
            ctx.set(port, 0)

    async def _fill(self, ctx, until: str) -> None:
        """All of them talk at once, until this has happened a few times."""
        dut, random = self.dut, self.random
        pace = random.choice((0.2, 0.5, 0.9, 1))
        was_open = [False] * len(self.links)
        streaming, external = False, 0
        left, times = random.randrange(4), random.randint(1, 3)
        self._talk()
        for _ in range(PATIENCE):
            for number, port in enumerate(dut.links):
                was_open[number] = self._answer(ctx, number, port, was_open[number])
                ctx.set(port.tx.ready, random.random() < pace)
            for source in self.sources:
                source.offer(ctx)
            ctx.set(dut.rx.ready, random.random() < pace)
            ctx.set(dut.host_out.ready, random.random() < pace)
            ctx.set(dut.request_full, random.getrandbits(2) if random.random() < 0.02 else 0)
            for event in dut.events:
                ctx.set(event.valid, random.random() < 0.2)
                ctx.set(event.count, 1)
            taken = [source for source in self.sources if source.beats and ctx.get(source.port.ready)]
            times -= bool(ctx.get(getattr(dut.trace, until)))
            if ctx.get(dut.trace.cut):
                streaming = not ctx.get(dut.trace.cut_last)
            external += ctx.get(dut.trace.host_accept)
            external -= ctx.get(dut.trace.release) and ctx.get(dut.trace.release_slot) == len(self.links)
            await ctx.tick()
            for source in taken:
                source.beats.popleft()
            assert not ctx.get(dut.alarm)
            if times <= 0:
                left -= 1
                if left < 0:
                    break
        self.met[until] += times <= 0
        self.met["stream"] += streaming
        self.met["external"] += external > 0

    def _answer(self, ctx, number: int, port, was_open: bool) -> bool:
        """The levels of a peer that opens its link whenever it may, and has much to say then."""
        seen_up, seen_heard = ctx.get(port.tx_levels.up), ctx.get(port.tx_levels.heard)
        up = ctx.get(port.rx_levels.up)
        is_open = up and seen_up and seen_heard
        ctx.set(port.rx_levels.heard, seen_up)
        ctx.set(port.rx_levels.up, 0 if was_open and not is_open else 1 if up else not seen_heard)
        if is_open and not was_open:
            for record in self._records(number):
                self.links[number].send(record)
        return bool(is_open)

    def _talk(self) -> None:
        """What accelerator and host say in one session."""
        random, longest = self.random, self.config.message_bytes
        for _ in range(6):
            self.host.send(HEADER.pack(kind=Kind.EXTERNAL) + random.randbytes(random.randint(0, longest)))
        for _ in range(random.randint(0, 2)):
            kind = random.choice((Kind.PEER, Kind.EXPORT))
            self.tx.send(HEADER.pack(kind=kind) + random.randbytes(random.randint(0, longest)))
        stream = HEADER.pack(
            kind=Kind.PEER, flags=STREAM, peer=random.randrange(2), bound=random.choice((0, 0, 1 << 60))
        )
        stream += STREAM_HEADER.pack(maximum=1 << 20)
        self.tx.send(stream + random.randbytes(16 * random.randint(1, 40)), last=False)

    def _records(self, number: int) -> Iterator[bytes]:
        """What a peer says in one epoch; its staging is the least, so it says no more than that."""
        random = self.random
        yield Record(RecordType.CREDIT, False, False, 0, encode_credit(PLENTY)).encode()
        yield Record(RecordType.FULL_REQUEST, False, False, 1, b"").encode()
        prefix = Prefix(
            (entry(0xA0 + number, random.getrandbits(20)), entry(0xC0, random.getrandbits(30))), ()
        )
        (body,) = cut_prefix(prefix.encode())
        yield Record(RecordType.PREFIX, True, False, 2, body).encode()
        payload = random.randbytes(16 * random.randint(1, self.config.message_bytes // 16))
        yield Record(RecordType.PAYLOAD, False, random.random() < 0.5, 3, payload).encode()
