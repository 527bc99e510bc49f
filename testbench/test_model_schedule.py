"""Schedules: a recorded one is followed, and one that breaks a rule is refused by the name of that rule."""

from functools import cache

import pytest
from interlock.model.parameters import IssuePort, Mode, NodeParameters
from interlock.model.records import RecordType
from interlock.model.schedule import ARGUMENTS, IllegalChoice, Rule
from interlock.model.session import Alarm
from interlock.wires import Event
from lib.forgery import Forge, Forgery, record
from lib.golden_bench import GoldenBench, play

SEEDS = (1, 2, 3)
OF_SEALED_LINKS = {Rule.KEY_SENT, Rule.KEY_OPEN, Rule.UP_KEYED}
"""Forged in ``test_model_keys.py``: what is recorded here has CLEAR links."""
OPAQUE = {"issue_ports": (IssuePort(peak=32), IssuePort(peak=4), IssuePort(mode=Mode.OPAQUE, peak=9))}
HOST = 2  # the slot that stands for it
STAGING = NodeParameters().staging_bytes
PREFIX, PAYLOAD = RecordType.PREFIX, RecordType.PAYLOAD


@cache
def recording(seed: int, *, opaque: bool = False) -> GoldenBench:
    return record(seed, **(OPAQUE if opaque else {}))


def sample_falls(f: Forgery) -> None:
    """Both samples alone are legal."""
    f.change(f.find("sample"), arguments=(250, 10))
    f.change(f.find("sample", nth=1), arguments=(249, 10))


def payload_before_the_last_read(f: Forgery) -> None:
    payload = f.find("record", 0, PAYLOAD)
    reads = [index for index in range(payload) if getattr(f.steps[index], "name", "") == "read"]
    f.move(payload, reads[-1])


def releases_before_all_is_merged(f: Forgery) -> None:
    """The message before may be released here, but the one that consists of this prefix may not."""
    prefix = f.find("take", 0, nth=4)
    for _ in range(2):
        f.insert_after(prefix, "release", 0)


def last_cut(f: Forgery) -> int:
    """Of a stream that has sent a part of its payload before."""
    return f.find("cut", last=True)


def aborts_before_the_prefix(f: Forgery) -> None:
    abort = f.find("abort", 0)
    scans = [index for index in range(abort) if getattr(f.steps[index], "name", "") == "scan"]
    f.move(abort, scans[-1] + 1)


def record_before_the_sample(f: Forgery) -> None:
    length, _ = f.event(last_cut(f)).arguments
    f.insert_after(last_cut(f), "record", 0, PAYLOAD, length)


def grant_inside_a_record(f: Forgery) -> None:
    """The header of a PREFIX has left, and an entry is read after it."""
    nth = 0
    while True:
        prefix = f.find("record", None, PREFIX, nth=nth)
        if f.find("read", after=prefix) < f.find("scan", after=prefix):
            break
        nth += 1
    f.insert_after(prefix, "grant", f.event(prefix).arguments[0], STAGING)


def end_of_the_old_session(f: Forgery) -> int:
    return f.find("end", 0, after=f.find("roll"))


