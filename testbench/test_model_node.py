"""Golden node: what becomes of messages, to the byte."""

import subprocess
import sys
from binascii import crc32
from hashlib import sha256
from pathlib import Path

import pytest
from interlock.model.log import Entry
from interlock.model.messages import Kind, Message
from interlock.model.parameters import IssuePort, Mode
from interlock.model.records import RecordType, decode_prefix, decode_record
from interlock.model.summary import Summary
from interlock.wires import Level, OpRun, RawBeat, Segment
from lib.golden_bench import OWN_ID, PEER_ID, GoldenBench, of, peer_entry, sent_bytes
from lib.scripted import external

MODEL = Path(__file__).resolve().parents[1] / "sw" / "interlock" / "model"


@pytest.fixture
def bench() -> GoldenBench:
    bench = GoldenBench()
    bench.open()
    return bench


def test_a_peer_message_leaves_behind_a_log_that_covers_it(bench):
    bench.connect(1)
    credit = of("01 04 80 00 0000 0008 0000000000000000 0000000000004000")
    assert sent_bytes(bench.engine.pop_link(1)) == [
        credit + bytes(8) + crc32(credit).to_bytes(4, "big") + bytes(12)
    ]
    bench.compute(0, count=16, repeat=1000)  # 32 FLOPs each
    bench.compute(1, count=4, op_class=0x12)  # 4 FLOPs
    bench.send(Message(Kind.PEER, 1, b"hello"))
    bench.run()
    prefix = of(f"""
        01 02 81 00 0000 0040 0000000000000001      # header: PREFIX, SOM and CLEAR, 64 bytes, seq 1
        00000001 00000000 00000001                  # one session, no externals, FULL
        0000000000000000 000000000000000000000000   # reserved, max_bound
        {OWN_ID.hex()}                              # entry 0: own session
        000000000000000000007d04                    # 32004 FLOPs
        01 01 0001                                  # EVENTS, table 1, CLEAR
    """)
    payload = of("01 03 82 00 0000 0005 0000000000000002 68656c6c6f")
    assert sent_bytes(bench.engine.pop_link(1)) == [
        prefix + crc32(prefix).to_bytes(4, "big") + bytes(12),
        payload + bytes(11) + crc32(payload).to_bytes(4, "big") + bytes(12),
    ]
    assert bench.engine.pop_link(0) == [Level(up=True, heard=False)]


@pytest.mark.parametrize(
    ("size", "lengths"),
    [(0, []), (1, [1]), (4096, [4096]), (4097, [4096, 1]), (8192, [4096, 4096])],
    ids=["empty", "one_byte", "one_record", "one_more", "full"],
)
def test_a_message_is_cut_into_records_of_4096_bytes(bench, size, lengths):
    bench.connect(0)
    bench.engine.pop_link(0)
    bench.send(Message(Kind.PEER, 0, b"x" * size))
    bench.run()
    records = sent_bytes(bench.engine.pop_link(0))[-len(lengths) - 1 :]
    assert [int.from_bytes(record[6:8], "big") for record in records] == [64, *lengths]
    assert [record[2] for record in records] == [
        *([0x83] if not lengths else [0x81]),
        *(0x82 if at == len(lengths) - 1 else 0x80 for at in range(len(lengths))),
    ]


def test_an_export_leaves_as_log_summary_and_message(bench):
    bench.connect(0)
    bench.push_link(0, bench.peers[0].message([peer_entry(5, weight_table=2, flags=9)]))
    bench.run()
    bench.compute(0, count=1, op_class=0x31)
    bench.send(Message(Kind.EXPORT, 0, b"weights"))
    bench.run()
    ticks = next(step.arguments[0] for step in bench.steps if getattr(step, "name", "") == "ticks").to_bytes(
        8, "big"
    )
    log = of(f"""
        05 00 0000 000000000000000000000000
        {OWN_ID.hex()} 000000000000000000000002 01 01 0001
        {PEER_ID.hex()} 000000000000000000000005 01 02 0009
    """)
    summary = of(f"""
        07 00 0000 000000000000000000000000
        ac 00 78 1d {b"interlock unsigned summary v1".hex()}
        01 50 {OWN_ID.hex()}
        02 48 0000000000000000
        03 48 0000000000000007
        04 50 00000000000000000000000000000007
        05 44 00000002
        06 44 00000000
        07 41 01
        08 42 01 01
        09 42 0009
        0a 58 48 {bytes(36).hex()} 000000000000000000000002 {bytes(24).hex()}
        0b 48 {ticks.hex()}
    """)
    export = of("02 00 0000 000000000000000000000000") + b"weights"
    assert sent_bytes(bench.engine.pop_host()) == [log, summary, export]


def test_exports_are_numbered_within_a_session(bench):
    bench.send(Message(Kind.EXPORT, 0, b""), Message(Kind.EXPORT, 0, b""))
    bench.run()
    bench.roll()
    bench.open()
    bench.send(Message(Kind.EXPORT, 0, b""))
    bench.run()
    summaries = [data for data in sent_bytes(bench.engine.pop_host()) if data[0] == Kind.SUMMARY]
    at = summaries[0].index(b"\x02\x48") + 2
    assert [data[at + 7] for data in summaries] == [0, 1, 0]


def test_a_received_message_is_released_with_the_header_that_rx_has(bench):
    bench.connect(1)
    bench.push_link(1, bench.peers[1].message([peer_entry()], b"payload"))
    bench.run()
    assert bench.node.accelerator.received == [of("01 00 0001 000000000000000000000000") + b"payload"]
    assert bench.node.log.entries[1] == peer_entry()


