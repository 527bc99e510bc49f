"""Runs in the simulator: one NodeStack, beside the golden model's trees."""

from itertools import pairwise

import cocotb
from cocotb.triggers import RisingEdge
from interlock.model.digest import tree_root
from interlock_hdl.crypto.memory_hash import DIGEST_WORDS
from interlock_hdl.leaf_lane import Root
from interlock_hdl.node_stack import NodeStack
from lib.parameters import generator, parameters
from lib.patterns import PATTERNS
from lib.streams import StreamSink, StreamSource, cycles, start, unpack


def words(root: bytes, *, last: bool) -> list[dict[str, int]]:
    """A root as it travels: from its last word to its first."""
    values = [int.from_bytes(root[at : at + 4]) for at in range(0, 32, 4)][::-1]
    return [{"word": value, "end": int(n == 7), "last": int(last)} for n, value in enumerate(values)]


def joined(roots: list[bytes], size: int) -> list[bytes]:
    """Roots of successive groups."""
    return [tree_root(roots[at : at + size]) for at in range(0, len(roots), size)]


class Bench:
    """Sends the roots of messages, and compares what becomes of them."""

    def __init__(self, dut, *, pushes: str = "none", takes: str = "none") -> None:
        self.dut = dut
        self.random = generator()
        dut.wipe.value = 0
        options = {"random": self.random}
        self.source = StreamSource(dut, "i", Root, pattern=pushes, **options)
        self.sink = StreamSink(dut, "o", Root, pattern=takes, **options)
        self.ends: dict[str, list[int]] = {"i": [], "o": []}

    async def begin(self) -> None:
        await start(self.dut)
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        cycle = 0
        while True:
            await RisingEdge(self.dut.clk)
            for name, ends in self.ends.items():
                port = {
                    part: getattr(self.dut, f"{name}__{part}").value for part in ("valid", "ready", "payload")
                }
                if port["valid"] and port["ready"] and unpack(Root, int(port["payload"]))["end"]:
                    ends.append(cycle)
            cycle += 1

    async def message(self, count: int) -> None:
        """A message of ``count`` leaves."""
        roots = [self.random.randbytes(32) for _ in range(count)]
        for n, root in enumerate(roots):
            self.source.send(*words(root, last=n == count - 1))
        expected = joined(roots, count if parameters()["unbounded"] else 1 << parameters()["height"])
        for n, root in enumerate(expected):
            received = await self.sink.receive_many(DIGEST_WORDS)
            assert received == words(root, last=n == len(expected) - 1), f"root {n} of {count} leaves"


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(pushes=PATTERNS, takes=PATTERNS)
async def joins_what_the_model_joins(dut, pushes, takes):
    test = Bench(dut, pushes=pushes, takes=takes)
    await test.begin()
    counts = list(range(1, (1 << parameters()["height"]) + 1))
    test.random.shuffle(counts)
    for count in counts[:6]:
        await test.message(count)
    await cycles(dut, 20)
    assert not test.sink.received


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def every_node_takes_its_step(dut):
    test = Bench(dut)
    await test.begin()
    for count, nodes_at_the_end in ((1, 0), (2, 1), (3, 1), (4, 2)):
        await test.message(count)
        expected = 1 + NodeStack.step * nodes_at_the_end
        assert test.ends["o"][-1] - test.ends["i"][-1] == expected, f"{count} leaves"
    # Between the second root of a message and the third, the time of one node and of one root.
    pushed = test.ends["i"][-4:]
    gaps = [after - before for before, after in pairwise(pushed)]
    assert gaps == [DIGEST_WORDS, NodeStack.step + DIGEST_WORDS, DIGEST_WORDS]