FORGERIES: dict[str, tuple[Rule, Forge]] = {
    "unknown_event": (Rule.KNOWN, lambda f: f.change(f.find("sample"), name="guess")),
    "argument_too_many": (Rule.KNOWN, lambda f: f.change(f.find("take"), arguments=(0, 0))),
    "sample_of_too_few_ports": (Rule.KNOWN, lambda f: f.change(f.find("sample"), arguments=(100,))),
    "slot_that_does_not_exist": (Rule.KNOWN, lambda f: f.change(f.find("take"), arguments=(HOST,))),
    "source_that_does_not_exist": (Rule.KNOWN, lambda f: f.change(f.find("release"), arguments=(HOST + 1,))),
    "cycle_goes_back": (Rule.CYCLE, lambda f: f.change(f.find("open", nth=1), cycle=0)),
    "up_before_the_gates_open": (Rule.SESSION_OPEN, lambda f: f.insert(f.find("opened"), "up", 0)),
    "accepts_before_the_gates_open": (Rule.SESSION_OPEN, lambda f: f.insert(f.find("opened"), "tx_accept")),
    "takes_after_an_alarm": (Rule.SESSION_OPEN, lambda f: f.insert_after(f.find("alarm"), "take", 0)),
    "level_that_was_not_sent": (Rule.LEVEL_SENT, lambda f: f.insert_after(f.find("opened"), "level", 0)),
    "reopens_unasked": (Rule.REOPEN_ASKED, lambda f: f.insert_after(f.find("opened"), "reopen", 0)),
    "rolls_unasked": (Rule.ROLL_ASKED, lambda f: f.insert_after(f.find("opened"), "roll", 0)),
    "roll_took_more_than_was_sent": (Rule.ROLL_BEATS, lambda f: f.change(f.find("roll"), arguments=(3,))),
    "alarm_in_clear": (Rule.ALARM_STATE, lambda f: f.insert(0, "alarm", Alarm.OWN_AHEAD)),
    "second_alarm": (Rule.ALARM_STATE, lambda f: f.repeat(f.find("alarm"))),
    "alarm_without_a_bit": (Rule.ALARM_REASON, lambda f: f.insert_after(f.find("opened"), "alarm", 0)),
    **{
        f"alarm_{alarm.name}_without_a_reason": (
            Rule.ALARM_REASON,
            lambda f, alarm=alarm: f.insert_after(f.find("opened"), "alarm", alarm),
        )
        for alarm in Alarm
    },
    "alarm_with_a_further_bit": (Rule.ALARM_REASON, lambda f: f.add(f.find("alarm"), 1)),
    "third_draw": (Rule.DRAW_STATE, lambda f: f.insert(f.find("opened"), "draw")),
    "draw_in_an_open_session": (Rule.DRAW_STATE, lambda f: f.insert_after(f.find("opened"), "draw")),
    "draw_without_a_word": (Rule.DRAW_WORD, lambda f: f.insert(0, "draw")),
    "opens_with_half_an_id": (Rule.OPENED_DRAWN, lambda f: f.drop(f.find("draw"))),
    "opens_twice": (Rule.OPENED_DRAWN, lambda f: f.repeat(f.find("opened"))),
    "opens_with_an_epoch_of_before": (Rule.OPENED_ENDED, lambda f: f.drop(end_of_the_old_session(f))),
    "up_twice": (Rule.UP_DOWN, lambda f: f.repeat(f.find("up"))),
    "up_of_a_closed_channel": (Rule.UP_CLOSED, lambda f: f.drop(f.find("reopen"))),
    "up_before_the_fall_was_heard": (Rule.UP_HEARD, lambda f: f.insert_after(f.find("end", 1), "up", 1)),
    "opens_alone": (Rule.OPEN_LEVELS, lambda f: f.insert_after(f.find("up", 0), "open", 0)),
    "opens_before_it_is_heard": (
        Rule.OPEN_LEVELS,
        lambda f: f.move(f.find("open", 0), f.find("level", 0, nth=1)),
    ),
    "opens_an_open_epoch": (Rule.OPEN_LEVELS, lambda f: f.repeat(f.find("open", 0))),
    "ends_twice": (Rule.END_OPEN, lambda f: f.repeat(f.find("end", 0))),
    "ends_without_a_reason": (Rule.END_REASON, lambda f: f.insert_after(f.find("open", 0), "end", 0)),
    "ends_before_the_level": (Rule.END_REASON, lambda f: f.move(f.find("end", 1), f.find("level", 1, nth=2))),
    "closes_twice": (Rule.CLOSE_OPEN, lambda f: f.repeat(f.find("close", 0))),
    "closes_what_is_not_open": (Rule.CLOSE_OPEN, lambda f: f.insert(f.find("open", 0), "close", 0)),
    "closes_without_a_fault": (Rule.CLOSE_FAULT, lambda f: f.insert_after(f.find("open", 0), "close", 0)),
    "accepts_what_was_not_sent": (Rule.TX_SENT, lambda f: f.insert_after(f.find("opened"), "tx_accept")),
    "refuses_what_was_not_sent": (Rule.TX_SENT, lambda f: f.insert_after(f.find("opened"), "tx_refuse")),
    "accepts_what_is_illegal": (Rule.TX_JUDGED, lambda f: f.change(f.find("tx_refuse"), name="tx_accept")),
    "refuses_what_is_legal": (Rule.TX_JUDGED, lambda f: f.change(f.find("tx_accept"), name="tx_refuse")),
    "accepts_what_no_host_sent": (Rule.HOST_SENT, lambda f: f.insert_after(f.find("opened"), "host_accept")),
    "accepts_half_a_host_message": (Rule.HOST_SENT, lambda f: f.insert(f.find("roll"), "host_accept")),
    "accepts_what_is_illegal_of_a_host": (
        Rule.HOST_JUDGED,
        lambda f: f.change(f.find("host_refuse"), name="host_accept"),
    ),
    "refuses_what_is_legal_of_a_host": (
        Rule.HOST_JUDGED,
        lambda f: f.change(f.find("host_accept"), name="host_refuse"),
    ),
    "drops_another_slots_message": (Rule.DROP_MESSAGE, lambda f: f.change(f.find("drop"), arguments=(0,))),
    "drops_nothing": (Rule.DROP_MESSAGE, lambda f: f.insert_after(f.find("opened"), "drop", 0)),
    "drops_what_waits_for_its_epoch": (
        Rule.DROP_OPEN,
        lambda f: f.insert(f.find("open", 1, nth=1), "drop", 1),
    ),
    "drops_before_the_first_grant": (
        Rule.DROP_NEVER,
        lambda f: f.insert_after(f.find("open", 1, nth=1), "drop", 1),
    ),
    "drops_what_could_leave": (Rule.DROP_NEVER, lambda f: f.insert(f.find("scan", 0), "drop", 0)),
    "drops_what_waits_for_credit": (
        Rule.DROP_NEVER,
        lambda f: f.insert(f.find("take", 1, last=True), "drop", 1),
    ),
    "sample_for_nothing": (Rule.SAMPLE_MESSAGE, lambda f: f.insert_after(f.find("opened"), "sample", 0, 0)),
    "sample_misses_the_last_event": (
        Rule.SAMPLE_COVERS,
        lambda f: f.change(f.find("sample"), arguments=(99, 10)),
    ),
    "sample_misses_a_port": (Rule.SAMPLE_COVERS, lambda f: f.change(f.find("sample"), arguments=(100, 9))),
    "sample_of_what_never_happened": (
        Rule.SAMPLE_MADE,
        lambda f: f.change(f.find("sample"), arguments=(251, 10)),
    ),
    "sample_falls": (Rule.SAMPLE_FALLS, sample_falls),
    "scan_without_a_sample": (Rule.SCAN_SAMPLED, lambda f: f.drop(f.find("sample"))),
    "scan_for_nothing": (Rule.SCAN_SAMPLED, lambda f: f.insert_after(f.find("opened"), "scan", 0)),
    "two_scans": (Rule.SCAN_ALONE, lambda f: f.repeat(f.find("scan"))),
    "scan_for_another_slot": (Rule.SCAN_DESTINATION, lambda f: f.change(f.find("scan", 0), arguments=(1,))),
    "scan_for_the_host_instead": (
        Rule.SCAN_DESTINATION,
        lambda f: f.change(f.find("scan", 0), arguments=(HOST,)),
    ),
    "scan_for_a_slot_that_is_down": (Rule.SCAN_OPEN, lambda f: f.insert(f.find("open", 1, nth=1), "scan", 1)),
    "scan_for_what_must_be_dropped": (Rule.SCAN_NEVER, lambda f: f.change(f.find("drop"), name="scan")),
    "scan_without_credit": (
        Rule.SCAN_CREDIT,
        lambda f: f.insert(f.find("take", 1, last=True), "scan", 1),
    ),
    "scan_before_the_first_grant": (
        Rule.SCAN_CREDIT,
        lambda f: f.insert_after(f.find("open", 1, nth=1), "scan", 1),
    ),
    "cuts_nothing": (Rule.CUT_STREAM, lambda f: f.insert_after(f.find("opened"), "cut", 16, 0)),
    "cuts_a_buffered_message": (Rule.CUT_STREAM, lambda f: f.insert_after(f.find("scan", 0), "cut", 16, 0)),
    "cuts_before_the_last_cut_left": (Rule.CUT_ALONE, lambda f: f.repeat(last_cut(f))),
    "cuts_half_a_word": (Rule.CUT_LENGTH, lambda f: f.change(f.find("cut"), arguments=(24, 0))),
    "cuts_nothing_off": (Rule.CUT_LENGTH, lambda f: f.change(f.find("cut"), arguments=(0, 0))),
    "cuts_too_much_for_a_record": (Rule.CUT_LENGTH, lambda f: f.change(f.find("cut"), arguments=(4112, 0))),
    "cuts_more_than_there_is": (Rule.CUT_LENGTH, lambda f: f.add(last_cut(f), 16, 0)),
    "last_cut_too_early": (Rule.CUT_LENGTH, lambda f: f.change(f.find("cut"), arguments=(16, 1))),
    "last_cut_not_marked": (Rule.CUT_LENGTH, lambda f: f.add(last_cut(f), 0, -1)),
    "export_without_ticks": (Rule.TICKS_EXPORT, lambda f: f.drop(f.find("ticks"))),
    "ticks_twice": (Rule.TICKS_EXPORT, lambda f: f.repeat(f.find("ticks"))),
    "ticks_for_a_peer": (Rule.TICKS_EXPORT, lambda f: f.insert_after(f.find("scan", 0), "ticks", 1)),
    "a_tick_too_many": (Rule.TICKS_VALUE, lambda f: f.add(f.find("ticks"), 1)),
    "a_tick_too_few": (Rule.TICKS_VALUE, lambda f: f.add(f.find("ticks"), -1)),
    "read_without_a_scan": (Rule.READ_SCAN, lambda f: f.insert_after(f.find("opened"), "read", 0, 0)),
    "read_too_many": (Rule.READ_SCAN, lambda f: f.insert(f.find("scan", nth=1), "read", 0, 1)),
    "read_again": (Rule.READ_ORDER, lambda f: f.change(f.find("read", 0, 1), arguments=(0, 0))),
    "read_another": (Rule.READ_ORDER, lambda f: f.change(f.find("read", 0, 0), arguments=(0, 1))),
    "read_externals_first": (Rule.READ_ORDER, lambda f: f.insert(f.find("read", 1), "read", 1, 1)),
    "record_of_nothing": (
        Rule.RECORD_MESSAGE,
        lambda f: f.insert_after(f.find("opened"), "record", 0, PREFIX, 64),
    ),
    "record_for_another_slot": (Rule.RECORD_MESSAGE, lambda f: f.add(f.find("record", 0), 1, 0, 0)),
    "record_of_an_export": (
        Rule.RECORD_MESSAGE,
        lambda f: f.insert_after(f.find("scan", HOST), "record", 0, PREFIX, 64),
    ),
    "payload_before_the_last_read": (Rule.RECORD_READS, payload_before_the_last_read),
    "prefix_of_another_length": (Rule.RECORD_CUT, lambda f: f.add(f.find("record", 0, PREFIX), 0, 0, 32)),
    "payload_cut_short": (Rule.RECORD_CUT, lambda f: f.add(f.find("record", 0, PAYLOAD), 0, 0, -96)),
    "second_prefix": (
        Rule.RECORD_CUT,
        lambda f: f.change(f.find("record", 0, PAYLOAD), arguments=(0, PREFIX, 96)),
    ),
    "cut_leaves_without_a_sample": (Rule.RECORD_SAMPLED, record_before_the_sample),
    "another_length_than_was_cut": (
        Rule.RECORD_CUT,
        lambda f: f.add(f.find("record", 0, last=True), 0, 0, 16),
    ),
    "aborts_nothing": (Rule.ABORT_STREAM, lambda f: f.insert_after(f.find("opened"), "abort", 0)),
    "aborts_a_buffered_message": (Rule.ABORT_STREAM, lambda f: f.insert_after(f.find("scan", 0), "abort", 0)),
    "aborts_a_good_stream": (Rule.ABORT_STREAM, lambda f: f.insert_after(last_cut(f), "abort", 0)),
    "aborts_on_another_slot": (Rule.ABORT_STREAM, lambda f: f.add(f.find("abort"), 1)),
    "aborts_before_the_prefix": (Rule.ABORT_PREFIX, aborts_before_the_prefix),
    "grants_before_the_epoch": (Rule.GRANT_OPEN, lambda f: f.insert(f.find("open", 0), "grant", 0, STAGING)),
    "first_grant_is_not_all": (Rule.GRANT_FIRST, lambda f: f.add(f.find("grant", 0), 0, -16)),
    "first_grant_is_too_much": (Rule.GRANT_FIRST, lambda f: f.add(f.find("grant", 0), 0, 16)),
    "grant_falls": (
        Rule.GRANT_FALLS,
        lambda f: f.insert_after(f.find("grant", 0), "grant", 0, STAGING - 1),
    ),
    "grants_what_was_not_released": (
        Rule.GRANT_STAGING,
        lambda f: f.insert_after(f.find("grant", 0), "grant", 0, STAGING + 1),
    ),
    "grants_inside_a_record": (Rule.RECORD_READS, grant_inside_a_record),
    "asks_for_a_full_prefix_unasked": (
        Rule.FULL_REQUEST_ASKED,
        lambda f: f.insert_after(f.find("open", 0), "full_request", 0),
    ),
    "asks_for_a_full_prefix_twice": (Rule.FULL_REQUEST_ASKED, lambda f: f.repeat(f.find("full_request"))),
    "takes_before_the_epoch": (Rule.TAKE_OPEN, lambda f: f.insert(f.find("open", 0), "take", 0)),
    "takes_of_a_closed_channel": (Rule.TAKE_OPEN, lambda f: f.insert_after(f.find("close", 0), "take", 0)),
    "takes_what_has_not_arrived": (Rule.TAKE_WHOLE, lambda f: f.insert_after(f.find("open", 0), "take", 0)),
    "takes_a_faulty_record": (Rule.TAKE_FAULT, lambda f: f.change(f.find("close", 0), name="take")),
    "goes_on_after_a_refused_merge": (
        Rule.TAKE_FAULT,
        lambda f: f.change(f.find("close", 0, nth=1), name="take"),
    ),
    "takes_on_before_it_has_merged": (
        Rule.TAKE_MERGES,
        lambda f: f.insert_after(f.find("take", 0, nth=1), "take", 0),
    ),
    "merges_nothing": (Rule.MERGE_ENTRY, lambda f: f.insert_after(f.find("open", 0), "merge", 0)),
    "merges_twice": (Rule.MERGE_ENTRY, lambda f: f.insert(f.find("take", 0, nth=2), "merge", 0)),
    "marks_for_nothing": (Rule.MERGE_ENTRY, lambda f: f.insert_after(f.find("opened"), "merge", HOST)),
    "releases_nothing": (Rule.RELEASE_COMPLETE, lambda f: f.insert_after(f.find("open", 0), "release", 0)),
    "releases_before_the_end_of_the_message": (
        Rule.RELEASE_COMPLETE,
        lambda f: f.insert(f.find("take", 0, nth=3), "release", 0),
    ),
    "releases_before_all_is_merged": (Rule.RELEASE_COMPLETE, releases_before_all_is_merged),
    "releases_twice": (Rule.RELEASE_COMPLETE, lambda f: f.repeat(f.find("release", HOST, nth=1))),
    "releases_without_a_mark": (Rule.RELEASE_MARKED, lambda f: f.drop(f.find("merge", HOST))),
    "releases_in_a_window": (
        Rule.RELEASE_WINDOW,
        lambda f: f.insert_after(f.find("merge", HOST, last=True), "release", HOST),
    ),
}


