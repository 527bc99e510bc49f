"""Random jobs for clusters of reference accelerators: programs that compute, send, receive and export.

Sends and receives of all nodes are drawn in one order, so that no program waits for a message that never
comes.  What a node has under way to another is never more than that one's queue holds, as far as the sender
can know: an accelerator that overfills a queue is the one thing that no model follows
(``docs/accelerator.md``, *Messages*).
"""

from collections import deque
from dataclasses import dataclass, field
from random import Random

from interlock.device.assembler import HOST, Program
from interlock.device.loader import data_message
from interlock.model.command import Command, Opcode, Operand

WORD = 16
"""Bytes of a word, with arrays of 4."""
PROGRAM = 512
"""Where programs begin: below are data, behind it room for their commands."""
MAX_COMMANDS = 70
WINDOW = 400
"""Words that may be under way to one queue, of 512."""

Place = tuple[int, int]
"""Node and slot."""


@dataclass
class HostPlan:
    """What the host of one node sends: at once, and after so many exports."""

    load: list[bytes]
    data: deque[tuple[int, bytes]] = field(default_factory=deque)


@dataclass
class _Channel:
    """One direction of a link, or a host and its node: what is under way, and what the sender knows."""

    under_way: deque[tuple[int, int]] = field(default_factory=deque)  # words, what their sender had consumed
    sent: int = 0
    consumed: int = 0
    known: int = 0  # of what was consumed, by the sender

    def has_room(self, words: int) -> bool:
        return self.sent - self.known + words <= WINDOW


