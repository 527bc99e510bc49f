"""Keys for links of an Interlock without a cluster around it."""

from interlock.device.rtl import Rtl
from interlock.model.channel import CLEAR, Channel, SealedChannel
from interlock.model.gcm import KEY_BYTES
from interlock.model.keys import LinkKeys
from interlock.wires import Level, Segment

CHANNEL = 5


def give_keys(rtl: Rtl, slot: int, *, peer: bytes, send: int, receive: int) -> None:
    """Keys made from two numbers for a link whose other end is ``peer``."""
    keys = LinkKeys(slot, CHANNEL, peer, _key(send), _key(receive))
    rtl.push("keys", [Segment(keys.encode(), first=True, last=True)])


def play_peer(rtl: Rtl, slot: int, *, peer: bytes, is_sealed: bool) -> Channel:
    """Keys for a link whose other end the caller plays, and what protects what that sends."""
    if not is_sealed:
        return CLEAR
    send, receive = 2 * slot, 2 * slot + 1
    give_keys(rtl, slot, peer=peer, send=send, receive=receive)
    return SealedChannel(_key(receive), CHANNEL)


def says_up(rtl: Rtl, slot: int) -> bool:
    """Whether the node raises its level ``up``, in what it has sent on a link since this was asked last."""
    return any(isinstance(item, Level) and item.up for item in rtl.pop(f"links__{slot}__tx"))


def _key(number: int) -> bytes:
    return number.to_bytes(KEY_BYTES)
