"""Mutations of the seal, and of what knows its keys."""

from mutants.mutation import Mutation

TRAFFIC = "test_seal.py::test_seal[seal_tests-beats4-14]"
ENDS = "test_seal.py::test_seal[seal_end_tests-beats4-14]"
KEYS = "test_channel_keys.py::test_channel_keys[3]"

SEALING = [
    Mutation(
        name="a seal does not advance its nonce",
        file="seal_entry.py",
        old="seq.eq(seq_next),",
        new="seq.eq(seq),",
        test=TRAFFIC,
    ),
    Mutation(
        name="a seal takes the number that egress wrote",
        file="seal_entry.py",
        old="filled.seq.eq(one_of(here.links, seqs)),",
        new="filled.seq.eq(one_of(here.links, seqs) | header.seq),",
        test=TRAFFIC,
    ),
    Mutation(
        name="a seal does not fill in the channel",
        file="seal_entry.py",
        old="filled.channel.eq(one_of(here.links, self.channel)),",
        new="",
        test=TRAFFIC,
    ),
    Mutation(
        name="a seal never has a key followed",
        file="seal_entry.py",
        old="due[n].eq(last_seq[: self.rekey_bits].all()),",
        new="due[n].eq(0),",
        test=TRAFFIC,
    ),
    Mutation(
        name="a key follows while records are under the one before",
        file="seal_entry.py",
        old="is_due & ~is_busy",
        new="is_due",
        test=TRAFFIC,
    ),
    Mutation(
        name="a seal ignores the hard stop",
        file="seal_entry.py",
        old="spent[n].eq(seq_next[self.stop_bits]),",
        new="spent[n].eq(0),",
        test=TRAFFIC,
    ),
    Mutation(
        name="a seal sends records without a key",
        file="seal_entry.py",
        old="admitted = here.first & here.right & (self.keyed & here.links).any()",
        new="admitted = here.first & here.right",
        test=TRAFFIC,
    ),
    Mutation(
        name="a cut record of a seal gets its tag",
        file="seal_exit.py",
        old="self.i.valid & self.i.ready & ~self.i.p.opens",
        new="self.i.valid & self.i.ready",
        test=TRAFFIC,
    ),
    Mutation(
        name="a record is of a key that came after its first beat",
        file="seal_framer.py",
        old="known.right.eq(admitted & full",
        new="known.right.eq(full",
        test=TRAFFIC,
    ),
    Mutation(
        name="a flush leaves what a seal offers",
        file="seal_exit.py",
        old=" & offered.links[n] & self.keyed[n]",
        new=" & offered.links[n]",
        test=ENDS,
    ),
    Mutation(
        name="a flush leaves what waits for a link",
        file="seal_exit.py",
        old="m.d.sync += offered.valid.eq(survives(offered))",
        new="m.d.sync += offered.valid.eq(offered.valid)",
        test=ENDS,
    ),
    Mutation(
        name="a header that a flush cut holds up the next key",
        file="seal_framer.py",
        old="m.d.sync += admitted.eq(0)",
        new="pass",
        test=ENDS,
    ),
    Mutation(
        name="a flush leaves a slot its key",
        file="channel_keys.py",
        old="self.forget | Cat(taken",
        new="Cat(taken",
        test=KEYS,
    ),
    Mutation(
        name="a forgotten key is not overwritten",
        file="channel_keys.py",
        old="dirty.bit_select(held_slot, 1).eq(1),",
        new="",
        test=KEYS,
    ),
    Mutation(
        name="a key that was forgotten on its way is used",
        file="channel_keys.py",
        old="m.d.sync += stale.eq(stale | ends.bit_select(slot, 1))",
        new="",
        test=KEYS,
    ),
    Mutation(
        name="a key is installed while records of the slot are inside",
        file="channel_keys.py",
        old="(dirty | self.used | self.forget)",
        new="(dirty | self.forget)",
        test=KEYS,
    ),
    Mutation(
        name="a key is overwritten while records of the slot are inside",
        file="channel_keys.py",
        old="self.erasable.eq(dirty & ~self.keyed & ~self.used)",
        new="self.erasable.eq(dirty & ~self.keyed)",
        test=KEYS,
    ),
    Mutation(
        name="a key stays where it came in",
        file="channel_keys.py",
        old="key.eq(Mux(self.i.valid, self.i.p.key, 0))",
        new="key.eq(Mux(self.i.valid, self.i.p.key, key))",
        test=KEYS,
    ),
]