@pytest.mark.parametrize(
    ("digest_lanes", "flag", "externals"),
    [(1, 4, [sha256(b"\0data").digest()]), (0, 8, [])],
    ids=["digest", "no_digest"],
)
def test_an_external_message_is_released_and_marks_the_node_for_ever(digest_lanes, flag, externals):
    bench = GoldenBench(digest_lanes=digest_lanes)
    bench.open()
    assert bench.node.log.own.flags == 1
    bench.push_host(external(b"data"))
    bench.run()
    assert bench.node.accelerator.received == [of("03 00 0000 000000000000000000000000") + b"data"]
    assert bench.node.log.own.flags == 1 | flag
    assert bench.node.log.externals == externals


def test_external_data_that_a_full_log_cannot_hold_is_dropped():
    bench = GoldenBench(log_entries=2)
    bench.open()
    bench.push_host(external(b"one"), external(b"two"), external(b"one"))
    bench.run()
    assert [message[16:] for message in bench.node.accelerator.received] == [b"one", b"one"]
    assert bench.node.log.size == 2
    assert not bench.node.outstanding()


def test_an_export_has_external_entries_behind_the_sessions():
    bench = GoldenBench()
    bench.open()
    bench.push_host(external(b"data"))
    bench.run()
    bench.connect(0)
    bench.push_link(0, bench.peers[0].message([peer_entry()], externals=[bytes([7] * 32)]))
    bench.run()
    bench.send(Message(Kind.EXPORT, 0, b""))
    bench.run()
    log, summary, _ = sent_bytes(bench.engine.pop_host())
    assert log[16 + 32 : 16 + 64] == peer_entry().encode()
    assert log[16 + 64 :] == sha256(b"\0data").digest() + bytes([7] * 32)
    told = Summary.decode(summary[16:])
    assert (told.n_sessions, told.n_externals, told.flags) == (2, 2, 1 | 4)


@pytest.mark.parametrize(
    "items",
    [
        [Segment(bytes([1]) + bytes(15), True, True)],
        [Segment(bytes(15), True, True)],
        [Segment(external(b"").data, False, True)],
        [Segment(external(b"").data, True, False), Segment(bytes(16), True, True)],
        [Segment(external(b"").data, True, False), RawBeat(bytes(16), 5, False, True)],
        [Segment(external(b"").data, True, False), RawBeat(bytes(16), 0, False, True)],
        [
            Segment(external(b"").data, True, False),
            RawBeat(bytes(16), 7, False, False),
            Segment(bytes(1), False, True),
        ],
        [external(bytes(8193))],
    ],
    ids=[
        "kind",
        "cut_short",
        "no_first",
        "first_again",
        "hole_in_keep",
        "empty_keep",
        "partial_keep",
        "too_long",
    ],
)
def test_a_refused_message_is_dropped_whole_and_the_next_one_is_not(bench, items):
    bench.push_host(*items, external(b"next"))
    bench.run()
    names = [event.name for event in bench.events]
    assert names.count("host_refuse") == 1
    assert names.count("host_accept") == 1
    assert [message[16:] for message in bench.node.accelerator.received] == [b"next"]


def test_a_refused_tx_message_leaves_no_trace(bench):
    bench.connect(0)
    bench.engine.pop_link(0)
    bench.send(
        Message(Kind.PEER, 2, b"no such slot"), Message(Kind.EXTERNAL, 0, b""), Message(Kind.PEER, 0, b"")
    )
    bench.run()
    assert len(sent_bytes(bench.engine.pop_link(0))) == 1


def test_a_message_waits_for_its_epoch_and_carries_the_log_of_when_it_leaves(bench):
    bench.compute(0, 16, 10)
    bench.send(Message(Kind.PEER, 0, b""))
    bench.run()
    bench.connect(1)
    bench.push_link(1, bench.peers[1].message([peer_entry()]))
    bench.run()
    assert not sent_bytes(bench.engine.pop_link(0))
    bench.connect(0)
    _, data = sent_bytes(bench.engine.pop_link(0))
    record = decode_record(data, seq=1)
    assert (record.type, record.som, record.eom) == (RecordType.PREFIX, True, True)
    own, other = decode_prefix(record.body)
    assert own == Entry(OWN_ID, 320, 1, 1, 1)
    assert other == peer_entry()


def test_an_opaque_port_counts_cycles():
    bench = GoldenBench(issue_ports=(IssuePort(peak=8), IssuePort(mode=Mode.OPAQUE, peak=7)))
    bench.open()
    bench.send(Message(Kind.EXPORT, 0, b""))
    bench.run()
    (sample,) = [event for event in bench.events if event.name == "sample"]
    log = sent_bytes(bench.engine.pop_host())[0]
    assert int.from_bytes(log[32:44], "big") == 7 * sample.arguments[1] > 0
    assert log[44] == 3


def test_what_the_accelerator_does_is_shown(bench):
    bench.compute(0, 16, 3)
    bench.send(Message(Kind.EXPORT, 0, b"x"))
    bench.push_host(external(b"y"))
    bench.run()
    assert bench.engine.pop_operations(0) == [OpRun(0x21, 16, 3)]
    assert bench.engine.pop_operations(1) == []
    assert sent_bytes(bench.engine.pop_tx()) == [Message(Kind.EXPORT, 0, b"x").encode()]
    assert sent_bytes(bench.engine.pop_rx()) == [external(b"y").data]


def test_the_model_shares_no_code_with_the_gateware():
    """Not even indirectly: a fresh interpreter that has all of the model has nothing of the gateware."""
    modules = [path.stem for path in MODEL.glob("*.py") if path.stem != "__init__"]
    names = ", ".join(f"interlock.model.{module}" for module in [*modules, "choices"])
    script = f"import sys, {names}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert len(modules) > 15
    assert not {name.split(".")[0] for name in loaded.stdout.split()} & {"amaranth", "interlock_hdl"}
