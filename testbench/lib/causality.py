"""A small world of golden nodes in which the true causes of every byte are known, apart from any log.

Accelerators compute on cells of memory.  Each cell has its *causes*: for every session that had a part in
it, the FLOPs that this session had spent when it last did; and the digests of the external data that it goes
back to.  What is sent, in messages and streams, are tokens of 8 bytes, each standing for the causes of the
cell that it was read from; what leaves a node on any wire is held against the log that went with it.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace
from random import Random

from interlock.device.golden import GoldenEngine
from interlock.device.joins import End, full_mesh
from interlock.model.accelerator import EventRun, SentMessage
from interlock.model.digest import tree_digest
from interlock.model.log import ENTRY_BYTES, Entry
from interlock.model.messages import Kind, Message
from interlock.model.node import GoldenNode
from interlock.model.parameters import NodeParameters
from interlock.model.records import HEADER, PREFIX_HEADER, Descriptor, RecordFlag, RecordType, split_entries
from interlock.model.scheduler import SeededScheduler
from interlock.model.summary import Summary
from interlock.wires import Level, Rolled, Segment

NODES = 3
CELLS = 6
TOKEN = 8
SESSION_ID_BYTES = 16
MESSAGE_BYTES = 64
STAGING_BYTES = 240

Causes = dict[bytes, int]
"""FLOPs by session id, and 0 by digest."""


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

    def __init__(self, world: "World", number: int, random: Random) -> None:
        self.world = world
        self.number = number
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
        log = self.node.known
        own = replace(log.own, flops=log.announced)  # a new sample covers what it spent since
        self.world.check("released", [own, *log.entries[1:]], log.externals, message[16:])
        stream = self.node.egress.stream
        if stream is not None and not stream.has_ended:
            # Not here, but in other accelerators the rest of it could depend on the message.
            watch = self.world.watches[End(self.number, stream.message.peer)]
            entries = [*watch.entries.values(), *stream.scan.sessions]
            externals = [*watch.externals, *stream.scan.externals]
            self.world.check("released in a window", entries, externals, message[16:])
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
        if self.random.random() < 0.4:
            self._stream()
            return
        kind = self.random.choice([Kind.PEER, Kind.PEER, Kind.EXPORT])
        slot = self.random.randrange(NODES) if kind is Kind.PEER else 0  # one slot too many, at times
        message = Message(kind, slot, self._tokens(9))  # and at times too long
        self.sent.append(SentMessage(message.encode(), self._before))

    def _stream(self) -> None:
        """Computes between the parts that it sends; bound and maximum are right, or not."""
        payload, parts, begin = b"", [], self._flops
        for _ in range(self.random.randint(0, 5)):
            payload += self._tokens(5)
            if self.random.random() < 0.6:
                parts.append((len(payload), self._before))
                self._compute()
        bound = (self._flops - begin) // self.random.choice([1, 1, 1, 2])
        maximum = self.random.choice([1, 1, 1, 5]) * len(payload) // self.random.choice([1, 1, 1, 2])
        header = Message(Kind.PEER, self.random.randrange(2), b"", bound, maximum).encode()
        earlier = tuple((len(header) + size, before) for size, before in parts)
        self.sent.append(SentMessage(header + payload, self._before, earlier))

    def _tokens(self, most: int) -> bytes:
        count = self.random.randint(0, most)
        return b"".join(self.world.token(self.random.choice(self.cells)) for _ in range(count))

    @property
    def _before(self) -> tuple[int, ...]:
        return tuple(self._positions)


class World:
    """Three nodes, each joined to both others, and a history that happens to them.

    Attributes
    ----------
    checked : Counter
        How many tokens with causes were found covered, by where they went.
    watches : dict of LinkWatch
        By the end from which they look.
    """

    def __init__(self, seed: int, *, log_entries: int = 6) -> None:
        random = Random(seed)
        self.random = random
        self.checked: Counter[str] = Counter()
        self._tokens: list[Causes] = [{}]
        self.engines = []
        for serial in range(NODES):
            accelerator = Accelerator(self, serial, Random(random.random()))
            parameters = NodeParameters(
                links=2,
                log_entries=log_entries,
                message_bytes=MESSAGE_BYTES,
                staging_bytes=STAGING_BYTES,
                is_sealed=False,
            )
            node = GoldenNode(parameters=parameters, accelerator=accelerator, maker=1, serial=serial)
            accelerator.node = node
            node.push_random(random.randrange(1 << 32) for _ in range(200))
            self.engines.append(GoldenEngine(node, SeededScheduler(random.randrange(1 << 32))))
        self._joins = [(one, two) for pair in full_mesh(NODES) for one, two in (pair, pair[::-1])]
        self._pipes: list[deque[Segment | Level]] = [deque() for _ in self._joins]
        self._damaged: set[int] = set()
        self.watches = {one: LinkWatch(self) for one, _ in self._joins}
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

    def check(
        self,
        where: str,
        entries: Iterable[Entry],
        externals: Iterable[bytes],
        payload: bytes,
        total: int | None = None,
    ) -> None:
        """Raises :class:`Unsound` unless the log covers all that can have influenced ``payload``."""
        known = together([dict.fromkeys(externals, 0), *({e.session_id: e.flops} for e in entries)])
        true = self.causes_of(payload)
        for causes in true:
            for session, flops in causes.items():
                if known.get(session, -1) < flops:
                    raise Unsound(f"{where}: {known.get(session)} of {flops} FLOPs of {session.hex()}")
        if total is not None and total < sum(together(true).values()):
            raise Unsound(f"{where}: a total of {total}")
        self.checked[where] += sum(map(bool, true))
        self.checked[f"{where} of others"] += sum(_sessions(causes) > 1 for causes in true)

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
        """The host sends data without a history, which is its own cause."""
        causes: Causes = {}
        payload = self.token(causes) * self.random.randrange(4)
        causes[tree_digest(payload)] = 0
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
        self.run(node, most=40)
        self.engines[node].roll()

    def reopen(self, node: int) -> None:
        self.engines[node].reopen(self.random.randrange(2))

    def request_full(self, node: int) -> None:
        self.engines[node].request_full(self.random.randrange(2))

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
            self.watches[End(end.node, end.slot)].see(items)
            pipe.extend(items)
        for engine, watch in zip(self.engines, self._host_watches, strict=True):
            watch.see(engine.pop_host())


def _sessions(causes: Causes) -> int:
    """How many sessions are among ``causes``."""
    return sum(len(source) == SESSION_ID_BYTES for source in causes)


class LinkWatch:
    """Holds every payload on a link, even half of one, against all prefixes of its epoch before it.

    Attributes
    ----------
    entries : dict of Entry
        The most that was said of each source in this epoch.
    externals : set of bytes
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._record = bytearray()
        self._begin()

    def _begin(self) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.externals: set[bytes] = set()
        self._sessions_left = 0  # in the prefix that goes on

    def see(self, items: Iterable[Segment | Level]) -> None:
        for item in items:
            if (not item.up) if isinstance(item, Level) else item.first:
                self._check()
            if isinstance(item, Segment):
                self._record += item.data
                if item.last:
                    self._check()
            elif not item.up:
                self._begin()

    def _check(self) -> None:
        record, self._record = bytes(self._record), bytearray()
        if len(record) <= HEADER.size:
            return
        header = HEADER.unpack(record)
        body = record[HEADER.size : HEADER.size + header["length"]]
        if header["type"] == RecordType.PAYLOAD:
            self._world.check("carried", self.entries.values(), self.externals, body)
        elif header["type"] == RecordType.PREFIX and len(body) == header["length"]:
            self._learn(body, is_first=bool(header["flags"] & RecordFlag.SOM))

    def _learn(self, body: bytes, *, is_first: bool) -> None:
        """What the other end merges of a PREFIX record."""
        if is_first:
            descriptor = Descriptor.decode(body)
            self._world.checked["deltas"] += descriptor.is_delta
            self._world.checked["bounds"] += descriptor.max_bound > 0
            self._sessions_left = descriptor.n_sessions
            body = body[PREFIX_HEADER.size :]
        for at in range(0, len(body), ENTRY_BYTES):
            if self._sessions_left:
                self._sessions_left -= 1
                entry = Entry.decode(body[at : at + ENTRY_BYTES])
                known = self.entries.setdefault(entry.session_id, entry)
                if entry.flops > known.flops:
                    self.entries[entry.session_id] = entry
            else:
                self.externals.add(body[at : at + ENTRY_BYTES])


class HostWatch:
    """Holds every exported payload, even half of one, against its log and summary."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._message = bytearray()
        self._log = b""
        self._summary: Summary | None = None

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
            self._log = body
            return
        if message[0] == Kind.SUMMARY:
            self._summary = Summary.decode(body) if is_whole else None
            return
        assert self._summary is not None
        middle = self._summary.n_sessions * ENTRY_BYTES
        entries = split_entries(self._log[:middle])
        externals = [self._log[at : at + 32] for at in range(middle, len(self._log), 32)]
        assert len(externals) == self._summary.n_externals
        assert self._summary.total == sum(entry.flops for entry in entries)
        self._world.check("exported", entries, externals, body, self._summary.total)