@pytest.mark.parametrize("opaque", [False, True], ids=["events", "opaque"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_recording_is_followed_to_the_same_bytes(seed, opaque):
    bench = recording(seed, opaque=opaque)
    node = bench.fresh()
    play(bench.steps, node)
    assert not node.outstanding()
    assert {event.name for event in bench.events} == {*ARGUMENTS, "sample"} - {"key"}, (
        "some event is not tested"
    )
    assert node.session.session_id == bench.node.session.session_id


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_schedule_is_refused(forgery, seed):
    rule, forge = FORGERIES[forgery]
    bench = recording(seed)
    forged = Forgery(bench.steps)
    forge(forged)
    node = bench.fresh()
    play(forged.steps[: forged.at], node)
    with pytest.raises(IllegalChoice) as error:
        play(forged.steps[forged.at :], node)
    assert error.value.rule is rule
    assert rule.value in str(error.value)


@pytest.mark.parametrize("amount", [-1, 1])
def test_an_opaque_port_that_skips_a_cycle_is_refused(amount):
    bench = recording(1, opaque=True)
    forged = Forgery(bench.steps)
    forged.add(forged.find("sample", nth=1), 0, 0, amount)
    with pytest.raises(IllegalChoice) as error:
        play(forged.steps, bench.fresh())
    assert error.value.rule is Rule.SAMPLE_CYCLES


def test_every_rule_is_forged():
    assert {rule for rule, _ in FORGERIES.values()} | {Rule.SAMPLE_CYCLES} == set(Rule) - OF_SEALED_LINKS


LOST = {
    "level": "the next level",
    "reopen": "reopening",
    "roll": "a new session",
    "alarm": "the alarm",
    "end": "the end of the epoch",
    "close": "closing",
    "tx_accept": "a message",
    "tx_refuse": "a message",
    "host_accept": "taking a message of the host",
    "host_refuse": "taking a message of the host",
    "scan": "sending a message",
    "read": "sending a message",
    "record": "sending the rest",
    "take": "reading a record",
    "merge": "merging a prefix",
    "release": "releasing a message",
    "drop": "sending a message",
    "cut": "sending the rest",
    "abort": "sending the rest",
    "grant": "granting credit",
    "full_request": "asking for a FULL prefix",
}


@pytest.mark.parametrize("name", LOST)
def test_a_run_must_not_end_before_it_has_happened(name):
    """The schedule is played up to the last event of a name: that it is still to come is known."""
    bench = recording(1)
    forged = Forgery(bench.steps)
    node = bench.fresh()
    last = forged.find(name, last=True)
    play(forged.steps[:last], node)
    while name.startswith("tx") and not node.sent:
        node.compute()
    assert any(LOST[name] in what for what in node.outstanding())


def test_what_happens_inside_a_closed_node_means_nothing():
    bench = recording(1)
    forged = Forgery(bench.steps)
    alarm = forged.find("alarm")
    inner = {
        "drop": (0,),
        "sample": (0, 0),
        "scan": (0,),
        "ticks": (1,),
        "cut": (16, 0),
        "read": (0, 0),
        "record": (0, PREFIX, 64),
        "abort": (0,),
        "grant": (0, STAGING),
        "full_request": (0,),
        "merge": (0,),
        "release": (HOST,),
    }
    for name, arguments in inner.items():
        forged.insert_after(alarm, name, *arguments)
    node = bench.fresh()
    play(forged.steps[: alarm + 1], node)
    for outbox in (node.host, node.rx, node.links[0].sent, node.links[1].sent):
        outbox.take()
    play(forged.steps[alarm + 1 : alarm + 1 + len(inner)], node)
    for outbox in (node.host, node.rx, node.links[0].sent, node.links[1].sent):
        assert not outbox.take()


def test_an_illegal_choice_says_what_and_when():
    bench = recording(1)
    node = bench.fresh()
    with pytest.raises(IllegalChoice, match=r"cycle 7: record\(0, 2, 64\): gates are closed"):
        node.apply(Event(7, "record", (0, 2, 64)))
