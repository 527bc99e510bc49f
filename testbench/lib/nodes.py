"""Clusters of nodes in lockstep, for tests: gateware and golden model as one."""

from dataclasses import replace
from functools import cache

from interlock.device.lockstep import LockstepNode
from interlock.model.accelerator import AcceleratorParameters, GoldenAccelerator
from interlock.model.node import GoldenNode
from interlock.model.parameters import NodeParameters
from interlock_hdl.accelerator.accelerator import Accelerator
from interlock_hdl.config import InterlockConfig, IssuePort, LinkProfile, LogStore
from interlock_hdl.node import Node
from interlock_hdl.record import Mode

from lib.golden_puppet import GoldenPuppet
from lib.puppet import Puppet
from lib.watched import WatchedNode

SCRIPT_WORDS = 2048
SCRATCH_WORDS = 1024
QUEUE_WORDS = 512
MAKER = 0x1A7E0001


def clear_config(**options: object) -> InterlockConfig:
    """A node with CLEAR links: what the tests' own peers talk to."""
    return InterlockConfig(profile=LinkProfile.CLEAR, **options)


def small_config(beat_bytes: int = 16, links: int = 2) -> InterlockConfig:
    """A node that wipes quickly: short messages, little memory, few log entries."""
    return clear_config(beat_bytes=beat_bytes, links=links, message_bytes=4608, log_entries=16)


def sealed_config(beat_bytes: int = 16, links: int = 2, *, cipher_interval: int = 14) -> InterlockConfig:
    """The same with sealed links, whose keys are soon used up."""
    return replace(
        small_config(beat_bytes, links),
        profile=LinkProfile.SEALED,
        cipher_interval=cipher_interval,
        rekey_bits=2,
        stop_bits=5,
    )


def limits(config: InterlockConfig) -> dict[str, int]:
    """When keys of a build's sealed links are followed, and used up: what a peer must know."""
    return {"rekey_bits": config.rekey_bits, "stop_bits": config.stop_bits}


BUILDS = {
    "wide": small_config(16),
    "narrow": small_config(4),
    "sealed": sealed_config(16),
    "sealed-narrow": sealed_config(4, links=3),
    "pipelined": sealed_config(16, cipher_interval=1),
    "half": sealed_config(16, links=3, cipher_interval=2),
    "opaque": clear_config(
        beat_bytes=16,
        links=3,
        issue_ports=(IssuePort(peak=32), IssuePort(mode=Mode.OPAQUE, peak=4)),
        log_entries=3,
        message_bytes=4096,
        digest_lanes=0,
    ),
    "least": clear_config(beat_bytes=4, links=2, log_entries=2, message_bytes=64, digest_lanes=0),
    "single": clear_config(
        beat_bytes=16,
        links=3,
        log_entries=32,
        message_bytes=1024,
        staging_messages=1,
        digest_lanes=0,
    ),
    "bare": clear_config(
        beat_bytes=4,
        links=3,
        log_entries=6,
        message_bytes=2048,
        staging_messages=1,
        digest_lanes=0,
    ),
    "hashed": clear_config(
        beat_bytes=16,
        links=3,
        log_entries=64,
        log_store=LogStore.HASH,
        message_bytes=2048,
        digest_lanes=1,
    ),
}
"""What campaigns run on."""


@cache
def gateware(config: InterlockConfig) -> Node:
    """A node with a small accelerator; one component for all that are of the same build."""
    accelerator = Accelerator(
        beat_bytes=config.beat_bytes,
        links=config.links,
        scratch_words=SCRATCH_WORDS,
        queue_words=QUEUE_WORDS,
    )
    return Node(config=config, accelerator=accelerator)


def rtl_node(config: InterlockConfig, *, serial: int) -> WatchedNode:
    """The gateware of a node, fresh from reset."""
    return WatchedNode(gateware(config), maker=MAKER, serial=serial)


def golden_node(config: InterlockConfig, *, serial: int) -> GoldenNode:
    """The golden model of the same."""
    parameters = AcceleratorParameters(
        links=config.links, scratch_words=SCRATCH_WORDS, queue_words=QUEUE_WORDS
    )
    return GoldenNode(
        parameters=NodeParameters.of(config),
        accelerator=GoldenAccelerator(parameters),
        maker=MAKER,
        serial=serial,
        watch=True,
    )


@cache
def puppet_gateware(config: InterlockConfig) -> Node:
    """A node with a puppet for an accelerator."""
    puppet = Puppet(
        beat_bytes=config.beat_bytes, script_words=SCRIPT_WORDS, issue_ports=len(config.issue_ports)
    )
    return Node(config=config, accelerator=puppet)


def puppet_node(config: InterlockConfig, *, serial: int) -> LockstepNode:
    """Gateware and golden model of a node with a puppet, as one."""
    golden = GoldenNode(
        parameters=NodeParameters.of(config),
        accelerator=GoldenPuppet(script_words=SCRIPT_WORDS, issue_ports=len(config.issue_ports)),
        maker=MAKER,
        serial=serial,
        watch=True,
    )
    rtl = WatchedNode(puppet_gateware(config), maker=MAKER, serial=serial)
    return LockstepNode(rtl, golden, name=f"node{serial}")


def lockstep_node(config: InterlockConfig, *, serial: int) -> LockstepNode:
    """Both as one node."""
    return LockstepNode(
        rtl_node(config, serial=serial), golden_node(config, serial=serial), name=f"node{serial}"
    )
