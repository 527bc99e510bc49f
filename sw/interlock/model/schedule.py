"""The schedule: what the gateware's timing decides, and the rules that every such choice must keep."""

import enum

from interlock.wires import Event

ARGUMENTS: dict[str, int] = {
    "key": 0,
    "level": 1,
    "reopen": 1,
    "roll": 1,
    "alarm": 1,
    "draw": 0,
    "opened": 0,
    "up": 1,
    "open": 1,
    "end": 1,
    "close": 1,
    "tx_accept": 0,
    "tx_refuse": 0,
    "host_accept": 0,
    "host_refuse": 0,
    "drop": 1,
    "scan": 1,
    "ticks": 1,
    "cut": 2,
    "read": 2,
    "record": 3,
    "abort": 1,
    "grant": 2,
    "full_request": 1,
    "take": 1,
    "merge": 1,
    "release": 1,
}
"""Every event and how many arguments it has; ``sample`` has one for each issue port."""

SLOT_EVENTS = frozenset(
    {
        "level",
        "reopen",
        "up",
        "open",
        "end",
        "close",
        "drop",
        "take",
        "merge",
        "release",
        "scan",
        "record",
        "abort",
        "grant",
        "full_request",
    }
)
"""Events whose first argument is a slot."""

HOST_SLOT_EVENTS = frozenset({"scan", "merge", "release"})
"""Those of them in which the number of links stands for the host."""

INNER_EVENTS = frozenset(
    {
        "drop",
        "sample",
        "scan",
        "ticks",
        "cut",
        "read",
        "record",
        "abort",
        "grant",
        "full_request",
        "merge",
        "release",
    }
)
"""What may still happen inside a node whose gates an alarm has closed: nothing of it can leave any more."""

GATED_EVENTS = INNER_EVENTS | {
    "key",
    "up",
    "open",
    "close",
    "take",
    "tx_accept",
    "tx_refuse",
    "host_accept",
    "host_refuse",
}
"""What happens in an open session only."""


class Rule(enum.StrEnum):
    """The rules of docs/specification.md, *Schedule*.  An illegal choice names the one that it breaks."""

    KNOWN = "an event is one of the table's, with its arguments, for a slot that exists"
    CYCLE = "cycles never go back"
    SESSION_OPEN = "gates are closed"

    LEVEL_SENT = "no level was sent on this link"
    REOPEN_ASKED = "the host did not ask for the channel"
    ROLL_ASKED = "the host did not ask for a new session"
    ROLL_BEATS = "host in loses the beginning of a message, or all of it, and nothing behind it"
    ALARM_STATE = "an alarm is heard outside CLEAR, and once a session"
    ALARM_REASON = "every alarm bit has a reason"
    DRAW_STATE = "words are drawn in DRAW, as many as a session needs"
    DRAW_WORD = "there was no random word"
    OPENED_DRAWN = "gates open after every word was drawn, once a session"
    OPENED_ENDED = "gates open after every epoch of the session before has ended"

    KEY_SENT = "no keys were sent"
    KEY_OPEN = "keys are taken between epochs"
    UP_DOWN = "up rises when it is low"
    UP_CLOSED = "up stays low while the channel is closed"
    UP_HEARD = "up stays low until the peer has heard that it fell"
    UP_KEYED = "up of a sealed link stays low without keys"
    OPEN_LEVELS = "an epoch opens when both ends are up and have heard each other"
    END_OPEN = "only an open epoch ends"
    END_REASON = "an epoch ends for a reason"
    CLOSE_OPEN = "only an open channel closes"
    CLOSE_FAULT = "a channel closes for a fault in what it received"

    TX_SENT = "the accelerator sent no message"
    TX_JUDGED = "the message must be judged as its bytes are"
    HOST_SENT = "the host sent no whole message"
    HOST_JUDGED = "the host's message must be judged as its bytes are"

    DROP_MESSAGE = "the oldest accepted message is dropped, for its slot"
    DROP_OPEN = "a message for a slot without an open epoch waits"
    DROP_NEVER = "only what never could leave is dropped"
    SAMPLE_MESSAGE = "a sample is for a cut or an accepted message without one"
    SAMPLE_COVERS = "a sample covers every event before the last beat of its message or cut"
    SAMPLE_MADE = "a sample covers only events that the accelerator can have made"
    SAMPLE_FALLS = "a sample never covers less than the one before"
    SAMPLE_CYCLES = "an OPAQUE port counts every cycle"
    SCAN_SAMPLED = "a scan is for a sampled message"
    SCAN_ALONE = "one message is sent, and one scan runs, at a time"
    SCAN_DESTINATION = "a scan is for the destination of the oldest sampled message"
    SCAN_OPEN = "a message waits for the epoch of its slot"
    SCAN_CREDIT = "a message waits until its cost has been granted"
    SCAN_NEVER = "what never could leave is dropped"
    TICKS_EXPORT = "ticks are read once, at the scan of an export"
    TICKS_VALUE = "ticks are the cycles since the session opened"
    CUT_STREAM = "a STREAM that is being sent is cut, and nothing else"
    CUT_ALONE = "nothing is cut while a cut's record has not left"
    CUT_LENGTH = "a cut has whole words of payload, at most 4096 bytes, or all that is left and is marked so"
    READ_SCAN = "an entry is read in a scan"
    READ_ORDER = "a scan reads every entry of its set once, in order"
    RECORD_MESSAGE = "a record is of the message being sent to its slot"
    RECORD_READS = "every entry of a PREFIX record is read before the next record"
    RECORD_CUT = (
        "a message is cut into PREFIX, then PAYLOAD of 4096 bytes but the last, or as the STREAM was cut"
    )
    RECORD_SAMPLED = "a cut leaves after its sample, which is no more than was announced"
    ABORT_STREAM = "a STREAM that has overrun or is broken is aborted, and nothing else"
    ABORT_PREFIX = "a STREAM is aborted after its prefix"
    GRANT_OPEN = "credit is granted in an open epoch"
    GRANT_FIRST = "the first grant of an epoch is all of an empty staging"
    GRANT_FALLS = "what was granted never falls"
    GRANT_STAGING = "no more is granted than there is staging"
    FULL_REQUEST_ASKED = "the host did not ask for a FULL prefix of an open epoch"

    TAKE_OPEN = "records are taken in an open epoch"
    TAKE_WHOLE = "no whole record was received"
    TAKE_FAULT = "a faulty record is not taken, and nothing after a fault"
    TAKE_MERGES = "every entry of a prefix is merged before the next record"
    MERGE_ENTRY = "there is no entry to merge"
    RELEASE_COMPLETE = "no message is complete"
    RELEASE_MARKED = "an EXTERNAL message is released after the node's own entry was marked"
    RELEASE_WINDOW = "nothing is released while the window of a STREAM is open"


class IllegalChoice(Exception):
    """A schedule that breaks a rule: no gateware that keeps the specification can have made it.

    Attributes
    ----------
    rule : Rule
    event : Event
    """

    def __init__(self, rule: Rule, event: Event, detail: str = "") -> None:
        self.rule = rule
        self.event = event
        arguments = ", ".join(map(str, event.arguments))
        text = f"cycle {event.cycle}: {event.name}({arguments}): {rule.value}"
        super().__init__(f"{text} ({detail})" if detail else text)
