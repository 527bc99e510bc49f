"""A node in lockstep whose peers and host do what they like: forge, cut, replay, toggle every level."""

from random import Random

from interlock.device.compare import Mismatch
from interlock.device.loader import data_message
from interlock.model.credit import cost
from interlock.model.log import Entry
from interlock.model.records import RecordType, encode_credit
from interlock.model.session import State
from interlock.wires import Level, RawBeat, Segment
from interlock_hdl.config import InterlockConfig
from lib.garbage import garbage
from lib.jobs import load_bytes, queue_words
from lib.nodes import limits, lockstep_node
from lib.peer import PLENTY, reseal
from lib.settle import outstanding

from campaigns.rogue_peer import RoguePeer, forged
from campaigns.rogue_programs import echo, talk
from campaigns.tally import Tally

PATIENCE = 400_000
"""Cycles after which everything must have come to rest."""
LINK_WORDS = 400
"""Words that may wait in a queue which the accelerator reads, of 512."""
HOST_WORDS = 200
"""Words that a host sends in one session: those of the last one may still be on their way."""


class Rogues:
    """One random history of one node.

    Parameters
    ----------
    seed : int
    config : InterlockConfig
    rounds : int
        From quiet to quiet.
    """

    def __init__(self, seed: int, *, config: InterlockConfig, rounds: int = 12) -> None:
        self.random = Random(seed)
        self.rounds = rounds
        self.config = config
        self.node = lockstep_node(self.config, serial=1)
        self.golden = self.node.golden
        self.watched = self.node.node
        self.peers = [
            RoguePeer(
                self.node,
                slot,
                session_id=0xA0 + slot,
                beat_bytes=config.beat_bytes,
                limits=limits(config),
            )
            for slot in range(self.config.links)
        ]
        self.node.push_random(self.random.getrandbits(32) for _ in range(1000))
        self.sources = [0xC0 + i for i in range(5)]
        self.digests = [self.random.randbytes(32) for _ in range(3)]
        self.said: list[bytes] = []  # records of any link and epoch
        self.link_words = 0
        self.host_words = 0
        self.is_rolling = True

    def run(self) -> Tally:
        """Runs it all; raises :class:`Mismatch` where anything is not as it must be."""
        for _ in range(self.rounds):
            self._round()
        self.watched.rtl.close()
        return Tally.of([self.node])

    def _round(self) -> None:
        random = self.random
        self._pause()
        if self.golden.session.state is State.CLOSED or random.random() < 0.1:
            self._roll()
        waits = not (self.golden.egress.accepted or self.golden.sent)
        if waits and self.golden.accelerator.running:
            self.link_words = 0  # the program has read everything
        decency = random.choice((0.5, 0.9, 0.97))
        for _ in range(random.randint(1, 25)):
            self._act(is_decent=random.random() < decency)
            self._run(random.choice((1, 2, 5, 20, 100, 300)))
        for peer in self.peers:
            peer.wants_up = random.random() < 0.9
            peer.credit = random.choice((PLENTY, PLENTY, 64, cost(self.config.message_bytes), None))
        self._settle()

    def _pause(self) -> None:
        links = [f"links__{slot}__{way}" for slot in range(self.config.links) for way in ("rx", "tx")]
        for port in ["host_in", "host_out", "random", *links]:
            probability = self.random.choice((0, 0, 0, 0.1, 0.5, 0.9))
            self.watched.rtl.pause(port, probability, seed=self.random.getrandbits(30))

    def _run(self, cycles: int) -> None:
        self.watched.forget()
        self.node.run(cycles)
        self.node.pop_host()
        if self.is_rolling and self.golden.session.state is State.OPEN:
            self.is_rolling = False
            self.host_words = self.link_words = 0
        for peer in self.peers:
            peer.look()

    def _settle(self) -> None:
        begin = self.node.cycles
        while True:
            for _ in range(10):
                self._run(50)
            problem = outstanding(self.node)
            if not problem:
                return
            if self.node.cycles - begin > PATIENCE:
                raise Mismatch(self.node.name, f"after {PATIENCE} cycles: {problem}")

    def _act(self, *, is_decent: bool) -> None:
        peer = self.random.choice(self.peers)
        decent = [self._send, self._send, self._send, self._host, self._host, self._reopen, self._grant]
        decent += [self._give_up, self._request_full]
        rude = [self._forge, self._forge, self._spoil, self._repeat, self._beats, self._levels, self._roll]
        rude += [self._garbage, self._cut, self._reflect, self._control, self._control]
        self.random.choice(decent if is_decent else rude)(peer)

    # What decent peers and hosts do

    def _send(self, peer: RoguePeer) -> None:
        lengths = (0, 1, 16, 40, 64, 100, 1000, 4096, 4097, 4608)
        length = self.random.choice([length for length in lengths if length <= self.config.message_bytes])
        if not peer.is_open or peer.spent + cost(length) > peer.allowed:
            return
        if peer is self.peers[0]:
            self.link_words += queue_words(length)
            if self.link_words > LINK_WORDS:
                return
        is_delta = not peer.owes_full and self.random.random() < 0.7
        externals = [self.random.choice(self.digests) for _ in range(self.random.choice((0, 0, 1, 3)))]
        payload = self.random.randbytes(length)
        peer.spent += cost(length)
        peer.owes_full = False
        entries = self._entries(peer)
        self._say(peer, peer.message(payload, *entries, externals=externals, is_delta=is_delta))

    def _give_up(self, peer: RoguePeer) -> None:
        """A message that is aborted before its end, most likely cut small."""
        if not peer.is_open or peer.spent + cost(200) > peer.allowed:
            return
        records = [peer.prefix(*self._entries(peer))]
        for _ in range(self.random.randint(0, 4)):
            records.append(peer.record(RecordType.PAYLOAD, bytes(self.random.choice((16, 48)))))
        records.append(peer.record(RecordType.ABORT, b""))
        peer.owes_full = True
        self._say(peer, records)

    def _grant(self, peer: RoguePeer) -> None:
        """More credit, or not even that."""
        if peer.is_open and peer.credit is not None:
            peer.credit = min(PLENTY, peer.credit + self.random.choice((0, 16, 5000)))
            peer.send([peer.grant(peer.credit)])

    def _request_full(self, peer: RoguePeer) -> None:
        """Asked of the other end by the node's host, or by the peer."""
        if self.random.random() < 0.5:
            self.node.request_full(self.peers.index(peer))
        elif peer.is_open:
            peer.send([peer.record(RecordType.FULL_REQUEST, b"")])

    def _entries(self, peer: RoguePeer) -> list[Entry]:
        others = self.random.sample(self.sources, self.random.randint(0, 3))
        entries = [peer.entry(self.random.getrandbits(40))]
        for source in others:
            flags = self.random.choice((1, 1, 5, 9, 13))
            entries.append(Entry(source.to_bytes(16), self.random.getrandbits(90), 1, 1, flags))
        return entries

    def _say(self, peer: RoguePeer, records: list[bytes]) -> None:
        self.said = (self.said + records)[-30:]
        peer.send(records)

    def _host(self, peer: RoguePeer) -> None:
        if self.watched.rtl.waiting("host_in") or self.is_rolling:
            return
        if not self.host_words:
            messages = self.random.choice((echo(), talk())).messages(
                message_bytes=load_bytes(self.config.message_bytes)
            )
        else:
            messages = [data_message(bytes(self.random.randint(0, 60)))]
        self.host_words += sum(queue_words(len(message) - 16) for message in messages)
        if self.host_words <= HOST_WORDS:
            self.node.push_host([Segment(message, True, True) for message in messages])

    def _reopen(self, peer: RoguePeer) -> None:
        self.node.reopen(self.peers.index(peer))
        peer.wants_up = True

    # What others do

    def _roll(self, peer: RoguePeer | None = None) -> None:
        self.node.roll()
        self.is_rolling = True

    def _garbage(self, peer: RoguePeer) -> None:
        config = self.config
        items = garbage(self.random, beat_bytes=config.beat_bytes, message_bytes=config.message_bytes)
        self.node.push_host(items)

    def _forge(self, peer: RoguePeer) -> None:
        """A message with something wrong in it, but for its tags."""
        random = self.random
        own = self.golden.session.session_id if len(self.golden.session.drawn) == 2 else bytes(16)
        announced = self.golden.known.own.flops if self.golden.log else 0
        entries = forged(random, self._entries(peer), own=own, announced=announced)
        seq = peer.seq
        length = random.choice((0, 10, 100))
        records = [peer.prefix(*entries, som=random.random() < 0.9, eom=not length)]
        if length:
            eom = random.random() < 0.9
            records.append(peer.record(RecordType.PAYLOAD, bytes(length), som=random.random() < 0.1, eom=eom))
        if random.random() < 0.5:
            at = random.randrange(len(records))
            record = bytearray(records[at])
            record[random.randrange(min(len(record) - 16, 80))] ^= 1 << random.randrange(8)
            records[at] = reseal(bytes(record))
        if peer is self.peers[0]:
            self.link_words += queue_words(length)
            if self.link_words > LINK_WORDS:
                peer.seq = seq
                return
        self._say(peer, records)

    def _reflect(self, peer: RoguePeer) -> None:
        """Somebody else counts under the node's own id."""
        if peer.is_open and self.golden.log:
            own = self.golden.known.own
            peer.send([peer.prefix(peer.entry(), Entry(own.session_id, own.flops + 1, 1, 1, 1), eom=True)])

    def _spoil(self, peer: RoguePeer) -> None:
        """A message of which a bit was flipped, or that lost or won some bytes."""
        records = peer.message(bytes(20), *self._entries(peer))
        at = self.random.randrange(len(records))
        record = bytearray(records[at])
        match self.random.randrange(3):
            case 0:
                record[self.random.randrange(len(record))] ^= 1 << self.random.randrange(8)
            case 1:
                del record[self.random.randrange(1, len(record)) :]
            case 2:
                record += bytes(self.random.randint(1, 40))
        records[at] = bytes(record)
        peer.send(records)

    def _control(self, peer: RoguePeer) -> None:
        """A record that stands where it must not, or a message that is not due."""
        random = self.random
        match random.randrange(5):
            case 0:  # nothing is open that could be aborted, or something is
                records = [peer.record(RecordType.ABORT, b"", som=random.random() < 0.1)]
            case 1:  # a grant that may fall, or be cut short
                body = encode_credit(random.choice((0, 16, 1 << 63)))
                records = [peer.record(RecordType.CREDIT, body[: random.choice((8, 8, 7))])]
            case 2:
                records = [peer.record(RecordType.FULL_REQUEST, bytes(random.choice((0, 1))))]
            case 3:  # a DELTA, whether it is time or not
                records = peer.message(b"", *self._entries(peer), is_delta=True)
            case _:  # a cut that is not whole words, or a message above what was granted
                size = random.choice((8, 4096))
                records = [peer.prefix(*self._entries(peer))]
                records += [
                    peer.record(RecordType.PAYLOAD, bytes(size)) for _ in range(random.choice((1, 4)))
                ]
        self._say(peer, records)

    def _repeat(self, peer: RoguePeer) -> None:
        """A record of some time, some link."""
        if not self.said or self.link_words > LINK_WORDS - 300:
            return
        if peer is self.peers[0]:
            self.link_words += 300
        record = self.random.choice(self.said)
        if self.random.random() < 0.5:
            record = reseal(record[:8] + peer.seq.to_bytes(8) + record[16:])
            peer.seq += 1
        peer.send([record])

    def _cut(self, peer: RoguePeer) -> None:
        """The beginning of a message, and then the epoch ends."""
        records = peer.message(bytes(self.random.choice((10, 200))), *self._entries(peer))
        size = self.config.beat_bytes
        whole = b"".join(records[:1])
        cut = whole[: self.random.randrange(size, len(whole) + 1, size)]
        peer.push([Segment(cut, True, len(cut) == len(whole))])
        if self.random.random() < 0.7:
            peer.fall()

    def _beats(self, peer: RoguePeer) -> None:
        """Beats without sense."""
        random, size = self.random, self.config.beat_bytes
        peer.push(
            RawBeat(
                random.randbytes(size),
                random.randrange(1 << size),
                random.random() < 0.3,
                random.random() < 0.3,
            )
            for _ in range(random.randint(1, 5))
        )

    def _levels(self, peer: RoguePeer) -> None:
        """Any levels at any time."""
        for _ in range(self.random.randint(1, 4)):
            peer.show(Level(up=self.random.random() < 0.5, heard=self.random.random() < 0.5))
