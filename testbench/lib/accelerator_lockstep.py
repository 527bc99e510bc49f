"""The reference accelerator's gateware against its golden model: same messages in, same everything out."""

from interlock.device.assembler import Program
from interlock.device.rtl import Rtl
from interlock.model.accelerator import AcceleratorParameters, GoldenAccelerator
from interlock.wires import OpRun, Segment

from lib.accelerator_bench import AcceleratorBench
from lib.accelerator_programs import reader

SILENCE = 3000
"""Cycles in which nothing more may come."""


class Lockstep:
    """Both accelerators.  :meth:`send` and :meth:`settle` as often as wanted; a difference is an assertion.

    Parameters
    ----------
    beat_bytes : int
    parameters : AcceleratorParameters
    """

    def __init__(self, *, beat_bytes: int, parameters: AcceleratorParameters) -> None:
        self.parameters = parameters
        self.golden = GoldenAccelerator(parameters)
        bench = AcceleratorBench(
            beat_bytes=beat_bytes,
            array_size=parameters.array_size,
            scratch_words=parameters.scratch_words,
            links=parameters.links,
            queue_words=parameters.queue_words,
        )
        self.rtl = Rtl(bench)

    def pause(self, idle: float, stall: float, *, seed: int) -> None:
        """From now on ``rx`` and ``tx`` pause in each cycle with these probabilities."""
        self.rtl.pause("rx", idle, seed=seed)
        self.rtl.pause("tx", stall, seed=seed)

    def clear(self) -> None:
        """Clears both, whatever they do; what was not yet taken from ``rx`` is dropped."""
        rtl = self.rtl
        rtl.set("clear_request", 1)
        for _ in range(self.parameters.scratch_words + 3 * self.parameters.queue_words):
            rtl.run(1)
            if rtl.get("clear_done"):
                break
        assert rtl.get("clear_done")
        assert rtl.waiting("rx") == 0
        rtl.set("clear_request", 0)
        rtl.run(1)
        for name in ("tx", "monitor__tx", "monitor__rx"):
            rtl.pop(name)
        for name in ("began", "ended"):
            rtl.pop_words(name)
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

        received = messages_of(sent)
        assert [m.hex() for m in received] == [message.data.hex() for message in expected]
        for port in range(2):
            assert joined(operations[port]) == joined(runs[port])
        positions = [message.events_before[0] | message.events_before[1] << 32 for message in expected]
        assert rtl.pop_words("began") == positions
        assert rtl.pop_words("ended") == positions
        assert rtl.get("busy") == golden.running
        assert rtl.get("fault") == 0
        return received

    def follow(self, cycles: int) -> int:
        """Runs the gateware, then the model until it has done as much, and compares as far as both went.

        For programs that may never wait; after it only :meth:`clear` makes sense.  Returns how many events
        there were.
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
        positions = [message.events_before[0] | message.events_before[1] << 32 for message in golden.sent]
        began, ended = rtl.pop_words("began"), rtl.pop_words("ended")
        assert began == positions[: len(began)]
        assert ended == positions[: len(ended)]
        assert rtl.get("fault") == 0
        return sum(counts)

    def run(self, program: Program) -> list[bytes]:
        """Loads a program, starts it, and settles."""
        self.send(*program.messages())
        return self.settle()

    def read_all(self) -> bytes:
        """All of scratch memory, the program that reads it included."""
        memory = b"".join(message[16:] for message in self.run(reader(self.parameters)))
        assert memory == self.golden.scratch.read(0, len(memory))
        return memory


def messages_of(segments: list[Segment]) -> list[bytes]:
    """Whole messages from their segments."""
    messages: list[bytes] = []
    whole = True
    for segment in segments:
        assert isinstance(segment, Segment), f"an illegal beat: {segment}"
        assert segment.first == whole
        messages.append(segment.data) if whole else messages.append(messages.pop() + segment.data)
        whole = segment.last
    assert whole, "the last message lacks its end"
    return messages


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
