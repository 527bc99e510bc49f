"""Around one WatchedSeal: a software egress, links, a software controller, and a model of what must leave."""

from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.channel import following
from interlock.model.records import HEADER, VERSION, RecordFlag, RecordType
from interlock_hdl.beat import Beat
from interlock_hdl.channel_keys import ChannelKey
from interlock_hdl.crypto.gcm_keys import KeySource, key_request_layout
from interlock_hdl.ports import RecordBeat
from lib.beats import beats_of
from lib.parameters import default_seed, generator, parameters
from lib.patterns import pauses
from lib.recorder import cycle_number
from lib.streams import StreamSource, cycles, idle, start, unpack
from lib.watched_seal import Event, header_layout
from seal_model import SealModel

KEY_LOAD = 1500
"""More cycles than it takes to overwrite a key and to load one, whatever else goes on."""
USED: set[tuple[bytes, int]] = set()
"""Key and number of every record that any engine of this simulation began."""


class Link:
    """Takes beats, and keeps each with the cycle in which it was taken."""

    def __init__(self, dut, slot: int) -> None:
        self.payload, self.valid, self.ready = (
            getattr(dut, f"o__{slot}__{part}") for part in ("payload", "valid", "ready")
        )
        self.clock = RisingEdge(dut.clk)
        self.taken: list[tuple[int, dict[str, int]]] = []

    def note(self, cycle: int, shape: Beat) -> None:
        if self.valid.value and self.ready.value:
            self.taken.append((cycle, unpack(shape, int(self.payload.value))))

    async def pause(self, pattern) -> None:
        """Is not always ready."""
        for is_paused in pattern:
            self.ready.value = not is_paused
            await self.clock


