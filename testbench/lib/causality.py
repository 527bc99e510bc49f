"""A small world of golden nodes in which the true causes of every byte are known, apart from any log.

Accelerators compute on cells of memory.  Each cell has its *causes*: for every session that had a part in
it, the FLOPs that this session had spent when it last did.  What is sent are tokens of 8 bytes, each standing
for the causes of the cell that it was read from; what leaves a node on any wire is held against the log that
it carries.
"""

from collections import Counter, deque
from collections.abc import Iterable
from random import Random

from interlock.device.cluster import End, full_mesh
from interlock.device.golden import GoldenEngine
from interlock.model.accelerator import EventRun, SentMessage
from interlock.model.log import ENTRY_BYTES, Entry
from interlock.model.messages import Kind, Message
from interlock.model.node import GoldenNode
from interlock.model.parameters import NodeParameters
from interlock.model.records import HEADER, RecordType, decode_prefix
from interlock.model.scheduler import SeededScheduler
from interlock.model.summary import Summary
from interlock.wires import Level, Rolled, Segment

NODES = 3
CELLS = 6
TOKEN = 8
MESSAGE_BYTES = 64

Causes = dict[bytes, int]
"""FLOPs by session id."""


class Unsound(AssertionError):
    """Something left without a log that covers its causes."""


def together(causes: Iterable[Causes]) -> Causes:
    """What caused any of them."""
    union: Causes = {}
    for each in causes:
        for session, flops in each.items():
            union[session] = max(union.get(session, 0), flops)
    return union


class Accelerator:
    """Moves and mixes cells as chance has it, whenever it gets a message."""

    def __init__(self, world: "World", random: Random) -> None:
        self.world = world
        self.random = random
        self.node: GoldenNode
        self.clear()

    def clear(self) -> None:
        self.events: list[EventRun] = []
        self.sent: deque[SentMessage] = deque()
        self.cells: list[Causes] = [{} for _ in range(CELLS)]
        self._received: deque[bytes] = deque()
        self._steps = 0
        self._flops = 0
        self._positions = [0, 0]

    def receive(self, message: bytes) -> None:
        self.world.check("released", self.node.known.entries, message[16:])
        self._received.append(message[16:])

    def advance(self) -> bool:
        if not self._steps:
            if not self._received:
                return False
            for causes in self.world.causes_of(self._received.popleft()):
                self.cells[self.random.randrange(CELLS)] = causes
            self._steps = 1 + self.random.randrange(6)
        self._steps -= 1
        if self.random.random() < 0.4:
            self._compute()
        else:
            self._send()
        return True

    def _compute(self) -> None:
        port, repeat = self.random.randrange(2), self.random.randint(1, 9)
        count = self.random.randint(1, (16, 2)[port])
        self.events.append(EventRun(port, 0x21, count, repeat))
        self._positions[port] += repeat
        self._flops += 2 * count * repeat
        inputs = [self.random.choice(self.cells) for _ in range(2)]
        own = {self.node.session.session_id: self._flops}
        self.cells[self.random.randrange(CELLS)] = together([*inputs, own])

    def _send(self) -> None:
        tokens = [self.world.token(self.random.choice(self.cells)) for _ in range(self.random.randrange(10))]
        kind = self.random.choice([Kind.PEER, Kind.PEER, Kind.EXPORT])
        slot = self.random.randrange(NODES) if kind is Kind.PEER else 0  # one slot too many, at times
        message = Message(kind, slot, b"".join(tokens))  # and at times too long
        self.sent.append(SentMessage(message.encode(), (self._positions[0], self._positions[1])))


