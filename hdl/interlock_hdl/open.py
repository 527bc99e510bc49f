"""Opening sealed records: of all links, in turn, by one engine; only what is right passes."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.channel_keys import ChannelKey, ChannelKeys
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.gcm import BLOCK_BYTES
from interlock_hdl.crypto.gcm_engine import INTERVALS, gcm_engine
from interlock_hdl.crypto.result_queue import ResultQueue
from interlock_hdl.crypto.serial_gcm import SerialGcm
from interlock_hdl.crypto.shared_gcm import GcmClient
from interlock_hdl.ones import lowest_one
from interlock_hdl.open_progress import OpenProgress
from interlock_hdl.open_turns import OpenTurns
from interlock_hdl.opened_records import OpenedRecords
from interlock_hdl.opened_store import OpenedStore
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.record import ENTRY_BYTES, PREFIX_HEADER_BYTES, RECORD_MAX_LENGTH, RecordHeader
from interlock_hdl.sealed_inbox import SealedInbox

HEADERS = {interval: 4 if interval == SerialGcm.interval else 32 for interval in INTERVALS}
"""Records of a slot that are being opened, or have a header that was not read, by interval.  An engine that
has one block at a time needs few: there is one record in it."""
STORED_RECORDS = {interval: 3 if interval == 1 else 2 for interval in INTERVALS}
"""Bodies that a slot has place for, by interval.  Where a block enters in every cycle, a third one does so
before the first was read to its end."""
MIN_RECORD_BYTES = PREFIX_HEADER_BYTES + ENTRY_BYTES
"""The shortest prefix has one entry."""


class Open(wiring.Component):
    """Opens the records that arrive from all links, and offers header and body of each one that is right.

    A record is offered only after all of it was checked: framing, header, sequence number, padding, and the
    tag of AES-256-GCM (``docs/specification.md``, sections *Records* and *What closes a channel*).  The first
    that is wrong raises ``fault``, once all before it were committed and had the time to be offered, and
    nothing from it on is offered; it and all that follows is taken and discarded.  The same becomes of what
    arrives while there is no key.

    Each link has a buffer of its own before the engine, and one behind it; a record takes its turn when it
    is there whole and the buffer behind has room for all of it.  So a link that stops in the middle of a
    record holds up no other, nor does a reader that stops reading.

    While ``open`` is low everything that arrives is taken and discarded, and the slot is in its first state;
    what it still offers in the first cycle of that is gone in the next.  Its key is forgotten in that first
    cycle: the next epoch's is what comes later, before or after ``open`` rises.  Records that the engine has
    of it are dropped when they leave it, and the buffer behind is overwritten with zeros, so that nothing is
    left of records that were wrong or not read; the first record of the next epoch waits for both.

    Under a key there are 2 to the power of ``rekey_bits`` records, and the next one is opened with the key
    that follows (Noise, revision 34, REKEY).  Numbers begin with 0 when ``open`` rises: a key that comes amid
    an epoch takes the place of the one before, and opens what comes next under numbers that go on.

    Latency: from a record's last beat to its header, ``latency(length)`` cycles where nothing else is at
    hand (and up to ``interval`` - 1 more, until a block may enter), three more to its body.  Throughput: of
    all links together, a block of header, body or tag every ``interval`` cycles, or every four where a beat
    has 4 bytes; records back to back.  No timing depends on keys or texts, nor on where a tag is wrong.

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
        As above; sequence numbers of an epoch are below 2 to the power of ``stop_bits``.
    record_bytes : int
        A record with a longer body is wrong: less than 4096 where there is little memory, and whoever sends
        here is known to send none that is longer.  A multiple of 16, at least ``MIN_RECORD_BYTES``.
    engine : GcmClient, optional
        Of an engine that is shared; without, the block has its own.

    Members
    -------
    keys : In(stream of ChannelKey)
        Keys of the channels that arrive here.  Ready depends on registers and ``wipe`` alone.
    keyed : Out(links)
        There is a key.
    i : In(beat stream) array of ``links``
        The links.  Ready depends on registers and ``wipe`` alone.
    forget : In(links)
        Strobe or level: the key, if there is one, is forgotten.  Not while ``open``.
    open : In(links)
        The epochs are open.  A beat belongs to one if it is taken in a cycle with ``open``.
    header : Out(stream of RecordHeader) array of ``links``
        One for each record, offered before its body is.
    body : Out(beat stream) array of ``links``
        The bodies, without padding; ``first`` and ``last`` delimit each.
    fault : Out(links)
        The stream broke a rule.  Latched until ``open`` falls.
    wipe : In(1)
        Holds the block in reset and overwrites buffers and keys: takes nothing from now on, and offers
        nothing from the next cycle on.
    wiped : Out(1)
        That is complete.  ``wipe`` must be high until then.
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
        record_bytes: int = RECORD_MAX_LENGTH,
        engine: GcmClient | None = None,
    ) -> None:
        if record_bytes % BLOCK_BYTES or not MIN_RECORD_BYTES <= record_bytes <= RECORD_MAX_LENGTH:
            raise ValueError(
                f"record_bytes must be a multiple of {BLOCK_BYTES} from {MIN_RECORD_BYTES} to "
                f"{RECORD_MAX_LENGTH}, not {record_bytes}"
            )
        self.beat_bytes = beat_bytes
        self.links = links
        self.interval = interval
        self.stop_bits = stop_bits
        self.channel_keys = ChannelKeys(links=links)
        slots = self.channel_keys.slots
        self.gcm = engine or gcm_engine(interval=interval, slots=slots, s_boxes=s_boxes)
        self.turns = OpenTurns(beat_bytes=beat_bytes, links=links, slots=slots)
        self.opened = OpenedRecords(beat_bytes=beat_bytes, links=links, slots=slots)
        self.inboxes = [
            SealedInbox(
                beat_bytes=beat_bytes, rekey_bits=rekey_bits, stop_bits=stop_bits, record_bytes=record_bytes
            )
            for _ in range(links)
        ]
        self.stores = [
            OpenedStore(
                beat_bytes=beat_bytes,
                records=STORED_RECORDS[interval],
                headers=HEADERS[interval],
                seq_bits=stop_bits,
                record_bytes=record_bytes,
            )
            for _ in range(links)
        ]
        super().__init__(
            {
                "keys": In(stream.Signature(ChannelKey(links))),
                "keyed": Out(links),
                "i": In(beat_stream(beat_bytes)).array(links),
                "forget": In(links),
                "open": In(links),
                "header": Out(stream.Signature(RecordHeader)).array(links),
                "body": Out(beat_stream(beat_bytes)).array(links),
                "fault": Out(links),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def latency(self, length: int) -> int:
        """From the last beat of a record with a body of ``length`` bytes to its header."""
        block_beats = BLOCK_BYTES // self.beat_bytes
        inbox = SealedInbox.latency + PacketBuffer.latency
        engine = self.gcm.record_latency(-(-length // BLOCK_BYTES), beats=block_beats)
        return inbox + block_beats + engine + 2 + ResultQueue.latency

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.keys = keys = self.channel_keys
        m.submodules.turns = turns = self.turns
        m.submodules.gcm = gcm = self.gcm
        m.submodules.opened = opened = self.opened
        wiring.connect(m, wiring.flipped(self.keys), keys.i)
        wiring.connect(m, keys.requests, gcm.keys)
        wiring.connect(m, turns.o, gcm.i)
        wiring.connect(m, gcm.o, opened.i)
        m.d.comb += [block.wipe.eq(self.wipe) for block in (keys, turns, gcm, opened)]

        was_open = Signal(self.links)
        inside = Signal(self.links)
        m.d.sync += was_open.eq(self.open)
        m.d.comb += [
            inside.eq(turns.working | gcm.inside),
            keys.inside.eq(inside),
            keys.forget.eq(self.forget | (was_open & ~self.open)),
            keys.loaded.eq(gcm.loaded),
            keys.loaded_slot.eq(gcm.loaded_slot),
            self.keyed.eq(keys.keyed),
        ]

        due, followed = Signal(self.links), Signal(self.links)
        self._follow(m, due & ~inside, followed)
        for n, (inbox, store) in enumerate(zip(self.inboxes, self.stores, strict=True)):
            m.submodules[f"inbox_{n}"] = inbox
            m.submodules[f"store_{n}"] = store
            m.submodules[f"progress_{n}"] = progress = OpenProgress()
            wiring.connect(m, wiring.flipped(self.i[n]), inbox.i)
            wiring.connect(m, inbox.o, turns.rows[n])
            wiring.connect(m, store.header, wiring.flipped(self.header[n]))
            wiring.connect(m, store.body, wiring.flipped(self.body[n]))
            for part in (inbox, store, progress):
                m.d.comb += [part.open.eq(self.open[n]), part.wipe.eq(self.wipe)]
            m.d.comb += [
                inbox.keyed.eq(keys.keyed[n]),
                inbox.channel.eq(keys.channel[n]),
                inbox.drop.eq(progress.wrong),
                progress.keyed.eq(keys.keyed[n]),
                progress.complete.eq(inbox.complete),
                progress.malformed.eq(inbox.malformed),
                progress.room.eq(store.room),
                progress.chosen.eq(turns.chosen[n]),
                progress.renews.eq(turns.begins[n] & turns.renews),
                progress.followed.eq(followed[n]),
                progress.busy.eq(inside[n] | opened.occupied[n]),
                progress.judged.eq(opened.judged[n]),
                progress.right.eq(opened.right),
                due[n].eq(progress.due),
                turns.asking[n].eq(progress.asking),
                turns.cut[n].eq(progress.stale),
                store.begins.eq(turns.begins[n]),
                store.blocks.eq(turns.blocks),
                store.left.eq(opened.left[n]),
                store.stale.eq(progress.stale),
                store.write.eq(opened.write[n]),
                store.row.eq(opened.row),
                store.commit.eq(progress.commit),
                store.header_in.eq(opened.header),
                store.channel.eq(keys.channel[n]),
                self.fault[n].eq(progress.fault),
            ]
        if isinstance(gcm, GcmClient):
            m.d.comb += gcm.room.eq(1)  # whatever enters finds room
        with_memory = (gcm, *self.inboxes, *self.stores)
        m.d.comb += self.wiped.eq(Cat(block.wiped for block in with_memory).all())
        return m

    def _follow(self, m: Module, due: Signal, followed: Signal) -> None:
        """Asks for the keys that follow, one after another, each when no record of its slot is inside."""
        keys = self.channel_keys
        asked = Signal()
        slot = Signal(range(keys.slots))
        next_slot = lowest_one(due & keys.keyed)
        m.d.comb += keys.follow_slot.eq(next_slot)
        with m.If(asked):
            with m.If(~keys.following):
                m.d.sync += asked.eq(0)
                m.d.comb += followed.bit_select(slot, 1).eq(1)
        with m.Elif((due & keys.keyed).any()):
            m.d.comb += keys.follow.eq(1)
            m.d.sync += [asked.eq(1), slot.eq(next_slot)]
        with m.If(self.wipe):
            m.d.sync += asked.eq(0)
