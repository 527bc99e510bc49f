"""How fast the Interlock block is, alone: in beats and cycles of its clock, so the same on every machine.

Two models of the gateware stand for the two ends of a link, joined as wires would join them.  Beats are put
in as soon as they are taken, and what is released is taken at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from interlock_hdl.config import InterlockConfig

from interlock.bench import traffic
from interlock.bench.opened import opened
from interlock.bench.pair import LINK_TX, SETTLING, Pair
from interlock.wires import Segment

MESSAGES = 24
"""Messages back to back; rates are over all but the last of them."""
STREAM_BYTES = 1 << 20
"""Payload of a stream."""


@dataclass(frozen=True, kw_only=True)
class CoreFigures:
    """What was measured of one build.

    Attributes
    ----------
    beat_bytes : int
        Of the build.
    wire_beats_per_cycle : float
        Beats on the link in the cycles from a message's first beat to its last one, of the slowest message in
        either direction, while both send at once.
    payload_beats_per_cycle : float
        Beats of payload on the link, in all cycles from the start of the first message to that of the last.
    both_payload_beats_per_cycle : float
        The same in the slower direction, while both send at once.
    received_payload_beats_per_cycle : float
        The same where the other Interlock releases them to its accelerator.
    stream_payload_beats_per_cycle : float
        Beats of payload of a stream of 1 MiB, in all cycles from its first beat on the link to its last.
    egress_latency_cycles : int
        From a message's last beat into ``tx`` to its first beat on the link, with nothing before it.
    ingress_latency_cycles : int
        From a message's last beat on the link to its first beat out of ``rx``, with nothing before it.  Most
        of it is the last record's length, for a record is checked whole before any of it is staged.
    ingress_latency_one_beat_cycles : int
        The same for a payload of one beat.
    buffered_latency_cycles, stream_latency_cycles : int
        From the first beat of a message of 8 KiB into ``tx`` to its first beat out of the other end's ``rx``,
        buffered and as a stream, with nothing before it.
    """

    beat_bytes: int
    wire_beats_per_cycle: float
    payload_beats_per_cycle: float
    both_payload_beats_per_cycle: float
    received_payload_beats_per_cycle: float
    stream_payload_beats_per_cycle: float
    egress_latency_cycles: int
    ingress_latency_cycles: int
    ingress_latency_one_beat_cycles: int
    buffered_latency_cycles: int
    stream_latency_cycles: int


def measure(config: InterlockConfig) -> CoreFigures:
    """Everything about one build.

    Raises
    ------
    BenchFailed
        If a byte is lost or changed on the way, or does not come.
    """
    beat_bytes = config.beat_bytes
    payload = traffic.MESSAGE_BYTES // beat_bytes
    sent = [traffic.message(number) for number in range(MESSAGES)]
    with Pair(config) as pair:
        pair.fill_logs()
        one, long = (_alone(pair, traffic.message(0, size)) for size in (beat_bytes, traffic.MESSAGE_BYTES))
        stream = _alone(pair, traffic.stream(0), released=traffic.message(0))

        pair.send([sent, []], released=[sent, []])
        sender, receiver = pair.ends
        rate = _rate([message[0].first for message in sender.messages()], payload)
        received = _rate(receiver.rx[:: traffic.beats(sent[:1], beat_bytes)], payload)

        pair.send([sent, sent], released=[sent, sent])
        wire = min(end.wire_rate() for end in pair.ends)
        both = min(_rate([message[0].first for message in end.messages()], payload) for end in pair.ends)

    return CoreFigures(
        beat_bytes=beat_bytes,
        wire_beats_per_cycle=wire,
        payload_beats_per_cycle=rate,
        both_payload_beats_per_cycle=both,
        received_payload_beats_per_cycle=received,
        stream_payload_beats_per_cycle=_stream_rate(config),
        egress_latency_cycles=long.egress,
        ingress_latency_cycles=long.ingress,
        ingress_latency_one_beat_cycles=one.ingress,
        buffered_latency_cycles=long.whole,
        stream_latency_cycles=stream.whole,
    )


@dataclass(frozen=True)
class _Latencies:
    """Of one message on an empty path; ``whole`` from its first beat in to its first beat out."""

    egress: int
    ingress: int
    whole: int


def _alone(pair: Pair, message: Segment, *, released: Segment | None = None) -> _Latencies:
    pair.send([[message], []], released=[[released or message], []])
    sender, receiver = pair.ends
    (records,) = sender.messages()
    return _Latencies(
        egress=records[0].first - sender.tx[-1],
        ingress=receiver.rx[0] - records[-1].last,
        whole=receiver.rx[0] - sender.tx[0],
    )


def _stream_rate(config: InterlockConfig) -> float:
    """At the sending end alone: its peer has granted more than the stream."""
    with opened(config) as rtl:
        rtl.push("tx", [traffic.stream(0, STREAM_BYTES)])
        moments = [0]  # cycles in which something was on the link
        seen = rtl.byte_count(LINK_TX)
        cycle = 0
        while cycle - moments[-1] < SETTLING:
            rtl.run(1)
            cycle += 1
            if (now := rtl.byte_count(LINK_TX)) != seen:
                seen = now
                moments.append(cycle)
    _, first, *_, last = moments
    return STREAM_BYTES / float(config.beat_bytes) / (last - first + 1)


def _rate(starts: Sequence[int], beats: int) -> float:
    """Beats a cycle where each message takes until the next one starts."""
    return beats * (len(starts) - 1) / (starts[-1] - starts[0])
