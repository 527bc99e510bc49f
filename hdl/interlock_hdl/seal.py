"""Seals records: numbers and encrypts them, and sends them to their links."""

from amaranth.hdl import Module, ResetInserter
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.channel_keys import ChannelKey, ChannelKeys
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.gcm_engine import gcm_engine
from interlock_hdl.crypto.serial_gcm import SerialGcm
from interlock_hdl.crypto.shared_gcm import GcmClient
from interlock_hdl.ports import RecordBeat
from interlock_hdl.seal_entry import SealEntry
from interlock_hdl.seal_exit import SealExit
from interlock_hdl.seal_framer import SealFramer


class Seal(wiring.Component):
    """Finishes records for all links, one after another, with AES-256-GCM, each under its channel's key.

    A record comes in as header (``seq`` and ``channel`` 0, flag CLEAR not set) and ``length`` bytes of body,
    and leaves with ``seq`` and ``channel`` filled in, encrypted, with zero bytes up to a multiple of 16, and
    the tag; ``docs/specification.md``, section *Records*.  A link that is not ready holds up the links
    behind it.

    Numbers begin with 0 under each key, and no number comes twice under any.  Before a record whose number is
    a multiple of ``2**rekey_bits``, but 0, the key is replaced by the one that follows; the record that would
    be number ``2**stop_bits`` is dropped, and all that come after it.  A record for a slot that is not
    ``keyed`` when its first beat is taken is dropped: nothing ever leaves in clear.

    ``flush`` ends an epoch, and the key's time: what is inside for that slot, or comes in together with it,
    is gone from the next cycle on, what is offered at ``o`` included, and the rest of a record that it cut is
    dropped as it arrives.  A key that is taken does the same to its slot.  A record that is not as its header
    says, or is cut by another one's ``first``, does not leave whole, and its number is lost.

    No timing depends on keys or on what records hold.

    Latency: ``latency`` cycles from a beat that completes a block of 16 bytes at ``i`` to the block at ``o``,
    if it enters the engine at once; the tag comes right behind.  That is of a ``Gcm``; of a ``SerialGcm`` it
    is one less for blocks of a body, and header and tag take as long as there.
    Throughput: one beat a cycle at ``o``, or a block every ``interval`` cycles where that takes longer,
    records of any slots one after another without a gap; ``i`` waits only for the engine and while the tag's
    block is made.  A key that is loaded takes the place of some blocks.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat.
    links : int
        Slots.
    interval : int
        Cycles a block, one of ``INTERVALS``.
    s_boxes : SBoxStyle
    rekey_bits, stop_bits : int
        See above; other than 24 and 48 for tests.
    engine : GcmClient, optional
        Of an engine that is shared; without, the seal has its own.

    Members
    -------
    i : In(stream of RecordBeat)
        ``first`` on the first beat of the header, ``last`` and ``keep`` at the end of the body.  Ready
        depends on registers and ``wipe`` alone.
    flush : In(links)
        For each slot, strobe or level.
    keys : In(stream of ChannelKey)
        A key for each epoch.  See :class:`ChannelKeys`.
    keyed : Out(links)
        The slot has a key.
    exhausted : Out(links)
        The hard stop was reached: from the first record that was dropped for it until ``flush``.
    wipe, wiped : In(1), Out(1)
        While ``wipe`` is high, nothing is taken nor offered, and everything is overwritten; ``wiped`` once
        that is complete.  ``wipe`` must be high until then.
    o : Out(beat stream) array of ``links``
        Whole records, ``keep`` all ones.
    """

    def __init__(
        self,
        *,
        beat_bytes: int,
        links: int,
        interval: int,
        s_boxes: SBoxStyle = SBoxStyle.LOGIC,
        rekey_bits: int = 24,
        stop_bits: int = 48,
        engine: GcmClient | None = None,
    ) -> None:
        self.beat_bytes = beat_bytes
        self.links = links
        self.channel_keys = ChannelKeys(links=links)
        is_pipeline = interval != SerialGcm.interval
        self.framer = SealFramer(beat_bytes=beat_bytes, links=links, buffered=is_pipeline)
        self.entry = SealEntry(links=links, rekey_bits=rekey_bits, stop_bits=stop_bits)
        self.gcm = engine or gcm_engine(interval=interval, slots=self.channel_keys.slots, s_boxes=s_boxes)
        self.exit = SealExit(beat_bytes=beat_bytes, links=links, buffered=is_pipeline)
        self.latency = sum(each.latency for each in (self.framer, self.entry, self.gcm, self.exit))
        super().__init__(
            {
                "i": In(stream.Signature(RecordBeat(beat_bytes, links))),
                "flush": In(links),
                "keys": In(stream.Signature(ChannelKey(links))),
                "keyed": Out(links),
                "exhausted": Out(links),
                "wipe": In(1),
                "wiped": Out(1),
                "o": Out(beat_stream(beat_bytes)).array(links),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.gcm = gcm = self.gcm
        m.submodules.channel_keys = keys = self.channel_keys
        control = Module()
        m.submodules.control = ResetInserter(self.wipe)(control)
        control.submodules.framer = framer = self.framer
        control.submodules.entry = entry = self.entry
        control.submodules.exit = exit = self.exit

        wiring.connect(m, wiring.flipped(self.keys), keys.i)
        wiring.connect(m, keys.requests, gcm.keys)
        m.d.comb += [
            self.keyed.eq(keys.keyed),
            keys.forget.eq(self.flush),
            keys.inside.eq(framer.inside | entry.inside | gcm.inside),
            keys.loaded.eq(gcm.loaded),
            keys.loaded_slot.eq(gcm.loaded_slot),
            keys.follow.eq(entry.follow),
            keys.follow_slot.eq(entry.follow_slot),
            entry.following.eq(keys.following),
            *(to.eq(channel) for to, channel in zip(entry.channel, keys.channel, strict=True)),
        ]

        wiring.connect(m, framer.o, entry.i)
        wiring.connect(m, entry.o, gcm.i)
        wiring.connect(m, gcm.o, exit.i)
        m.d.comb += [
            framer.i.payload.eq(self.i.payload),
            framer.i.valid.eq(self.i.valid),
            self.i.ready.eq(framer.i.ready & ~self.wipe),
            framer.flush.eq(keys.ends),
            framer.keyed.eq(keys.keyed),
            entry.flush.eq(keys.ends),
            entry.keyed.eq(keys.keyed),
            entry.busy.eq(gcm.inside),
            self.exhausted.eq(entry.exhausted),
            exit.keyed.eq(keys.keyed),
        ]
        for inner, link in zip(exit.o, self.o, strict=True):
            m.d.comb += [
                link.payload.eq(inner.payload),
                link.valid.eq(inner.valid & ~self.wipe),
                inner.ready.eq(link.ready),
            ]
        if isinstance(gcm, GcmClient):
            m.d.comb += gcm.room.eq(exit.i.ready)
        m.d.comb += [keys.wipe.eq(self.wipe), gcm.wipe.eq(self.wipe), self.wiped.eq(gcm.wiped)]
        return m