def queue_words(length: int) -> int:
    """Words that a message of ``length`` bytes takes of a queue."""
    return 1 + -(-length // WORD)


def load_bytes(message_bytes: int) -> int:
    """Payloads of the messages that load a program: few enough words for any queue."""
    return min(message_bytes, 2048)


def random_length(random: Random, message_bytes: int) -> int:
    """A payload's length: mostly short, sometimes at an edge."""
    edges = (0, 1, 15, 16, 17, 4095, 4096, 4097, message_bytes - 1, message_bytes)
    if random.random() < 0.1:
        return random.choice([edge for edge in edges if edge <= message_bytes])
    return random.randint(0, min(random.choice((40, 300, 1500)), message_bytes))


def solo(random: Random, *, links: int) -> Program:
    """A program that needs nobody: it computes, sends two words to each link, and exports."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    actions = [
        lambda slot=slot: program.send(a=0, slot=slot, length=random.randint(0, 32)) for slot in range(links)
    ]
    actions += [lambda: program.scale(y=0, a=0, factor=2, words=random.randint(0, 30))] * 2
    actions += [lambda: program.export(a=0, length=random.randint(0, 100))] * 2
    for act in random.sample(actions, len(actions)):
        act()
    program.halt()
    return program


class Job:
    """Programs for all nodes of a cluster, and what their hosts send.

    Parameters
    ----------
    random : Random
    joins : dict
        The other end of each (node, slot).
    nodes : int
    messages : int
        How many messages nodes and hosts send, about.
    message_bytes : int
        Largest payload.

    Attributes
    ----------
    hosts : list of HostPlan
        One for each node.
    listings : list of str
        The programs as text.
    """

    def __init__(
        self,
        random: Random,
        joins: dict[Place, Place],
        *,
        nodes: int,
        messages: int,
        message_bytes: int,
    ) -> None:
        self._random = random
        self._joins = joins
        self._message_bytes = message_bytes
        self._programs = [Program(origin=PROGRAM, scratch_words=1024) for _ in range(nodes)]
        self._channels = {place: _Channel() for place in joins}  # by where they leave
        self._from_host = [_Channel() for _ in range(nodes)]
        self._exports = [0] * nodes
        self._data: list[deque[tuple[int, bytes]]] = [deque() for _ in range(nodes)]
        left = messages
        while left or self._waiting():
            left -= self._act(left)
        for program in self._programs:
            program.halt()
        self.hosts = [
            HostPlan(load=program.messages(message_bytes=load_bytes(message_bytes)), data=data)
            for program, data in zip(self._programs, self._data, strict=True)
        ]
        self.listings = [program.listing() for program in self._programs]

    def _waiting(self) -> bool:
        return any(channel.under_way for channel in (*self._channels.values(), *self._from_host))

    def _act(self, left: int) -> int:
        """Adds one action to a program; returns how many messages that is."""
        node = self._random.randrange(len(self._programs))
        if len(self._programs[node].commands) > MAX_COMMANDS:
            return left if left else self._receive(node)
        choices = [self._compute, self._receive]
        if left:
            choices += [self._compute, self._send, self._send, self._export, self._host_sends, self._refused]
        return self._random.choice(choices)(node)

    def _address(self, words: int) -> int:
        """Where ``words`` words do not lie on the program."""
        return self._random.randint(0, PROGRAM - words)

    def _send(self, node: int) -> int:
        slot = self._random.choice([slot for at, slot in self._joins if at == node])
        channel = self._channels[node, slot]
        length = random_length(self._random, self._message_bytes)
        words = queue_words(length)
        if not channel.has_room(words):
            return 0
        self._programs[node].send(a=self._address(words), slot=slot, length=length)
        channel.sent += words
        back = self._channels[self._joins[node, slot]]
        channel.under_way.append((words, back.consumed))
        return 1

    def _receive(self, node: int) -> int:
        program = self._programs[node]
        words = self._random.randint(0, 300)
        if self._from_host[node].under_way and self._random.random() < 0.3:
            channel, source = self._from_host[node], HOST
            got, _ = channel.under_way.popleft()
        else:
            slot = self._random.choice([slot for at, slot in self._joins if at == node])
            channel, source = self._channels[self._joins[node, slot]], slot
            if not channel.under_way:
                return 0
            got, consumed = channel.under_way.popleft()
            own = self._channels[node, slot]
            own.known = max(own.known, consumed)
        channel.consumed += got
        program.receive(y=self._address(words), source=source, words=words)
        return 0

    def _export(self, node: int) -> int:
        length = random_length(self._random, self._message_bytes)
        self._programs[node].export(a=self._address(queue_words(length)), length=length)
        self._exports[node] += 1
        channel = self._from_host[node]
        channel.known = channel.consumed
        return 1

    def _host_sends(self, node: int) -> int:
        """A first byte of 0: should no program run, the loader does nothing with it."""
        channel = self._from_host[node]
        length = random_length(self._random, self._message_bytes)
        words = queue_words(length)
        if not channel.has_room(words):
            return 0
        payload = (bytes(1) + self._random.randbytes(length))[:length]
        self._data[node].append((self._exports[node], data_message(payload)))
        channel.sent += words
        channel.under_way.append((words, 0))
        return 1

    def _refused(self, node: int) -> int:
        """A message that no Interlock lets through."""
        fields = {"kind": 1, "flags": 0, "peer": 0, "length": self._random.randint(0, 100)}
        match self._random.randrange(4):
            case 0:
                fields["kind"] = self._random.choice((0, 3, 4, 5, 6, 7, 255))
            case 1:
                fields["flags"] = self._random.randint(2, 255)  # 1 alone is a stream
            case 2:
                fields["peer"] = self._random.randint(2, 0xFFFF)
            case 3:
                fields["length"] = self._random.randint(self._message_bytes + 1, 3 * self._message_bytes)
        self._programs[node].commands.append(
            Command(opcode=Opcode.SEND, a=Operand(base=self._random.randrange(1024)), **fields)
        )
        return 1

    def _compute(self, node: int) -> int:
        random, program = self._random, self._programs[node]
        y, a, b = (self._address(64) for _ in range(3))
        words = random.randint(0, 60)
        match random.randrange(5):
            case 0:
                rows, columns, k = random.randint(1, 2), random.randint(1, 2), 2 * random.randint(1, 8)
                program.matmul(y=y, a=a, b=b, rows=rows, columns=columns, k=k)
            case 1:
                program.row_panels(y=y, a=a, rows=random.randint(1, 2), columns=random.randint(1, 2))
            case 2:
                program.scale(y=y, a=a, factor=random.uniform(-2, 2), words=words)
            case 3:
                program.copy(y=y, a=a, words=words)
            case 4:
                operation = random.choice((program.add, program.sub, program.mul, program.mask))
                with program.loop(random.randint(1, 3)) as i:
                    operation(y=y, a=a + random.randint(0, 2) * i, b=b, words=min(words, 50))
        return 0
