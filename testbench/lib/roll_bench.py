"""A node amid traffic that rolls again and again, and all that it remembers afterwards."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from interlock.device.state import Difference, State
from interlock_hdl.config import InterlockConfig

from lib.crowd import Crowd
from lib.nodes import MAKER, puppet_gateware
from lib.watched import WatchedNode

PATIENCE = 400_000
"""Cycles in which gates open, or what is wished for happens."""
NODE = "TOP.top.component."
"""Where all that is compared is.  Beside it are registers in which the bench holds the node's inputs."""

EVENTS = (
    *("up", "open", "host_accept", "host_refuse", "take", "merge", "release", "grant", "full_request"),
    *("tx_accept", "tx_refuse", "sample", "scan", "read", "record", "cut", "ticks"),
    *("drop", "abort", "close", "end", "alarm"),
)
"""Events shortly after which a roll comes."""
WIPING, DRAWING, ENTERING, OPENED, ANY = "wiping", "drawing", "entering", "opened", "any"
SECOND = (WIPING, DRAWING, ENTERING)
"""In a roll that is not over yet: what was wiped for it is not wiped again."""
MOMENTS = (*EVENTS, *SECOND, OPENED, *[ANY] * 14)
"""When a roll comes: after each of those events, within another one, just after it, and at any time."""

UNDER_WAY = {
    "a message comes from the host": "host_intake.buffer.control.pending",
    "one from the host is refused": "host_intake.state.refusing",
    "what came from the host waits for its merge": "external.control.state",
    "a message comes from the accelerator": "tx_intake.buffer.control.pending",
    "a stream comes from it": "tx_intake.state.streaming",
    "a count is sampled": "egress.in_flight",
    "the log is scanned": "log.scanner.inner.control.value",
    "a message is sent": "egress.sender.state",
    "a stream is sent, and cut": "egress.cutter.waiting",
    "an export is sent": "egress.exporter.state",
    "a grant, or a request, is sent": "egress.notices.state",
    "a record is in the seal": "link_side.seal.control.entry.state",
    "a record comes from a link": "link_side.opener.inbox_0.checks.parser.fsm_state",
    "it is not there whole": "link_side.opener.inbox_0.buffer.control.pending",
    "keys come": "link_side.keys.state",
    "a link has keys": "link_side.keys.complete",
    "a record is read": "ingress.control.state",
    "entries are being merged": "ingress.control.outstanding",
    "a message is staged": "ingress.staging.buffer_0.control.pending",
    "one is released": "ingress.staging.control.release.in_progress",
    "an epoch is open": "link_side.epoch_0.open",
    "a channel is closed": "link_side.epoch_0.closed",
    "an alarm has closed the gates": "session.alarm",
    "buffers are wiped": "session.wiping.value",
    "a session is drawn": "session.left.value",
}
"""What may be under way, and the register that shows it: by not being as where a session has just begun."""


@dataclass(frozen=True)
class Roll:
    """When one was, how many cycles it took, and what differs from a node that is fresh from reset."""

    when: str
    cycles: int
    different: list[Difference]


class RollBench:
    """Fills a node with data, rolls it, and looks at what is left when the gates open.

    Two lists of random words take turns, so that a session's id and key are others than those of the one
    before.  For each of them there is a node fresh from reset that got the same words.

    Parameters
    ----------
    config : InterlockConfig
    random : Random

    Attributes
    ----------
    fresh : list of State
        What a node holds when its gates open for the first time: one for each list of words.
    used : Counter
        By name of a register or memory: at how many rolls it held something else than it was to hold.
    """

    def __init__(self, config: InterlockConfig, random: Random) -> None:
        self.config, self.random = config, random
        self._words = [self._draw(2 + config.key_words) for _ in range(2)]
        self.fresh = [self._first(words) for words in self._words]
        self.used: Counter[str] = Counter()
        self._node = self._make()
        self._crowd = Crowd(self._node, config=config, random=random)

    @property
    def under_way(self) -> dict[str, int]:
        """At how many rolls each of ``UNDER_WAY`` was."""
        return {what: self.used[f"{NODE}interlock.{name}"] for what, name in UNDER_WAY.items()}

    def rolls(self, moments: Sequence[str]) -> Iterator[Roll]:
        """Rolls at each of these moments."""
        node, turn = self._node, 0
        node.push_random(self._words[turn])
        self._until_open()
        for moment in moments:
            turn = 1 - turn
            fresh = self.fresh[turn]
            when = self._fill(moment)
            self.used.update(cell.name for cell in fresh.changed(node.rtl.state()))
            begin = node.cycles
            self._roll(self._words[turn])
            self._until_open()
            yield Roll(when, node.cycles - begin, compared(fresh, node.rtl.state()))

    def _draw(self, count: int) -> list[int]:
        return [self.random.getrandbits(32) for _ in range(count)]

    def _make(self) -> WatchedNode:
        return WatchedNode(puppet_gateware(self.config), maker=MAKER, serial=1, state=True)

    def _first(self, words: Sequence[int]) -> State:
        node = self._make()
        node.push_random(words)
        node.rtl.run(PATIENCE, until=("opened",))
        assert node.is_open
        return node.rtl.state()

    def _until_open(self) -> None:
        # In one step: nobody says anything to the new session before it is looked at.
        assert self._crowd.run(PATIENCE, until=("opened",), step=PATIENCE), "the gates do not open"

    def _roll(self, words: Sequence[int]) -> None:
        """What is on its way goes on being offered for a while."""
        self._node.roll()
        self._crowd.run(self.random.randint(1, 300))
        self._crowd.hush()
        self._node.push_random(words)

    def _fill(self, moment: str) -> str:
        """All of them talk at once until the moment; says when that was."""
        random, crowd, node = self.random, self._crowd, self._node
        crowd.begin(moment)
        begin, happened = node.cycles, 0
        is_event = moment in EVENTS
        wanted = random.choice((1, 2, 5)) if is_event and moment != "alarm" else 1
        patience = {OPENED: 0, **dict.fromkeys(EVENTS, PATIENCE)}.get(moment, random.randint(100, 6000))
        while happened < wanted and (left := begin + patience - node.cycles):
            crowd.act()
            happened += crowd.run(min(left, random.choice((20, 100, 300))), until=(moment,) * is_event)
            assert moment == "alarm" or not node.alarm
        assert happened or not is_event, f"no {moment}"
        if moment in SECOND:
            self._begin_session(moment)
        crowd.run(random.randrange(12))
        return f"{moment}, after {node.cycles - begin} cycles"

    def _begin_session(self, moment: str) -> None:
        """Another session begins, as far as the moment says."""
        needed = len(self._words[0])
        count = {WIPING: 0, DRAWING: self.random.randrange(1, needed), ENTERING: needed}[moment]
        self._roll(self._draw(count))
        for _ in range(count):
            assert self._crowd.run(PATIENCE, until=("draw",))
        if moment == WIPING:
            self._crowd.run(self.random.randrange(1000))


def compared(fresh: State, state: State) -> list[Difference]:
    """What differs in a node."""
    return [different for different in fresh.differences(state) if different.cell.name.startswith(NODE)]
