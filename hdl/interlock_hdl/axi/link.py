"""A link's two streams and its levels, as AXI4-Stream and plain signals."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.axi.signatures import AxiStream
from interlock_hdl.axi.stream import AxisInput, AxisOutput
from interlock_hdl.ports import LinkLevels, LinkPort


class AxisLink(wiring.Component):
    """Carries one link between the Interlock's port and AXI4-Streams, its levels in order with the beats.

    The levels are delayed as the beats are, so that to a peer this is one more stage of the pipe between
    two nodes.  The one difference from a pipe: a level may fall before a beat that the peer does not take.
    That beat is of an epoch that has ended then, and a peer discards it; so that it never meets a *new*
    epoch, ``up`` does not rise again before the stage is empty (docs/specification.md, *Epochs*).  The end
    mark of a cut record waits until the peer has seen ``up`` fall, for within an open epoch it would be a
    broken rule, and close the channel.

    Inwards a record begins after ``tlast``, and after the peer's ``up`` was low: a peer that was reset within
    a record needs no ``tlast``.

    **Latency**: one cycle outwards, none inwards.  **Throughput**: one beat a cycle.

    Parameters
    ----------
    beat_bytes : int

    Members
    -------
    port : In(LinkPort)
        The Interlock's.
    enable : In(1)
        The gates are open, and so is the epoch.
    tx, rx : Out, In (AxiStream)
    tx_levels, rx_levels : Out, In (LinkLevels)
    """

    def __init__(self, *, beat_bytes: int) -> None:
        self.beat_bytes = beat_bytes
        super().__init__(
            {
                "port": In(LinkPort(beat_bytes)),
                "enable": In(1),
                "tx": Out(AxiStream(beat_bytes)),
                "rx": In(AxiStream(beat_bytes)),
                "tx_levels": Out(LinkLevels()),
                "rx_levels": In(LinkLevels()),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.output = output = AxisOutput(beat_bytes=self.beat_bytes)
        wiring.connect(m, wiring.flipped(self.port.tx), output.i)
        wiring.connect(m, output.o, wiring.flipped(self.tx))
        up = self.port.tx_levels.up
        m.d.comb += [output.enable.eq(self.enable), output.may_end.eq(~self.tx_levels.up)]
        m.d.sync += self.tx_levels.heard.eq(self.port.tx_levels.heard)
        with m.If(self.tx_levels.up):
            m.d.sync += self.tx_levels.up.eq(up)
        with m.Else():
            m.d.sync += self.tx_levels.up.eq(up & output.empty)

        m.submodules.input = input = AxisInput(beat_bytes=self.beat_bytes)
        wiring.connect(m, wiring.flipped(self.rx), input.i)
        wiring.connect(m, input.o, wiring.flipped(self.port.rx))
        m.d.comb += input.restart.eq(~self.rx_levels.up)
        wiring.connect(m, wiring.flipped(self.rx_levels), wiring.flipped(self.port.rx_levels))
        return m
