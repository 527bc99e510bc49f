"""What is measured: one line a block."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from interlock_hdl.beat import Beat
from interlock_hdl.clear_open import ClearOpen
from interlock_hdl.clear_seal import ClearSeal
from interlock_hdl.config import InterlockConfig, IssuePort, LinkProfile, LogStore
from interlock_hdl.counter import FlopCounter
from interlock_hdl.crc32 import Crc32
from interlock_hdl.crypto.aes import Aes256
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.gcm import Gcm
from interlock_hdl.crypto.ghash import Ghash
from interlock_hdl.crypto.key_expansion import KeyExpansion
from interlock_hdl.crypto.serial_aes import SerialAes256
from interlock_hdl.crypto.serial_gcm import SerialGcm
from interlock_hdl.crypto.serial_ghash import SerialGhash
from interlock_hdl.crypto.sha256 import Sha256
from interlock_hdl.digest import TreeDigest
from interlock_hdl.egress import Egress
from interlock_hdl.ingress import Ingress
from interlock_hdl.intake import Intake
from interlock_hdl.interlock import Interlock
from interlock_hdl.link import LinkEpoch
from interlock_hdl.log.hash_log import HashLog
from interlock_hdl.log.register_log import RegisterLog
from interlock_hdl.log.scan import Scan
from interlock_hdl.message import Kind
from interlock_hdl.open import Open
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.seal import Seal
from interlock_hdl.session import Session
from interlock_hdl.summary import Summary

from interlock.synthesis.parts import Part
from interlock.synthesis.sealed_pair import SealedPair

MAIN = InterlockConfig()
"""The default build, which is what the blocks below are parts of."""
LARGE = replace(MAIN, log_store=LogStore.HASH, log_entries=1024)
"""With the log of a large cluster."""
CORE, LARGE_CORE = (replace(config, profile=LinkProfile.CLEAR) for config in (MAIN, LARGE))
"""Without what seals links."""
SMALL = InterlockConfig(
    beat_bytes=4,
    links=1,
    issue_ports=(IssuePort(peak=32),),
    log_entries=4,
    message_bytes=512,
    staging_messages=1,
    digest_lanes=0,
    profile=LinkProfile.CLEAR,
)
"""A build for the smallest boards."""
SERIAL = {"beat_bytes": 4, "links": 1, "interval": SerialGcm.interval, "s_boxes": SBoxStyle.BLOCK_RAM}
"""The smallest seal, and what opens its records."""
SHORT = 512
"""Bytes of the largest record that is opened where there is little block RAM."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A row of the table.

    Parameters
    ----------
    make : callable
        Makes the component.
    part : Part
        What it is placed on.
    open_ports : tuple of str
        Its ports that hardware leaves unconnected.
    options : tuple of str
        What Yosys's synthesis is told on top.
    placement : tuple of str
        What nextpnr is told on top.
    """

    make: Callable[[], Any]  # a wiring.Component
    part: Part = Part.ECP5
    open_ports: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    placement: tuple[str, ...] = ()


def _intake() -> Intake:
    return Intake(
        beat_bytes=MAIN.beat_bytes,
        kinds=(Kind.PEER, Kind.EXPORT),
        slots=MAIN.links,
        message_bytes=MAIN.message_bytes,
        streams=True,
        drain=True,
    )


_NARROW = ("-nowidelut",)
"""Arithmetic of a field is made of four-input LUTs.  Joined to wider ones it would be a little faster, and
take nearly twice as many."""

_FULL = ("-dffe_min_ce_use", "9")
"""Eight cells of an iCE40 share one enable: where a part is nearly full, enables of few registers cost more
places than they save LUTs."""

_LOOSE = ("--placer-heap-beta", "0.6")
"""Where half of a part is taken: no region of it may be filled so far that ways have to lead around it."""

BLOCKS: Mapping[str, Block] = {
    "session": Block(make=lambda: Session(key_words=MAIN.key_words)),
    "link-epoch": Block(make=LinkEpoch),
    "crc32": Block(make=lambda: Crc32(beat_bytes=16)),
    "summary": Block(make=lambda: Summary(beat_bytes=16)),
    "packet-buffer": Block(make=lambda: PacketBuffer(shape=Beat(16), depth=512)),
    "intake": Block(make=_intake),
    "counter": Block(make=lambda: FlopCounter(issue_ports=MAIN.issue_ports, weights=MAIN.weights)),
    "sha256": Block(make=Sha256),
    "key-expansion": Block(make=KeyExpansion, options=_NARROW),
    "aes-14": Block(make=lambda: Aes256(interval=14), options=_NARROW),
    "aes-14-ram": Block(make=lambda: Aes256(interval=14, s_boxes=SBoxStyle.BLOCK_RAM), options=_NARROW),
    "aes-2": Block(make=lambda: Aes256(interval=2), options=_NARROW),
    "aes-1": Block(make=lambda: Aes256(interval=1), options=_NARROW),
    "aes-1-ram": Block(make=lambda: Aes256(interval=1, s_boxes=SBoxStyle.BLOCK_RAM), options=_NARROW),
    "aes-serial": Block(make=lambda: SerialAes256(slots=2), part=Part.ICE40),
    "ghash-11": Block(make=lambda: SerialGhash(digit_bits=16), options=_NARROW),
    "ghash-2": Block(make=lambda: Ghash(interval=2), options=_NARROW),
    "ghash-1": Block(make=lambda: Ghash(interval=1), options=_NARROW),
    "ghash-serial": Block(make=lambda: SerialGhash(digit_bits=2, slots=2), part=Part.ICE40),
    "key-expansion-small": Block(make=lambda: KeyExpansion(slots=2), part=Part.ICE40),
    "tree-digest-1": Block(make=lambda: TreeDigest(beat_bytes=16, lanes=1, max_bytes=MAIN.message_bytes)),
    "register-log-16": Block(make=lambda: RegisterLog(entries=16)),
    "scan-16": Block(make=lambda: Scan(links=MAIN.links, entries=16)),
    "hash-log-1024": Block(make=lambda: HashLog(entries=1024)),
    "hash-log-4096": Block(make=lambda: HashLog(entries=4096)),
    "gcm-14": Block(make=lambda: Gcm(interval=14, slots=8), options=_NARROW),
    "gcm-1": Block(make=lambda: Gcm(interval=1, slots=8), options=_NARROW),
    "gcm-serial": Block(make=lambda: SerialGcm(slots=2, s_boxes=SBoxStyle.BLOCK_RAM), part=Part.ICE40),
    "seal-serial": Block(make=lambda: Seal(**SERIAL), part=Part.ICE40),
    "open-serial": Block(make=lambda: Open(**SERIAL, record_bytes=SHORT), part=Part.ICE40),
    "sealed-pair": Block(make=lambda: SealedPair(record_bytes=SHORT), part=Part.ICE40, options=_FULL),
    "sealed-pair-two-engines": Block(
        make=lambda: SealedPair(record_bytes=SHORT, shared=False), part=Part.ICE40, options=_FULL
    ),
    "seal-14": Block(make=lambda: Seal(beat_bytes=16, links=8, interval=14), options=_NARROW),
    "seal-2": Block(make=lambda: Seal(beat_bytes=16, links=8, interval=2), options=_NARROW),
    "seal-1": Block(make=lambda: Seal(beat_bytes=16, links=8, interval=1), options=_NARROW),
    "open-14": Block(make=lambda: Open(beat_bytes=16, links=8, interval=14), options=_NARROW),
    "open-2": Block(make=lambda: Open(beat_bytes=16, links=8, interval=2), options=_NARROW),
    "open-1": Block(make=lambda: Open(beat_bytes=16, links=8, interval=1), options=_NARROW),
    "clear-seal": Block(make=lambda: ClearSeal(beat_bytes=16, links=MAIN.links)),
    "clear-open": Block(make=lambda: ClearOpen(beat_bytes=16)),
    # Its own latency alone depends on the counter's.
    "egress": Block(make=lambda: Egress(config=MAIN, sample_latency=0, depth=2 * MAIN.message_bytes // 16)),
    "ingress": Block(make=lambda: Ingress(config=MAIN)),
    "core": Block(make=lambda: Interlock(config=CORE), open_ports=("trace",), placement=_LOOSE),
    "core-hash-1024": Block(
        make=lambda: Interlock(config=LARGE_CORE), open_ports=("trace",), placement=_LOOSE
    ),
    "interlock": Block(make=lambda: Interlock(config=MAIN), open_ports=("trace",), placement=_LOOSE),
    "interlock-hash-1024": Block(
        make=lambda: Interlock(config=LARGE), open_ports=("trace",), placement=_LOOSE
    ),
    "interlock-small": Block(make=lambda: Interlock(config=SMALL), part=Part.ICE40, open_ports=("trace",)),
}
"""Every block that is measured, by name; small ones first, for those that take minutes come last."""