class World:
    """Three nodes, each joined to both others, and a history that happens to them.

    Attributes
    ----------
    checked : Counter
        How many tokens with causes were found covered, by where they went.
    """

    def __init__(self, seed: int, *, log_entries: int = 6) -> None:
        random = Random(seed)
        self.random = random
        self.checked: Counter[str] = Counter()
        self._tokens: list[Causes] = [{}]
        self.engines = []
        for serial in range(NODES):
            accelerator = Accelerator(self, Random(random.random()))
            parameters = NodeParameters(links=2, log_entries=log_entries, message_bytes=MESSAGE_BYTES)
            node = GoldenNode(parameters=parameters, accelerator=accelerator, maker=1, serial=serial)
            accelerator.node = node
            node.push_random(random.randrange(1 << 32) for _ in range(200))
            self.engines.append(GoldenEngine(node, SeededScheduler(random.randrange(1 << 32))))
        self._joins = [(one, two) for pair in full_mesh(NODES) for one, two in (pair, pair[::-1])]
        self._pipes: list[deque[Segment | Level]] = [deque() for _ in self._joins]
        self._damaged: set[int] = set()
        self._watches = {one: LinkWatch(self) for one, _ in self._joins}
        self._host_watches = [HostWatch(self) for _ in self.engines]

    # Causes

    def token(self, causes: Causes) -> bytes:
        """Bytes that stand for ``causes``."""
        self._tokens.append(causes)
        return (len(self._tokens) - 1).to_bytes(TOKEN, "big")

    def causes_of(self, payload: bytes) -> list[Causes]:
        """What the whole tokens in ``payload`` stand for."""
        whole = len(payload) // TOKEN * TOKEN
        return [self._tokens[int.from_bytes(payload[i : i + TOKEN], "big")] for i in range(0, whole, TOKEN)]

    def check(self, where: str, entries: Iterable[Entry], payload: bytes, total: int | None = None) -> None:
        """Raises :class:`Unsound` unless the log covers all that can have influenced ``payload``."""
        known = {entry.session_id: entry.flops for entry in entries}
        true = self.causes_of(payload)
        for causes in true:
            for session, flops in causes.items():
                if known.get(session, -1) < flops:
                    raise Unsound(f"{where}: {known.get(session)} of {flops} FLOPs of {session.hex()}")
        if total is not None and total < sum(together(true).values()):
            raise Unsound(f"{where}: a total of {total}")
        self.checked[where] += sum(map(bool, true))
        self.checked[f"{where} of others"] += sum(len(causes) > 1 for causes in true)

    # History

    def settle(self, rounds: int = 5, most: int = 100) -> None:
        """All nodes run for at most so many cycles, and all links carry what they have."""
        for _ in range(rounds):
            for engine in self.engines:
                engine.run(self.random.randint(most // 10, most))
            self._collect()
            for pipe in range(len(self._pipes)):
                self.carry(pipe, 100)

    def run(self, node: int, most: int = 40) -> None:
        self.engines[node].run(self.random.randint(1, most))
        self._collect()

    def carry(self, pipe: int, items: int = 1) -> None:
        """The first ``items`` of what is on its way arrive."""
        waiting = self._pipes[pipe]
        far = self._joins[pipe][1]
        if pipe in self._damaged and self._damage(waiting):
            self._damaged.remove(pipe)
        arriving = [waiting.popleft() for _ in range(min(items, len(waiting)))]
        self.engines[far.node].push_link(far.slot, arriving)

    def start(self, node: int) -> None:
        """The host sends data without a history."""
        payload = self.token({}) * self.random.randrange(4)
        self.engines[node].push_host([Segment(Message(Kind.EXTERNAL, 0, payload).encode(), True, True)])

    def start_badly(self, node: int) -> None:
        """The host sends what must be refused."""
        self.engines[node].push_host([Segment(Message(Kind.PEER, 0, self.token({})).encode(), True, True)])

    def roll(self, node: int) -> None:
        """A new session, while messages are on their way everywhere."""
        for most in (100, 40):
            for number in range(NODES):
                self.start(number)
            self.settle(2, most)
        self.run(node, most=20)
        self.engines[node].roll()

    def reopen(self, node: int) -> None:
        self.engines[node].reopen(self.random.randrange(2))

    def damage(self, pipe: int) -> None:
        """The next record that is carried is lost, repeated, cut, or has a bit flipped."""
        self._damaged.add(pipe)

    def _damage(self, waiting: deque[Segment | Level]) -> bool:
        at = next((at for at, item in enumerate(waiting) if isinstance(item, Segment)), None)
        if at is None:
            return False
        segment = waiting[at]
        assert isinstance(segment, Segment)
        match self.random.randrange(4):
            case 0:
                del waiting[at]
            case 1:
                waiting.insert(at, segment)
            case 2 if len(segment.data) > 16:
                waiting[at] = Segment(segment.data[:16], segment.first, segment.last)
            case _:
                data = bytearray(segment.data)
                data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
                waiting[at] = Segment(bytes(data), segment.first, segment.last)
        return True

    def _collect(self) -> None:
        """Looks at everything that has left."""
        for pipe, (end, _) in zip(self._pipes, self._joins, strict=True):
            items = self.engines[end.node].pop_link(end.slot)
            self._watches[End(end.node, end.slot)].see(items)
            pipe.extend(items)
        for engine, watch in zip(self.engines, self._host_watches, strict=True):
            watch.see(engine.pop_host())


class LinkWatch:
    """Holds every payload on a link, even half of one, against the prefix before it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._record = bytearray()
        self._entries: list[Entry] = []

    def see(self, items: Iterable[Segment | Level]) -> None:
        for item in items:
            if (not item.up) if isinstance(item, Level) else item.first:
                self._check()
            if isinstance(item, Segment):
                self._record += item.data
                if item.last:
                    self._check()

    def _check(self) -> None:
        record, self._record = bytes(self._record), bytearray()
        if len(record) <= HEADER.size:
            return
        body = record[HEADER.size : HEADER.size + HEADER.unpack(record)["length"]]
        if record[1] == RecordType.PAYLOAD:
            self._world.check("carried", self._entries, body)
        elif len(body) == HEADER.unpack(record)["length"]:
            self._entries = decode_prefix(body)


class HostWatch:
    """Holds every exported payload, even half of one, against its log and summary."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._message = bytearray()
        self._entries: list[Entry] = []
        self._total = 0

    def see(self, items: Iterable[Segment | Rolled]) -> None:
        for item in items:
            if isinstance(item, Rolled) or item.first:
                self._check(is_whole=False)
            if isinstance(item, Segment):
                self._message += item.data
                if item.last:
                    self._check(is_whole=True)

    def _check(self, *, is_whole: bool) -> None:
        message, self._message = bytes(self._message), bytearray()
        body = message[16:]
        if len(message) <= 16:
            return
        if message[0] == Kind.LOG:
            whole = len(body) // ENTRY_BYTES * ENTRY_BYTES
            entries = range(0, whole, ENTRY_BYTES)
            self._entries = [Entry.decode(body[at : at + ENTRY_BYTES]) for at in entries]
        elif message[0] == Kind.SUMMARY:
            self._total = Summary.decode(body).total if is_whole else 0
            assert not is_whole or self._total == sum(entry.flops for entry in self._entries)
        else:
            self._world.check("exported", self._entries, body, self._total)
