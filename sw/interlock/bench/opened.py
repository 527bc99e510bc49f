"""One Interlock without an accelerator, whose peer takes everything, for what one end alone can show."""

from collections.abc import Callable

from interlock_hdl.config import InterlockConfig
from interlock_hdl.interlock import Interlock

from interlock.bench import traffic
from interlock.bench.keyed import play_peer, says_up
from interlock.bench.pair import LINK_RX, LINK_TX, MAKER, PATIENCE, SETTLING, BenchFailed
from interlock.device.rtl import Rtl
from interlock.wires import Level

SERIAL = 3


def opened(config: InterlockConfig, *, runs_long: bool = False) -> Rtl:
    """An Interlock without an accelerator, in an open session, whose peer has granted more than it needs, and
    whose first prefix, the FULL one, has left."""
    rtl = Rtl(Interlock(config=config), runs_long=runs_long)
    rtl.set("maker", MAKER)
    rtl.set("serial", SERIAL)
    rtl.push("random", [SERIAL] * (2 + config.key_words))

    def wait_until(done: Callable[[], bool], what: str) -> None:
        for _ in range(PATIENCE):
            if done():
                return
            rtl.run(1)
        raise BenchFailed(f"{what} in {PATIENCE} cycles")

    def wait(output: str, value: int) -> None:
        wait_until(lambda: rtl.get(output) == value, f"{output} did not become {value}")

    rtl.set("clear_done", 1)
    wait("clear_request", 0)
    rtl.set("clear_done", 0)
    wait("is_open", 1)
    channel = play_peer(rtl, traffic.SLOT, peer=traffic.THIRD_PARTY, is_sealed=config.is_sealed)
    rtl.push(LINK_RX, [Level(up=True, heard=False)])
    wait_until(lambda: says_up(rtl, traffic.SLOT), "up of the link did not rise")
    rtl.push(LINK_RX, [Level(up=True, heard=True)])
    wait("link_open", 1)
    for stream, segments in ((LINK_RX, traffic.greeting(channel)), ("tx", [traffic.message(0, 16)])):
        rtl.push(stream, segments)
        rtl.run(SETTLING)
    for stream in (LINK_TX, "rx"):
        rtl.pop(stream)
    return rtl
