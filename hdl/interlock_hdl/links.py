"""All links of a node: what seals, opens and keys them, and when their epochs are open."""

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.clear_open import ClearOpen
from interlock_hdl.clear_seal import ClearSeal
from interlock_hdl.config import InterlockConfig
from interlock_hdl.link import LinkEpoch
from interlock_hdl.link_keys import WORD_BYTES, LinkKeys
from interlock_hdl.open import Open
from interlock_hdl.ports import LinkPort, RecordBeat
from interlock_hdl.record_turns import RecordPort
from interlock_hdl.seal import Seal


class Links(wiring.Component):
    """Joins epochs to the blocks that seal and open records, in the profile of the build.

    What is sealed leaves, and what arrived is read, in open epochs alone; the first thing that is wrong ends
    one.  Sealed links have none without keys.

    Latency and throughput: those of :class:`ClearSeal` and :class:`ClearOpen`, or of :class:`Seal` and
    :class:`Open`.

    Parameters
    ----------
    config : InterlockConfig

    Members
    -------
    ports : Out(LinkPort) array of ``links``
    i : In(stream of RecordBeat)
        Records to send.
    o : Out(RecordPort) array of ``links``
        Records that were received, and are right as records.
    session_open, taking : In(1)
        See :class:`Session`.
    keys : In(stream of Beat of 4 bytes)
        See :class:`LinkKeys`.  A CLEAR build takes nothing of it.
    wanted : Out(links)
        Slots that wait for keys.
    introduced, peer_id : Out(links), Out(128)
        See :class:`LinkKeys`.
    close : In(links)
        Strobe: what was received broke a rule.
    reopen, clean : In(links)
        See :class:`LinkEpoch`.
    open : Out(links)
    raised, opened, ended, closed : Out(links)
        Strobes of epochs; ``closed`` where one ends for what was received.
    key_taken : Out(1)
        Strobe: the first word of a message with keys is taken.
    wipe, wiped : In(1), Out(1)
    """

    def __init__(self, *, config: InterlockConfig) -> None:
        self.config = config
        beat_bytes, links = config.beat_bytes, config.links
        self.epochs = [LinkEpoch() for _ in range(links)]
        per_link = {"open", "raised", "opened", "ended", "closed", "wanted", "introduced"}
        super().__init__(
            {
                "ports": Out(LinkPort(beat_bytes)).array(links),
                "i": In(stream.Signature(RecordBeat(beat_bytes, links))),
                "o": Out(RecordPort(beat_bytes)).array(links),
                "session_open": In(1),
                "taking": In(1),
                "keys": In(beat_stream(WORD_BYTES)),
                "peer_id": Out(128),
                "key_taken": Out(1),
                "close": In(links),
                "reopen": In(links),
                "clean": In(links),
                "wipe": In(1),
                "wiped": Out(1),
            }
            | {name: Out(links) for name in sorted(per_link)}
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        if self.config.is_sealed:
            sent, fault = self._sealed(m)
        else:
            sent, fault = self._clear(m)
        for i, (epoch, port, out) in enumerate(zip(self.epochs, self.ports, sent, strict=True)):
            m.submodules[f"epoch_{i}"] = epoch
            wiring.connect(m, epoch.own, wiring.flipped(port.tx_levels))
            wiring.connect(m, wiring.flipped(port.rx_levels), epoch.peer)
            m.d.comb += [
                port.tx.payload.eq(out.payload),
                port.tx.valid.eq(out.valid & self.session_open),
                out.ready.eq(port.tx.ready & self.taking),
                epoch.session_open.eq(self.session_open),
                epoch.close.eq(epoch.open & (fault[i] | self.close[i])),
                epoch.reopen.eq(self.reopen[i]),
                epoch.clean.eq(self.clean[i]),
                self.open[i].eq(epoch.open),
                self.raised[i].eq(epoch.raised),
                self.opened[i].eq(epoch.opened),
                self.ended[i].eq(epoch.ended),
                self.closed[i].eq(epoch.close),
            ]
        return m

    def _clear(self, m: Module):
        config = self.config
        m.submodules.seal = seal = ClearSeal(beat_bytes=config.beat_bytes, links=config.links)
        opens = [ClearOpen(beat_bytes=config.beat_bytes) for _ in range(config.links)]
        wiring.connect(m, wiring.flipped(self.i), seal.i)
        m.d.comb += [
            seal.wipe.eq(self.wipe),
            seal.flush.eq(self.ended),
            self.wiped.eq(Cat(block.wiped for block in opens).all()),
        ]
        for i, (block, epoch) in enumerate(zip(opens, self.epochs, strict=True)):
            m.submodules[f"open_{i}"] = block
            wiring.connect(m, wiring.flipped(self.ports[i].rx), block.i)
            wiring.connect(m, block.header, wiring.flipped(self.o[i].header))
            wiring.connect(m, block.body, wiring.flipped(self.o[i].body))
            m.d.comb += [block.wipe.eq(self.wipe), block.open.eq(epoch.open), epoch.keyed.eq(1)]
        return seal.o, Cat(block.fault for block in opens)

    def _sealed(self, m: Module):
        config = self.config
        choices = {
            "beat_bytes": config.beat_bytes,
            "links": config.links,
            "interval": config.cipher_interval,
            "s_boxes": config.s_boxes,
            "rekey_bits": config.rekey_bits,
            "stop_bits": config.stop_bits,
        }
        m.submodules.seal = seal = Seal(**choices)
        m.submodules.opener = opener = Open(**choices)
        m.submodules.keys = keys = LinkKeys(links=config.links)
        wiring.connect(m, wiring.flipped(self.i), seal.i)
        wiring.connect(m, wiring.flipped(self.keys), keys.i)
        wiring.connect(m, keys.send, seal.keys)
        wiring.connect(m, keys.receive, opener.keys)
        m.d.comb += [
            keys.session_open.eq(self.session_open),
            keys.down.eq(Cat(epoch.down for epoch in self.epochs)),
            keys.ended.eq(self.ended),
            keys.drop.eq(seal.exhausted),
            keys.send_keyed.eq(seal.keyed),
            keys.receive_keyed.eq(opener.keyed),
            seal.flush.eq(keys.forget),
            opener.forget.eq(keys.forget),
            opener.open.eq(self.open),
            self.wanted.eq(keys.wanted),
            self.introduced.eq(keys.introduced),
            self.peer_id.eq(keys.peer_id),
            self.key_taken.eq(keys.taken),
            *(block.wipe.eq(self.wipe) for block in (seal, opener)),
            self.wiped.eq(seal.wiped & opener.wiped),
            *(epoch.keyed.eq(keys.keyed[i]) for i, epoch in enumerate(self.epochs)),
        ]
        for port, opened, inner, header, body in zip(
            self.ports, self.o, opener.i, opener.header, opener.body, strict=True
        ):
            wiring.connect(m, wiring.flipped(port.rx), inner)
            wiring.connect(m, header, wiring.flipped(opened.header))
            wiring.connect(m, body, wiring.flipped(opened.body))
        return seal.o, opener.fault
