"""One engine for both directions of a link: for parts with few thousand LUTs."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.gcm import gcm_ports
from interlock_hdl.crypto.serial_gcm import SerialGcm

CLIENTS = 2
CLIENT_SLOTS = 2
"""Of which the first is used."""


class GcmClient(wiring.Component):
    """The ports of an engine that is elsewhere: to the user a ``Gcm``, whose records are of slot 0 alone.

    A block goes into the engine only where there is ``room`` for it behind, so that none of one user ever
    stands in the way of the other's.

    Parameters
    ----------
    engine : SerialGcm

    Members
    -------
    Those of ``Gcm``, and
    room : In(1)
        Whoever takes ``o`` will take at least one block more at once; of the cycle in which one enters.
    """

    slots = CLIENT_SLOTS

    def __init__(self, engine: SerialGcm) -> None:
        # What it does for one while the other one has nothing.
        self.interval, self.latency = engine.interval, engine.latency
        self.record_cycles, self.record_latency = engine.record_cycles, engine.record_latency
        super().__init__({**gcm_ports(CLIENT_SLOTS), "room": In(1)})

    def elaborate(self, platform) -> Module:
        return Module()  # its signals are those of the engine's module


class SharedGcm(wiring.Component):
    """A :class:`SerialGcm` for two, who need not know of each other.

    Blocks enter in turn where both have some: neither waits for more than one block of the other's, however
    long its own record stands still.

    Parameters
    ----------
    s_boxes : SBoxStyle

    Attributes
    ----------
    clients : list of GcmClient
        Their ``wipe`` must be the same.
    """

    def __init__(self, *, s_boxes: SBoxStyle = SBoxStyle.LOGIC) -> None:
        self.engine = SerialGcm(slots=CLIENTS, s_boxes=s_boxes, interleaved=True)
        self.clients = [GcmClient(self.engine) for _ in range(CLIENTS)]
        super().__init__({})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.engine = engine = self.engine
        wipe = self.clients[0].wipe
        m.d.comb += engine.wipe.eq(wipe)
        turn = Signal(range(CLIENTS))
        asking = Cat(client.i.valid & client.room for client in self.clients)
        taken = engine.i.valid & engine.i.ready
        with m.If(taken | ~asking.bit_select(turn, 1)):
            m.d.sync += turn.eq(~turn)
        with m.If(wipe):
            m.d.sync += turn.eq(0)

        key_of = ~self.clients[0].keys.valid  # whose request is next: the engine takes it in one cycle
        m.d.comb += engine.keys.valid.eq(Cat(client.keys.valid for client in self.clients).any())
        for n, client in enumerate(self.clients):
            with m.If(turn == n):
                m.d.comb += [
                    engine.i.payload.eq(client.i.payload),
                    engine.i.p.slot.eq(n),
                    engine.i.valid.eq(client.i.valid & client.room),
                    client.i.ready.eq(engine.i.ready & client.room),
                ]
            with m.If(key_of == n):
                m.d.comb += [
                    engine.keys.payload.eq(client.keys.payload),
                    engine.keys.p.slot.eq(n),
                    client.keys.ready.eq(engine.keys.ready),
                ]
            with m.If(engine.o.p.slot == n):
                m.d.comb += [client.o.valid.eq(engine.o.valid), engine.o.ready.eq(client.o.ready)]
            m.d.comb += [
                client.o.payload.eq(engine.o.payload),
                client.o.p.slot.eq(0),
                client.inside.eq(engine.inside[n]),
                client.loaded.eq(engine.loaded & (engine.loaded_slot == n)),
                client.wiped.eq(engine.wiped),
            ]
        return m
