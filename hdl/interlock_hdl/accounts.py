"""What the peer of each channel may still send, and what it has granted (docs/specification.md, *Credit*)."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.beat import Beat
from interlock_hdl.credits import GRANT_BITS
from interlock_hdl.record_parser import CREDIT_BYTES
from interlock_hdl.wire import network


class Accounts(wiring.Component):
    """Keeps two accounts for every channel: of the staging that its peer was granted, and of the credit that
    the peer grants.

    The room of a channel falls by what its records use, and rises by what is granted; of an aborted message
    all comes back.  A CREDIT is read beat by beat, compared with the one before, and told of as an increase.

    **Latency**: one cycle from a strobe to ``room``; 2 from a CREDIT's last beat to ``credit`` or ``fell``.

    Parameters
    ----------
    beat_bytes, links, staging_bytes : int

    Members
    -------
    slot : In(8)
        The channel at hand.
    room : Out(range(staging_bytes + 1))
        Bytes that it was granted and has not used.
    use, first, amount : In(links), In(1), In(range(staging_bytes + 1))
        Strobes, for each channel: a record of its message uses so much of its room; the message's first one.
    abort : In(links)
        Strobes: the open message is aborted, and what it used comes back.
    granted, granted_bytes : In(links), In(range(staging_bytes + 1))
        Strobes, for each channel: so much more is granted to its peer, in whole blocks of 16.
    beats : In(stream of Beat)
        The body of a CREDIT.
    credit, credit_bytes : Out(1), Out(64)
        Strobe: the CREDIT was read; how much more it grants than the one before.
    fell : Out(1)
        Strobe: it grants less.
    ended : In(links)
        Strobes: the epoch ended, and its accounts are void.
    """

    def __init__(self, *, beat_bytes: int, links: int, staging_bytes: int) -> None:
        self.beat_bytes = beat_bytes
        self.links = links
        staging = range(staging_bytes + 1)
        super().__init__(
            {
                "slot": In(8),
                "room": Out(staging),
                "use": In(links),
                "first": In(1),
                "amount": In(staging),
                "abort": In(links),
                "granted": In(links),
                "granted_bytes": In(staging),
                "beats": In(stream.Signature(Beat(beat_bytes))),
                "credit": Out(1),
                "credit_bytes": Out(GRANT_BITS),
                "fell": Out(1),
                "ended": In(links),
            }
        )

    def elaborate(self, platform):
        m = Module()
        account = data.StructLayout(
            {"room": self.room.shape(), "used": self.room.shape(), "credited": GRANT_BITS}
        )
        accounts = Array(Signal(account, name=f"account_{i}") for i in range(self.links))
        here = accounts[self.slot]
        m.d.comb += self.room.eq(here.room)

        # Room: one sum, for a grant may come at any time.
        for i, each in enumerate(accounts):
            used = Mux(self.abort[i], each.used, 0)
            change = Mux(self.use[i], ~self.amount, used)  # and 1 more where it is negative
            m.d.sync += each.room.eq(
                each.room + Mux(self.granted[i], self.granted_bytes, 0) + change + self.use[i]
            )
            with m.If(self.use[i]):
                m.d.sync += each.used.eq(Mux(self.first, 0, each.used) + self.amount)

        # A CREDIT: eight bytes in two beats, or in the first half of one; a cycle to subtract, one to judge.
        grant = Signal(GRANT_BITS)
        increase = Signal(GRANT_BITS + 1)
        read, subtracted = Signal(), Signal()
        word = network(self.beats.payload.data)
        cut = self.ended.bit_select(self.slot, 1)
        taken = self.beats.valid & self.beats.ready
        m.d.comb += self.beats.ready.eq(~read & ~subtracted)  # what follows is no longer its body
        m.d.sync += [read.eq(taken & self.beats.payload.last & ~cut), subtracted.eq(read & ~cut)]
        with m.If(taken):
            m.d.sync += grant.eq(word[GRANT_BITS:] if self.beat_bytes > CREDIT_BYTES else Cat(word, grant))
        m.d.sync += increase.eq(grant - here.credited)
        m.d.comb += [
            self.credit_bytes.eq(increase),
            self.credit.eq(subtracted & ~increase[-1]),
            self.fell.eq(subtracted & increase[-1]),
        ]
        with m.If(self.credit):
            m.d.sync += here.credited.eq(grant)

        for i, each in enumerate(accounts):
            with m.If(self.ended[i]):
                m.d.sync += each.eq(0)
        return m
