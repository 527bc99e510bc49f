"""Random messages for puppets: what a message may be, and what no Interlock lets through."""

from random import Random

from interlock.model.messages import HEADER, STREAM, STREAM_HEADER, Kind
from interlock_hdl.config import InterlockConfig
from interlock_hdl.record import Mode

from lib.jobs import random_length
from lib.script import WORD_BYTES, Script, Work

MULTIPLY_ADD, ELEMENT = 0x21, 0x12
FLOPS = {MULTIPLY_ADD: 2, ELEMENT: 1}
MOST = 1 << 96


class Talk:
    """Says one random thing after the other.

    Parameters
    ----------
    random : Random
    config : InterlockConfig
        Of the node; its neighbours are of the same build.
    slots : list of int
        Where there is a neighbour.
    breaks_peaks : float
        Probability of work that no unit can do: an alarm.
    """

    def __init__(
        self, random: Random, *, config: InterlockConfig, slots: list[int], breaks_peaks: float = 0
    ) -> None:
        self.random = random
        self.config = config
        self.slots = slots
        self.breaks_peaks = breaks_peaks

    def say(self, script: Script) -> None:
        """Adds a message, or some work, to a script."""
        acts = [self._buffered, self._buffered, self._buffered, self._stream, self._stream, self._stream]
        acts += [self._export, self._work, self._refused, self._never]
        while True:
            part = Script()
            self.random.choice(acts)(part)
            if part.largest <= self.config.message_bytes:
                script.add(part)
                return

    def _slot(self) -> int:
        return self.random.choice(self.slots)

    def _seed(self) -> int:
        return self.random.getrandbits(32)

    def _buffered(self, script: Script) -> None:
        script.peer(self._slot(), random_length(self.random, self.config.message_bytes), seed=self._seed())

    def _export(self, script: Script) -> None:
        script.export(random_length(self.random, self.config.message_bytes), seed=self._seed())

    def _work(self, script: Script) -> None:
        work = self._piece(0)
        script.events(port=work.port, op_class=work.op_class, count=work.count, repeat=work.repeat)

    def _piece(self, after: int) -> Work:
        """Work that a unit can do, or seldom, more than that."""
        port = self.random.randrange(len(self.config.issue_ports))
        op_class = (MULTIPLY_ADD, ELEMENT)[port % 2]
        most = self.config.issue_ports[port].peak // FLOPS[op_class]
        count = self.random.randint(0, most)
        if self.random.random() < self.breaks_peaks:
            count = most + 1
        repeat = self.random.choice((1, 1, 2, self.random.randint(1, 60)))
        return Work(after=after, port=port, op_class=op_class, count=count, repeat=repeat)

    def _stream(self, script: Script) -> None:
        """Bound and maximum: exact, generous or too small."""
        random = self.random
        largest = self.config.staging_bytes - HEADER.size
        length = random_length(random, largest)
        words = -(-length // WORD_BYTES)
        places = sorted(random.randrange(words) for _ in range(random.randint(0, 3))) if words else []
        work = [self._piece(after) for after in places]
        spent = sum(
            FLOPS[piece.op_class] * piece.count * piece.repeat
            for piece in work
            if self.config.issue_ports[piece.port].mode is not Mode.OPAQUE
        )
        every = random.choice((0, 0, 1, 3, 10))
        if every:
            script.burst(port=0, op_class=MULTIPLY_ADD, count=1, every=every)
            spent += 2 * ((2 + words) // every)
        bound = random.choice((spent, spent, spent + random.getrandbits(random.randint(1, 90)), spent // 2))
        maximum = random.choice((length, length, random.randint(length, largest), length // 2))
        script.stream(
            self._slot(),
            length,
            maximum=maximum,
            bound=bound,
            seed=self._seed(),
            work=work,
            spoiled=random.random() < 0.1,
        )
        if every:
            script.burst(every=0)
        if random.random() < 0.5:
            script.wait(random.choice((10, 50, 200)))  # what is computed next is no part of the stream

    def _never(self, script: Script) -> None:
        """A STREAM that can never leave."""
        length = self.random.randint(0, 100)
        maximum, bound = self.random.choice(
            (
                (self.config.staging_bytes - HEADER.size + self.random.choice((1, 16, 1 << 40)), 0),
                (length, MOST - self.random.choice((1, 2, 1 << 20))),
            )
        )
        script.stream(self._slot(), length, maximum=maximum, bound=bound, seed=self._seed())

    def _refused(self, script: Script) -> None:
        """A message that no Interlock lets through."""
        random = self.random
        header = {"kind": int(Kind.PEER), "flags": 0, "peer": self._slot(), "bound": 0}
        descriptor = {"maximum": 64, "reserved": 0}
        first, keep = True, 16
        match random.randrange(9):
            case 0:
                header["kind"] = random.choice((0, 3, 4, 5, 6, 7, 255))
            case 1:
                header["flags"] = random.randint(2, 255)
            case 2:
                header["peer"] = random.randint(self.config.links, 0xFFFF)
            case 3:
                header["bound"] = random.getrandbits(96) | 1
            case 4:
                header |= {"kind": int(Kind.EXPORT), "peer": 0, "flags": STREAM}
            case 5:
                header["flags"] = STREAM
                field = random.choice(("maximum", "reserved"))
                descriptor[field] = random.choice((1 << 48, 1 << 63))
            case 6:
                script.peer(self._slot(), self.config.message_bytes + random.randint(1, 100))
                return
            case 7:
                header["flags"] = STREAM
                keep = random.randint(1, 15)
            case 8:
                header["flags"] = random.choice((0, STREAM))
                first = False
        words = [HEADER.pack(**header), STREAM_HEADER.pack(**descriptor)]
        if random.random() < 0.3:
            script.raw(words[:1], first=first, keep=random.randint(1, 15))
        else:
            script.raw(words, first=first, keep=keep)
