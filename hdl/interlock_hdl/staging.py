"""Staging: where received messages wait until they are whole and released."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import Beat, beat_stream
from interlock_hdl.config import InterlockConfig
from interlock_hdl.packet_buffer import PacketBuffer
from interlock_hdl.release import Release


class Staging(wiring.Component):
    """One buffer a channel, and the release of whole messages from them and from the host.

    What is written to a channel's buffer is released only after its commit.  What an epoch leaves behind is
    dropped, but for the message whose release has begun.  A buffer holds all that was granted, so what keeps
    to its credit is always taken at once.

    What is written comes into a register first, whose way to all the buffers' block RAMs is long.  A beat
    that found no room there, since more was granted than there is, would break its message: ``overrun`` tells
    of it.

    **Latency**: ``latency`` cycles from a ``commit`` to ``released``, if nothing is being released.
    **Throughput**: one beat a cycle in, and one out.

    Parameters
    ----------
    config : InterlockConfig

    Members
    -------
    write, slot, commit, discard : In(stream of Beat), In(8), In(1), In(1)
        Beats of a message, header first, for the buffer of ``slot``; with ``commit`` the last one;
        ``discard`` drops those of the message at hand.  Always ready.
    overrun : Out(links)
        Strobes: a beat was lost, and its epoch must end in this cycle or the next.
    host : In(stream of Beat)
        Messages of the host that may be released.
    hold : In(1)
        No release may begin.
    ended : In(links)
        Strobes: the epoch ended.
    clean : Out(links)
        Nothing of an ended epoch is left.
    rx : Out(stream of Beat)
    released, source, freed, freed_bytes : Out
        See :class:`Release`.
    wipe, wiped : In(1), Out(1)
    """

    latency = 1 + PacketBuffer.latency + 1

    def __init__(self, *, config: InterlockConfig) -> None:
        self.config = config
        links, beats = config.links, beat_stream(config.beat_bytes)
        super().__init__(
            {
                "write": In(beats),
                "slot": In(8),
                "commit": In(1),
                "discard": In(1),
                "overrun": Out(links),
                "host": In(beats),
                "hold": In(1),
                "ended": In(links),
                "clean": Out(links),
                "rx": Out(beats),
                "released": Out(1),
                "source": Out(8),
                "freed": Out(1),
                "freed_bytes": Out(range(config.staging_bytes + 1)),
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

        control.submodules.release = release = Release(beat_bytes=beat_bytes, sources=links + 1)
        # A beat on its way to its buffer.  One that is given up, or whose epoch ends, never gets there.
        arriving = Signal(Beat(beat_bytes))
        present, slot, commit = Signal(), Signal(8), Signal()
        discard = Signal(links)
        gone = discard | self.ended
        m.d.comb += self.write.ready.eq(1)
        control.d.sync += [
            discard.eq(self.discard << self.slot),
            present.eq(self.write.valid & ~self.ended.bit_select(self.slot, 1)),
            arriving.eq(self.write.payload),
            slot.eq(self.slot),
            commit.eq(self.commit),
        ]

        depth = max(4, config.staging_bytes // beat_bytes)
        buffers = [PacketBuffer(shape=Beat(beat_bytes), depth=depth) for _ in range(links)]
        for i, buffer in enumerate(buffers):
            m.submodules[f"buffer_{i}"] = buffer
            wiring.connect(m, buffer.o, release.sources[i])
            m.d.comb += [
                buffer.i.payload.eq(arriving),
                buffer.discard.eq(gone[i]),
                buffer.flush.eq(release.flush[i]),
                buffer.wipe.eq(self.wipe),
            ]
            with m.If(slot == i):
                m.d.comb += [buffer.i.valid.eq(present), buffer.commit.eq(present & commit)]
            control.d.sync += self.overrun[i].eq(buffer.i.valid & ~buffer.i.ready & ~gone[i])
        wiring.connect(m, wiring.flipped(self.host), release.sources[links])
        wiring.connect(m, release.rx, wiring.flipped(self.rx))

        m.d.comb += [
            self.wiped.eq(Cat(buffer.wiped for buffer in buffers).all()),
            release.hold.eq(self.hold),
            release.stale.eq(self.ended),
            self.clean.eq(release.clean),
            self.released.eq(release.released),
            self.source.eq(release.source),
            self.freed.eq(release.freed),
            self.freed_bytes.eq(release.freed_bytes),
        ]
        return m
