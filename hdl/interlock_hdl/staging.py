"""Staging: where received messages wait until they are whole and released."""

from amaranth.hdl import Cat, Const, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import beat_stream
from interlock_hdl.config import InterlockConfig
from interlock_hdl.message import MESSAGE_HEADER_BYTES
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.release import Release

MAX_PERMITS = 3


class Staging(wiring.Component):
    """One buffer of two messages a channel, and the release of whole messages from them and from the host.

    What is written to a channel's buffer is released only after its commit; a host message only after a
    permit.  What an epoch leaves behind is dropped, but for the message whose release has begun.

    **Throughput**: one beat a cycle in, and one out.

    Parameters
    ----------
    config : InterlockConfig

    Members
    -------
    write, slot, commit : In(stream of Beat), In(8), In(1)
        Beats of a message, header first, for the buffer of ``slot``; with ``commit`` the last one.
    room : Out(links)
        A whole record, and a message's header, would find room.
    host, permit, permits_left : In(stream of Beat), In(1), Out(1)
        Host messages; each needs a permit, of which a few may be given ahead.
    ended : In(links)
        Strobes: the epoch ended.
    clean : Out(links)
        Nothing of an ended epoch is left.
    rx : Out(stream of Beat)
    released, source : Out(1), Out(8)
        See :class:`Release`.
    wipe, wiped : In(1), Out(1)
    """

    def __init__(self, *, config: InterlockConfig) -> None:
        self.config = config
        links, beats = config.links, beat_stream(config.beat_bytes)
        super().__init__(
            {
                "write": In(beats),
                "slot": In(8),
                "commit": In(1),
                "room": Out(links),
                "host": In(beats),
                "permit": In(1),
                "permits_left": Out(1),
                "ended": In(links),
                "clean": Out(links),
                "rx": Out(beats),
                "released": Out(1),
                "source": Out(8),
                "wipe": In(1),
                "wiped": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        control = Module()  # everything but the memories, which wipe themselves
        m.submodules.control = ResetInserter(self.wipe)(control)
        config = self.config
        links, beat_bytes = config.links, config.beat_bytes
        header_beats = MESSAGE_HEADER_BYTES // beat_bytes
        record_beats = config.largest_record // beat_bytes
        message_beats = header_beats + config.message_bytes // beat_bytes

        control.submodules.release = release = Release(beat_bytes=beat_bytes, sources=links + 1)
        buffers = [PacketBuffer(beat_bytes=beat_bytes, depth=2 * message_beats) for _ in range(links)]
        for i, buffer in enumerate(buffers):
            m.submodules[f"buffer_{i}"] = buffer
            wiring.connect(m, buffer.o, release.sources[i])
            m.d.comb += [
                buffer.i.payload.eq(self.write.payload),
                buffer.discard.eq(self.ended[i]),
                buffer.flush.eq(release.flush[i]),
                buffer.wipe.eq(self.wipe),
                self.room[i].eq(buffer.free > record_beats + header_beats),  # one beat may be on its way
            ]
            with m.If(self.slot == i):
                m.d.comb += [
                    buffer.i.valid.eq(self.write.valid),
                    self.write.ready.eq(buffer.i.ready),
                    buffer.commit.eq(self.commit),
                ]
        wiring.connect(m, wiring.flipped(self.host), release.sources[links])
        wiring.connect(m, release.rx, wiring.flipped(self.rx))

        permits = Signal(range(MAX_PERMITS + 1))
        used = release.released & (release.source == links)
        control.d.sync += permits.eq(permits + self.permit - used)
        m.d.comb += [
            self.wiped.eq(Cat(buffer.wiped for buffer in buffers).all()),
            self.permits_left.eq(permits != MAX_PERMITS),
            release.offered.eq(Cat(Const(-1, links), permits != 0)),
            release.stale.eq(self.ended),
            self.clean.eq(release.clean),
            self.released.eq(release.released),
            self.source.eq(release.source),
        ]
        return m
