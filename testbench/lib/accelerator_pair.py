"""An accelerator's gateware against its golden model: same messages in, same everything out."""

from collections import deque
from collections.abc import Iterable

from amaranth.lib import wiring
from interlock.device.rtl import Rtl
from interlock.wires import OpRun, Segment

from lib.accelerator_bench import AcceleratorBench

SILENCE = 3000
"""Cycles in which nothing more may come."""


class Pair:
    """Both accelerators.  :meth:`send` and :meth:`settle` as often as wanted; a difference is an assertion.

    Parameters
    ----------
    accelerator : wiring.Component
        Gateware.
    golden
        Its model, as ``interlock.model.node.Accelerator``, with ``positions`` and ``running``.
    clear_cycles : int
        Most that a clear may take.
    """

    def __init__(self, accelerator: wiring.Component, golden, *, clear_cycles: int) -> None:
        self.golden = golden
        self.clear_cycles = clear_cycles
        self.beat_bytes = accelerator.beat_bytes
        self.rtl = Rtl(AcceleratorBench(accelerator))

    def pause(self, idle: float, stall: float, *, seed: int) -> None:
        """From now on ``rx`` and ``tx`` pause in each cycle with these probabilities."""
        self.rtl.pause("rx", idle, seed=seed)
        self.rtl.pause("tx", stall, seed=seed)

    def clear(self) -> None:
        """Clears both, whatever they do; what was not yet taken from ``rx`` is dropped."""
        rtl = self.rtl
        rtl.set("clear_request", 1)
        for _ in range(self.clear_cycles):
            rtl.run(1)
            if rtl.get("clear_done"):
                break
        assert rtl.get("clear_done")
        for _ in range(rtl.waiting("rx")):
            rtl.run(20)
        assert rtl.waiting("rx") == 0
        rtl.set("clear_request", 0)
        rtl.run(1)
        for name in ("tx", "monitor__tx", "monitor__rx"):
            rtl.pop(name)
        rtl.pop_words("moments")
        for port in range(2):
            rtl.pop_operations(port)
        self.golden.clear()

    def send(self, *messages: bytes) -> None:
        """Gives messages to both."""
        for message in messages:
            self.golden.receive(message)
        self.rtl.push("rx", [Segment(message, True, True) for message in messages])

    def settle(self, *, cycles: int = 400_000) -> list[bytes]:
        """Runs both until they wait for messages; returns what they sent."""
        golden, rtl = self.golden, self.rtl
        while golden.advance():
            pass
        expected = list(golden.sent)
        runs: list[list[OpRun]] = [[], []]
        for run in golden.events:
            runs[run.port].append(OpRun(run.op_class, run.count, run.repeat))
        golden.sent.clear()
        golden.events.clear()

        limit, spent = rtl.cycles + cycles, rtl.cycles
        sent: list[Segment] = []
        wanted = sum(len(message.data) for message in expected)
        operations: list[list[OpRun]] = [[], []]
        while rtl.cycles < limit:
            rtl.run(1000)
            sent += rtl.pop("tx")
            for port in range(2):
                operations[port] += rtl.pop_operations(port)
            done = sum(len(segment.data) for segment in sent) >= wanted
            done &= all(total(operations[port]) >= total(runs[port]) for port in range(2))
            if done and rtl.waiting("rx") == 0 and rtl.get("busy") == golden.running:
                break
        self.cycles = rtl.cycles - spent
        rtl.run(SILENCE)
        sent += rtl.pop("tx")
        for port in range(2):
            operations[port] += rtl.pop_operations(port)

        assert shown(stretches(sent)) == shown(part for message in expected for part in self.parts(message))
        for port in range(2):
            assert joined(operations[port]) == joined(runs[port])
        assert rtl.pop_words("moments") == self._moments(expected)
        assert rtl.get("busy") == golden.running
        assert rtl.get("fault") == 0
        return [message.data for message in expected]

    def follow(self, cycles: int) -> int:
        """Runs the gateware, then the model until it has done as much, and compares as far as both went.

        For accelerators that may never wait; after it only :meth:`clear` makes sense.  Returns how many
        events there were.
        """
        golden, rtl = self.golden, self.rtl
        rtl.run(cycles)
        sent = b"".join(segment.data for segment in rtl.pop("tx"))
        operations = [rtl.pop_operations(port) for port in range(2)]
        counts = [total(runs) for runs in operations]

        def behind() -> bool:
            few = any(position < count for position, count in zip(golden.positions, counts, strict=True))
            return few or sum(len(message.data) for message in golden.sent) < len(sent)

        while behind():
            assert golden.advance(), "the gateware did more than the model"
        assert b"".join(message.data for message in golden.sent)[: len(sent)] == sent
        for port in range(2):
            runs = [run for run in golden.events if run.port == port]
            expected = joined([OpRun(run.op_class, run.count, run.repeat) for run in runs])
            found = joined(operations[port])
            assert found[:-1] == expected[: len(found) - 1] if found else True
            if found:
                at_most = expected[len(found) - 1]
                assert found[-1].repeat <= at_most.repeat
                assert (found[-1].op_class, found[-1].count) == (at_most.op_class, at_most.count)
        moments = rtl.pop_words("moments")
        assert moments == self._moments(golden.sent)[: len(moments)]
        assert rtl.get("fault") == 0
        return sum(counts)

    def parts(self, message) -> list[Segment]:
        """A message on the wire."""
        return [Segment(message.data, True, True)]

    def positions(self, message) -> list[tuple[int, tuple[int, ...]]]:
        """So many of its bytes were sent when each port had raised so many events."""
        return [*message.earlier, (len(message.data), message.events_before)]

    def _moments(self, messages: Iterable) -> list[int]:
        """What the bench should say of every beat."""
        moments = []
        for message in messages:
            begin = 0
            for end, (first, second) in self.positions(message):
                moments += [first | second << 32] * -(-(end - begin) // self.beat_bytes)
                begin = end
        return moments


def stretches(segments: Iterable[Segment]) -> list[Segment]:
    """The fewest segments that say the same."""
    result: deque[Segment] = deque()
    for segment in segments:
        assert isinstance(segment, Segment), f"an illegal beat: {segment}"
        if result and not result[-1].last and not segment.first:
            before = result.pop()
            segment = Segment(before.data + segment.data, before.first, segment.last)
        result.append(segment)
    return list(result)


def shown(segments: Iterable[Segment]) -> list[tuple[str, bool, bool]]:
    """Segments, for people to see what differs."""
    return [(segment.data.hex(), segment.first, segment.last) for segment in segments]


def total(runs: list[OpRun]) -> int:
    """Events in ``runs``."""
    return sum(run.repeat for run in runs)


def joined(runs: list[OpRun]) -> list[OpRun]:
    """With neighbours that are alike made one."""
    result: list[OpRun] = []
    for run in runs:
        if result and (result[-1].op_class, result[-1].count) == (run.op_class, run.count):
            run = OpRun(run.op_class, run.count, result.pop().repeat + run.repeat)
        result.append(run)
    return result
