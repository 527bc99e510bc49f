"""Waves: files that a viewer can read, with every signal of the component in them."""

import re
import struct

import pytest
from interlock.device.rtl import Rtl
from interlock.errors import Malformed
from interlock.wires import Segment
from lib.toys import Loopback

HEADER, HIERARCHY = 0, 6
"""Types of FST blocks: the file's header, and the names of its signals, compressed with LZ4."""


def blocks(content):
    """Type and content of each block of an FST file."""
    at = 0
    while at < len(content):
        (length,) = struct.unpack_from(">Q", content, at + 1)
        yield content[at], content[at + 9 : at + 1 + length]
        at += 1 + length
    assert at == len(content)


def lz4(block, size):
    """What an LZ4 block of ``size`` bytes holds, by the book."""
    result, at = bytearray(), 0

    def extended(length):
        nonlocal at
        if length == 15:
            while True:
                at += 1
                length += block[at - 1]
                if block[at - 1] != 255:
                    break
        return length

    while at < len(block):
        token = block[at]
        at += 1
        literals = extended(token >> 4)
        result += block[at : at + literals]
        at += literals
        if at == len(block):
            break
        offset = int.from_bytes(block[at : at + 2], "little")
        at += 2
        assert 0 < offset <= len(result)
        for _ in range(4 + extended(token & 15)):
            result.append(result[-offset])
    assert len(result) == size
    return bytes(result)


def test_waves_name_every_port_and_end_with_the_run(tmp_path):
    path = tmp_path / "loopback.fst"
    with Rtl(Loopback(beat_bytes=16), waves=True) as rtl:
        rtl.open_waves(path)
        rtl.push("i", [Segment(bytes(range(64)), True, True)])
        rtl.run(500)
        cycles = rtl.cycles
    found = list(blocks(path.read_bytes()))
    (header,) = [content for kind, content in found if kind == HEADER]
    start, end = struct.unpack_from(">QQ", header)
    assert start < end <= 10 * cycles
    assert end > 10 * (cycles - 2)
    (hierarchy,) = [content for kind, content in found if kind == HIERARCHY]
    names = lz4(hierarchy[8:], int.from_bytes(hierarchy[:8]))
    for port in ("clk", "i__payload", "i__valid", "o__payload", "o__ready"):
        assert re.search(rb"\0.?.?%b( \[\d+:0\])?\0" % port.encode(), names, re.DOTALL)


def test_model_without_waves_says_so(tmp_path):
    with Rtl(Loopback(beat_bytes=16)) as rtl, pytest.raises(Malformed, match="waves=True"):
        rtl.open_waves(tmp_path / "none.fst")
