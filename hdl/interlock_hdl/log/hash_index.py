"""Where a key's entry is: two levels of buckets in block RAM, and a small stash (docs/hash-log.md)."""

from functools import reduce
from itertools import pairwise
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from interlock_hdl.log.index_shape import LEVELS, IndexShape
from interlock_hdl.log.sip_hash import Digest
from interlock_hdl.ones import one_of

IN_FLIGHT = 3  # predecessors whose insertion may not be in what was read


class HashIndex(wiring.Component):
    """A map from hash to address, which only grows: one look-up, and one insertion, every two cycles.

    A key has one bucket in each level.  It goes into the first level whose bucket has room, else into the
    stash, and is never moved.  A look-up takes the first match: in level 0, level 1, the stash.  This is the
    key's own, if it is there: a key stands in level 1 or in the stash only because its buckets before were
    full, and a match in one of them would have been found instead of inserting it; later, nothing is added
    to a full bucket.

    So it is enough that the caller compares the whole key with the entry at ``address``.  Where it differs,
    two keys collide in bucket and fingerprint: the caller must refuse the new one.

    Whatever is damaged in here, the entries are not: at worst a key is not found again and is entered twice,
    or is refused.  Only memories and stash have parity, therefore.

    **Latency**: ``latency`` cycles from ``digest`` to the answer.  **Throughput**: a look-up every two
    cycles, with or without an insertion.  What was inserted is found by the very next look-up.

    Parameters
    ----------
    shape : IndexShape

    Members
    -------
    odd : In(1)
        Low in the cycles in which ``digest`` is taken, and in which the answer is there; high in all others.
    digest : In(Digest)
    found, address : Out(1), Out(address_bits)
        There is an entry with this bucket and fingerprint, and where.
    room : Out(1)
        A new key has a place.
    insert, new_address : In(1), In(address_bits)
        Strobe, in the cycle of the answer: this key is entered, with this address.  Only where it was not
        found, and there is room.
    wiping, wiping_at : In(1), In(bucket_bits + 1)
        Both buckets at the address are emptied.  The rest is wiped by reset.
    damaged : Out(1)
        A slot was read, or stands in the stash, that is not what was stored.
    """

    latency = 6

    def __init__(self, *, shape: IndexShape) -> None:
        shape.validate()
        self.shape = shape
        self.Slot = data.StructLayout(
            {"valid": 1, "fingerprint": shape.fingerprint_bits, "address": shape.address_bits, "parity": 1}
        )
        self.StashSlot = data.StructLayout({"bucket": shape.bucket_bits, **self.Slot.members})
        # Where a key was put: a slot of either level, or the stash.
        self.Placed = data.StructLayout(
            {
                "levels": data.ArrayLayout(shape.slots, LEVELS),
                "stash": 1,
                "address": shape.address_bits,
            }
        )
        super().__init__(
            {
                "odd": In(1),
                "digest": In(Digest),
                "found": Out(1),
                "address": Out(shape.address_bits),
                "room": Out(1),
                "insert": In(1),
                "new_address": In(shape.address_bits),
                "wiping": In(1),
                "wiping_at": In(shape.bucket_bits + 1),
                "damaged": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        shape = self.shape
        bits = shape.bucket_bits

        # The hashes of a look-up and of those before it, two cycles each: read, compare, choose, insert.
        Hash = shape.hash_layout
        incoming = Signal(Hash)
        m.d.comb += [
            *(incoming.buckets[n].eq(self.digest.low[n * bits :]) for n in range(LEVELS)),
            incoming.fingerprint.eq(self.digest.high),
        ]
        hashes = [Signal(Hash, name=f"hash_{n}") for n in range(2 + IN_FLIGHT)]
        with m.If(~self.odd):
            m.d.sync += [later.eq(earlier) for earlier, later in pairwise([incoming, *hashes])]
        reading, comparing, _, inserting, _ = hashes
        placed = [Signal(self.Placed, name=f"placed_{n}") for n in range(IN_FLIGHT)]

        bucket, slots_damaged = self._memories(m, reading, inserting, placed[0])
        compared = self._compare(m, bucket, comparing)
        stash_match, stash_address, stash_room, stash_damaged = self._stash(
            m, comparing, inserting, placed[0]
        )
        m.d.sync += self.damaged.eq(slots_damaged | stash_damaged)

        # What the predecessors insert is not in what was read: does it concern this key?
        same = [
            Signal(data.StructLayout({"buckets": LEVELS, "fingerprint": 1}), name=f"same_{n}")
            for n in range(IN_FLIGHT)
        ]
        with m.If(~self.odd):
            for one, other in zip(same, hashes[2:], strict=True):
                m.d.sync += [
                    one.buckets.eq(Cat(comparing.buckets[n] == other.buckets[n] for n in range(LEVELS))),
                    one.fingerprint.eq(comparing.fingerprint == other.fingerprint),
                ]

        # Choose, in two cycles.  In the first one level 0 has been waiting for level 1.
        waiting = Signal.like(compared)
        m.d.sync += waiting.eq(compared)
        found, address, room = [], [], []
        for level, read in enumerate([waiting, compared]):
            added = [
                Mux(one.buckets[level], other.levels[level], 0)
                for one, other in zip(same, placed, strict=True)
            ]
            hits = [new.any() & one.fingerprint for new, one in zip(added, same, strict=True)]
            found.append(read.match.any() | Cat(hits).any())
            address.append(
                one_of([*read.match, *hits], [*read.addresses, *(other.address for other in placed)])
            )
            room.append(~reduce(or_, added, read.occupied))
        hits = [
            other.stash & one.buckets[0] & one.fingerprint for one, other in zip(same, placed, strict=True)
        ]
        found.append(stash_match | Cat(hits).any())
        address.append(one_of([stash_match, *hits], [stash_address, *(other.address for other in placed)]))

        is_found = Signal(LEVELS + 1)
        addresses = [Signal(shape.address_bits, name=f"address_{n}") for n in range(LEVELS + 1)]
        free = [Signal(shape.slots, name=f"free_{level}") for level in range(LEVELS)]
        m.d.sync += [
            is_found.eq(Cat(found)),
            *(register.eq(value) for register, value in zip(addresses, address, strict=True)),
            *(register.eq(_first(vacant)) for register, vacant in zip(free, room, strict=True)),
        ]
        m.d.comb += [
            self.found.eq(is_found.any()),
            self.address.eq(Mux(is_found[0], addresses[0], Mux(is_found[1], addresses[1], addresses[2]))),
            self.room.eq(free[0].any() | free[1].any() | stash_room),
        ]
        with m.If(~self.odd):
            m.d.sync += [later.eq(earlier) for earlier, later in pairwise(placed)]
            m.d.sync += placed[0].eq(0)
            with m.If(self.insert):
                m.d.sync += [
                    placed[0].levels[0].eq(free[0]),
                    placed[0].levels[1].eq(Mux(free[0].any(), 0, free[1])),
                    placed[0].stash.eq(~free[0].any() & ~free[1].any()),
                    placed[0].address.eq(self.new_address),
                ]
        return m

    def _memories(
        self, m: Module, reading: data.View, inserting: data.View, placed: data.View
    ) -> tuple[list[data.View], Value]:
        """A memory for each slot of a bucket, both levels one above the other; what was read, and damage.

        Level 0 is read in odd cycles and level 1 in even ones, each written while the other is read: no slot
        is ever read in the cycle in which it is written.
        """
        new = Signal(self.Slot)
        m.d.comb += [
            new.valid.eq(1),
            new.fingerprint.eq(inserting.fingerprint),
            new.address.eq(placed.address),
            new.parity.eq(1 ^ inserting.fingerprint.xor() ^ placed.address.xor()),
        ]
        read_address = Cat(Mux(self.odd, reading.buckets[0], reading.buckets[1]), ~self.odd)
        write_address = Cat(Mux(self.odd, inserting.buckets[1], inserting.buckets[0]), self.odd)
        write = Mux(self.odd, placed.levels[1], placed.levels[0])
        bucket = []
        for number in range(self.shape.slots):
            memory = Memory(
                shape=self.Slot, depth=LEVELS << self.shape.bucket_bits, init=[], attrs={"no_rw_check": 1}
            )
            m.submodules[f"slots_{number}"] = memory
            read_port = memory.read_port(domain="comb")
            write_port = memory.write_port()
            # The block RAM's own register, which comes late, and one behind it.
            word = Signal(self.Slot, name=f"word_{number}", reset_less=True)
            slot = Signal(self.Slot, name=f"slot_{number}")
            m.d.comb += [
                read_port.addr.eq(read_address),
                write_port.addr.eq(Mux(self.wiping, self.wiping_at, write_address)),
                write_port.data.eq(Mux(self.wiping, 0, new)),
                write_port.en.eq(self.wiping | write[number]),
            ]
            m.d.sync += [word.eq(read_port.data), slot.eq(word)]
            bucket.append(slot)
        return bucket, Cat(slot.as_value().xor() for slot in bucket).any()

    def _compare(self, m: Module, bucket: list[data.View], comparing: data.View) -> data.View:
        """Which slots are occupied, which of them match, and their addresses, one cycle later."""
        slots = self.shape.slots
        compared = Signal(
            data.StructLayout(
                {
                    "match": slots,
                    "occupied": slots,
                    "addresses": data.ArrayLayout(self.shape.address_bits, slots),
                }
            )
        )
        for number, slot in enumerate(bucket):
            m.d.sync += [
                compared.match[number].eq(slot.valid & (slot.fingerprint == comparing.fingerprint)),
                compared.occupied[number].eq(slot.valid),
                compared.addresses[number].eq(slot.address),
            ]
        return compared

    def _stash(
        self, m: Module, comparing: data.View, inserting: data.View, placed: data.View
    ) -> tuple[Value, Value, Value, Value]:
        """Whether and where a key stands in the stash; whether there is room; damage."""
        slots = [Signal(self.StashSlot, name=f"stash_{n}") for n in range(self.shape.stash)]
        match = Signal(self.shape.stash)
        with m.If(~self.odd):
            for number, slot in enumerate(slots):
                m.d.sync += match[number].eq(
                    slot.valid
                    & (slot.bucket == comparing.buckets[0])
                    & (slot.fingerprint == comparing.fingerprint)
                )
        vacant = _first(Cat(~slot.valid for slot in slots))
        with m.If(self.odd & placed.stash):
            for number, slot in enumerate(slots):
                with m.If(vacant[number]):
                    m.d.sync += [
                        slot.valid.eq(1),
                        slot.bucket.eq(inserting.buckets[0]),
                        slot.fingerprint.eq(inserting.fingerprint),
                        slot.address.eq(placed.address),
                        slot.parity.eq(
                            1
                            ^ inserting.buckets[0].xor()
                            ^ inserting.fingerprint.xor()
                            ^ placed.address.xor()
                        ),
                    ]
        address = one_of(match, [slot.address for slot in slots])
        damaged = Cat(slot.as_value().xor() for slot in slots).any()
        return match.any(), address, vacant.any(), damaged


def _first(which: Value) -> Value:
    """Only the lowest one of its ones."""
    return which & (~which + 1)[: len(which)]
