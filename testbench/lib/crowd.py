"""Everybody around a node talks at once, rightly and wrongly: its host, its peers, its puppet."""

from collections.abc import Collection
from random import Random

from interlock.model.messages import HEADER, Kind
from interlock.model.records import RecordType
from interlock.wires import Segment
from interlock_hdl.config import InterlockConfig

from lib.forged import OTHER, long
from lib.garbage import garbage
from lib.peer import PLENTY, Peer, entry
from lib.script import Script
from lib.talk import MULTIPLY_ADD, Talk
from lib.watched import WatchedNode

CHOICES = 3
"""Different scripts in a session: the log has an entry for each."""
NAMED = 10
"""Entries of everything else that is said, which the log must have room for."""
PUPPET_WORDS = 1800
"""Words of script that a puppet gets in a session: no more than it has room for."""
FULL = 500
"""Beats that wait at a port when nothing more is sent there."""
STEP = 50
"""Cycles between two looks at what came out, unless told otherwise."""


class Crowd:
    """What happens around one node, session after session.

    Parameters
    ----------
    node : WatchedNode
        With a puppet.
    config : InterlockConfig
        Its build.
    random : Random
    """

    def __init__(self, node: WatchedNode, *, config: InterlockConfig, random: Random) -> None:
        self.node, self.config, self.random = node, config, random
        self._talk = Talk(random, config=config, slots=list(range(config.links)))
        self._peers = [
            Peer(node, slot, session_id=0xA0 + slot, beat_bytes=config.beat_bytes)
            for slot in range(config.links)
        ]
        # A cipher takes its time, and what waits for it when an epoch ends does not happen.
        self._full = FULL // (config.cipher_interval if config.is_sealed else 1)
        self._inputs = [queue.name for queue in node.rtl.interface.queues if queue.is_input]
        self._outputs = ["host_out", *(f"links__{slot}__tx" for slot in range(config.links))]

    def begin(self, wish: str) -> None:
        """In a new session: other things to say, at another pace; ``wish`` is an event that should happen."""
        random = self.random
        for port in (*self._outputs, *self._inputs):
            self.node.rtl.pause(port, random.choice((0, 0, 0.1, 0.5, 0.9)), seed=random.getrandbits(30))
        self._wish = wish
        self._scripts = [self._script(wish) for _ in range(CHOICES)]
        self._words = 0
        self._flops = 0  # of the peers
        if wish == "host_refuse":
            self.node.push_host([Segment(bytes(2000), True, True)] * 8)
        for peer in self._peers:
            peer.wants_up = True
            peer.credit = random.choice((PLENTY, PLENTY, self.config.staging_bytes))

    def hush(self) -> None:
        """Nobody says anything more, and what waits is forgotten; the links go down."""
        for port in (*self._outputs, *self._inputs):
            self.node.rtl.pause(port, 0)
        for name in self._inputs:
            self.node.rtl.withdraw(name)
        for peer in self._peers:
            peer.wants_up = False
            self.node.push_link(peer.slot, [peer.own])  # it may have been among what was forgotten
            peer.fall()

    def run(self, cycles: int, *, until: Collection[str] = (), step: int = STEP) -> bool:
        """Runs for so many cycles, or to the end of the cycle of one of these events: whether it happened."""
        node = self.node
        for begin in range(0, cycles, step):
            node.rtl.run(min(step, cycles - begin), until=tuple(until))
            for peer in self._peers:
                peer.look()
            for take in (node.pop_host, node.pop_tx, node.pop_rx):
                take()
            if any(event.name in until for event in node.pop_schedule()):
                return True
        return False

    def act(self) -> None:
        """Some of them do something."""
        random, node = self.random, self.node
        if random.random() < 0.5 and node.rtl.waiting("host_in") < FULL:
            self._tell()
        for peer in self._peers:
            if peer.is_open and node.rtl.waiting(f"links__{peer.slot}__rx") < self._full:
                self._speak(peer)
            if random.random() < 0.02:
                peer.fall()
            if random.random() < 0.1:
                node.request_full(peer.slot)
            if random.random() < 0.1:
                node.reopen(peer.slot)

    def _script(self, wish: str) -> Script:
        """Messages and work.  Not many, for a script is digested first, at less than a byte a cycle."""
        random, config = self.random, self.config
        slot = random.randrange(config.links)
        script = Script()
        match wish:
            case "alarm":
                script.events(port=0, op_class=MULTIPLY_ADD, count=0xFFFF)
            case "ticks":
                script.export(random.randint(0, 300))
            case "cut":
                script.stream(slot, 3000, maximum=3000, bound=1 << 40)
            case "abort":
                script.stream(slot, 300, maximum=300, bound=1 << 40, spoiled=True)
            case "drop":
                script.stream(slot, 300, maximum=1 << 47, bound=0)
            case "tx_refuse":
                script.raw([bytes(16)])
            case _:
                script.peer(slot, random.randint(0, 300))
        for _ in range(random.randint(1, 5)):
            self._talk.say(script)
            script.events(port=1, op_class=random.getrandbits(8), count=1, repeat=random.randint(1, 5))
        return script

    def _tell(self) -> None:
        """The host sends a script, data that no puppet understands, or what is refused."""
        random, longest = self.random, self.config.message_bytes
        match random.randrange(12):
            case 0:
                items = garbage(random, beat_bytes=self.config.beat_bytes, message_bytes=longest)
                self.node.push_host(items)
            case 1:
                self._send(bytes(random.choice((100, min(3000, longest)))))
            case _:
                for message in random.choice(self._scripts).messages(longest):
                    self._send(message[HEADER.size :])

    def _send(self, payload: bytes) -> None:
        self._words += -(-len(payload) // 16)
        if self._words <= PUPPET_WORDS:
            self.node.push_host([Segment(HEADER.pack(kind=Kind.EXTERNAL) + payload, True, True)])

    def _speak(self, peer: Peer) -> None:
        """A peer sends a message or a part of one, a notice, or what closes its channel."""
        random = self.random
        match random.randrange(12):
            case 0:
                peer.send([peer.record(RecordType.FULL_REQUEST, b"")])
            case 1:
                peer.credit += random.randint(0, 5000)
                peer.send([peer.grant(peer.credit)])
            case 2:
                peer.send([peer.prefix(peer.entry()), peer.record(RecordType.ABORT, b"")])
            case 3:
                peer.send(long(peer))
            case 4 if self._wish == "close" or random.random() < 0.2:
                peer.send([bytes(48)])
            case _:
                records = self._message(peer)
                if random.random() < 0.1:
                    records = records[: random.randint(1, len(records))]
                peer.send(records)

    def _message(self, peer: Peer) -> list[bytes]:
        random, longest = self.random, self.config.message_bytes
        self._flops += random.getrandbits(20)
        room = range(self.config.log_entries - NAMED)
        return peer.message(
            random.randbytes(random.choice((0, 1, min(300, longest), longest))),
            peer.entry(self._flops),
            entry(OTHER, self._flops),
            *(entry(OTHER + 1 + number, 1) for number in random.sample(room, min(8, len(room)))),
            externals=[bytes(32)] * random.randint(0, 2),
        )