class Bench:
    def __init__(self, dut, *, egress: str = "none", links: str = "none") -> None:
        settings = parameters()
        self.dut, self.random = dut, generator()
        self.beat_bytes, self.interval = settings["beat_bytes"], settings["interval"]
        self.latency = settings["latency"]
        self.slots = range(settings["links"])
        self.shape = RecordBeat(self.beat_bytes, len(self.slots))
        self.key_shape = ChannelKey(len(self.slots))
        self.model = SealModel(
            beat_bytes=self.beat_bytes,
            links=len(self.slots),
            rekey_bits=settings["rekey_bits"],
            stop_bits=settings["stop_bits"],
        )
        dut.flush.value = dut.wipe.value = 0
        self.source = StreamSource(dut, "i", self.shape, pattern=egress, random=self.random)
        self.keys = StreamSource(dut, "keys", self.key_shape, random=self.random)
        self.key_random = Random(f"{default_seed()} {len(USED)}")  # no test has the keys of another one
        self.inputs: list[int] = []  # cycles in which a beat was taken
        self.engine = [bytes(32)] * max(2, len(self.slots))
        self.links = [Link(dut, slot) for slot in self.slots]
        cocotb.start_soon(self._observe())
        if links == "none":
            self.stall()
        else:
            for link in self.links:
                cocotb.start_soon(link.pause(pauses(links, self.random)))

    def stall(self, *slots: int) -> None:
        """From now on these links take nothing, and the others take everything."""
        for slot, link in enumerate(self.links):
            link.ready.value = slot not in slots

    async def _observe(self) -> None:
        """Notes what leaves, tells the model what happens, and looks at what the engine is given.

        Alone, for most of what a simulation costs is what wakes up in every cycle.
        """
        dut, model, events = self.dut, self.model, self.dut.events
        slots = max(2, len(self.slots))
        request_shape, header_shape = key_request_layout(slots), header_layout(slots)
        beat_shape = Beat(self.beat_bytes)
        clock = RisingEdge(dut.clk)
        ended = 0
        while True:
            await clock
            happens = int(events.value)
            if ended:
                assert not int(dut.keyed.value) & ended, "keyed in the cycle after its epoch ended"
                ended = 0
            if not happens or dut.rst.value:
                continue
            cycle = cycle_number()
            if happens & Event.WIPE:
                self._wiped(cycle)
                continue
            flush = ended = int(dut.flush.value)
            if happens & Event.SENT:
                for link in self.links:
                    link.note(cycle, beat_shape)
            if happens & Event.KEY:
                key = unpack(self.key_shape, int(dut.keys__payload.value))
                ended |= 1 << key["slot"]
            if happens & Event.BEAT:
                self.inputs.append(cycle)
                model.beat(unpack(self.shape, int(dut.i__payload.value)), int(dut.keyed.value) & ~ended)
            if happens & Event.KEY:
                model.key(key, cycle)
            for slot in self.slots:
                if flush >> slot & 1:
                    model.end(slot, cycle)
            if happens & Event.HEADER:
                header = unpack(header_shape, int(dut.header_is.value))
                used = self.engine[header["slot"]], header["seq"]
                assert any(used[0]), "a record under no key"
                assert used not in USED, "a nonce comes twice under a key"
                assert header["seq"] < model.stop
                USED.add(used)
            if happens & Event.REQUEST:
                request = unpack(request_shape, int(dut.request_is.value))
                slot, given = request["slot"], request["key"].to_bytes(32, "little")
                assert not int(dut.inside.value) >> slot & 1, "a key changes under a record"
                follows = request["source"] == KeySource.FOLLOWS.value
                self.engine[slot] = following(self.engine[slot]) if follows else given

    def _wiped(self, cycle: int) -> None:
        dut = self.dut
        assert not dut.i__ready.value, "takes while it is wiped"
        assert not dut.keys__ready.value, "takes a key while it is wiped"
        assert not any(link.valid.value for link in self.links), "offers while it is wiped"
        for slot in self.slots:
            self.model.end(slot, cycle)
        self.model.drop()
        self.engine = [bytes(32)] * len(self.engine)

    # What a test does

    def send_key(self, *slots: int) -> None:
        for slot in slots:
            self.keys.send(
                {
                    "slot": slot,
                    "channel": self.random.getrandbits(16),
                    "key": self.key_random.getrandbits(256),
                }
            )

    async def key(self, *slots: int) -> None:
        """A key for each of these slots, which have none; waits until they are in use."""
        self.send_key(*slots)
        await self.keys.drained()
        await cycles(self.dut, 1)
        wanted = sum(1 << slot for slot in slots)
        for _ in range(KEY_LOAD * len(slots) // 8):
            if int(self.dut.keyed.value) & wanted == wanted:
                return
            await self.wait(8)
        raise AssertionError(f"keys of {slots} are not in use after a long time")

    async def renew(self, slot: int) -> None:
        """Another key, where the numbers of this one are nearly used up."""
        epoch = self.model.current[slot]
        if epoch is None or epoch.seq > self.model.stop - 8:
            await self.settle()
            await self.flush(slot)
            await self.key(slot)

    async def flush(self, *slots: int, count: int = 1) -> int:
        """Ends the epochs of these slots; returns the cycle of it."""
        self.dut.flush.value = sum(1 << slot for slot in slots)
        await cycles(self.dut, count)
        self.dut.flush.value = 0
        return cycle_number()

    def beats(
        self, slot: int, length: int, *, body: bytes | None = None, header: bytes | None = None
    ) -> list[dict[str, int]]:
        """A record as egress sends it: no number, no channel, anything in bytes that are not kept."""
        random = self.random
        body = random.randbytes(length) if body is None else body
        flags = random.choice((0, RecordFlag.SOM, RecordFlag.EOM))
        header = header or HEADER.pack(version=VERSION, type=RecordType.PAYLOAD, flags=flags, length=length)
        beats = []
        for beat in beats_of(header + body, self.beat_bytes):
            unkept = random.getrandbits(8 * self.beat_bytes) << 8 * beat.keep.bit_count()
            fields = beat.fields() | {"slot": slot if beat.first else random.choice(self.slots)}
            fields["data"] |= unkept & (1 << 8 * self.beat_bytes) - 1
            beats.append(fields)
        return beats

    def send(self, slot: int, *lengths: int) -> None:
        for length in lengths:
            self.source.send(*self.beats(slot, length))

    async def wait(self, count: int) -> None:
        """So many cycles, without waking up in each."""
        await idle(count)
        await RisingEdge(self.dut.clk)

    async def settle(self) -> None:
        """Waits until everything sent has left, and checks that it is all there."""
        await self.source.drained()
        await self.wait(4)
        for _ in range(1000):
            await self.wait(30)
            if all(len(self._taken(epoch)) >= len(epoch.expected) for epoch in self._live()):
                break
        await self.wait(30 + 20 * self.interval)
        self.check()
        for epoch in self._live():
            taken = self._taken(epoch)
            assert len(taken) == len(epoch.expected), f"{len(taken)} of {len(epoch.expected)} beats have left"
        exhausted = sum(1 << epoch.slot for epoch in self._live() if epoch.exhausted)
        assert int(self.dut.exhausted.value) == exhausted

    async def end(self) -> None:
        """The same; and without an epoch no key is left in the engine."""
        await self.settle()
        await self.flush(*self.slots)
        for _ in range(KEY_LOAD * len(self.slots) // 8):
            if not any(map(any, self.engine)):
                break
            await self.wait(8)
        assert not any(map(any, self.engine)), "a key that was forgotten is left"
        self.check()

    def check(self) -> None:
        """What links took is what the model says, epoch by epoch, as far as each went."""
        taken = 0
        assert not self.dut.fault.value, "a link was offered what then was withdrawn or changed"
        for epoch in self.model.epochs:
            beats = self._taken(epoch)
            assert beats == epoch.expected[: len(beats)], f"{_first_difference(beats, epoch.expected)}"
            taken += len(beats)
        assert taken == sum(len(link.taken) for link in self.links), "a beat left outside of all epochs"

    def _live(self):
        return [epoch for epoch in self.model.current if epoch]

    def _taken(self, epoch) -> list[dict[str, int]]:
        end = cycle_number() if epoch.end is None else epoch.end
        return [beat for cycle, beat in self.links[epoch.slot].taken if epoch.begin < cycle <= end]


def _first_difference(found: list, expected: list) -> str:
    for n, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"beat {n} is {one}, not {other}"
    return f"{len(found)} beats, not {len(expected)}"


async def begin(dut, *, keyed: bool = True, **patterns: str) -> Bench:
    test = Bench(dut, **patterns)
    await start(dut)
    if keyed:
        await test.key(*test.slots)
    return test
