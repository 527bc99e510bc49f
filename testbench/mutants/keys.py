"""Mutations of where keys come in, and of epochs that need them."""

from mutants.mutation import Mutation

BENCH = "test_link_keys.py::test_link_keys[3]"
EPOCHS = "test_link.py::test_link_epochs[delay2]"
NODES = "test_node_lockstep.py::test_random_clusters_never_leave_lockstep[rolls-sealed]"

KEYS = [
    Mutation(
        name="an epoch opens with the key of one direction",
        file="link_keys.py",
        old="self.keyed.eq(complete & self.send_keyed & self.receive_keyed),",
        new="self.keyed.eq(complete & self.send_keyed),",
        test=BENCH,
    ),
    Mutation(
        name="keys that are used up are used on",
        file="link_keys.py",
        old="& ~(claims | self.drop)",
        new="& ~claims",
        test="test_attacks_on_sealed_links.py::test_keys_that_are_used_up_are_replaced",
    ),
    Mutation(
        name="other keys do not wait for the end of the epoch",
        file="link_keys.py",
        old="with m.If((here & (complete | ~self.down)) == 0):",
        new="with m.If(1):",
        test=BENCH,
    ),
    Mutation(
        name="other keys do not end the epoch",
        file="link_keys.py",
        old="m.d.comb += claims.eq(here)",
        new="pass",
        test=BENCH,
    ),
    Mutation(
        name="keys outlive the session",
        file="link_keys.py",
        old="self.forget.eq(self.ended | Mux(self.session_open, 0, self.down)),",
        new="self.forget.eq(self.ended),",
        test=BENCH,
    ),
    Mutation(
        name="a message that is too short gives keys",
        file="link_keys.py",
        old="(beat.first != begins) | (beat.last != ends) | ~beat.keep.all() | ~exists",
        new="(beat.first != begins) | ~beat.keep.all() | ~exists",
        test=BENCH,
    ),
    Mutation(
        name="keys of a slot that there is not go to another one",
        file="link_keys.py",
        old="exists.eq(of_slot < links)",
        new="exists.eq(1)",
        test=BENCH,
    ),
    Mutation(
        name="a key stays in the block that gave it on",
        file="link_keys.py",
        old="m.d.sync += [key.eq(0), state.eq(State.WAIT)]\n\n        # A message",
        new="m.d.sync += state.eq(State.WAIT)\n\n        # A message",
        test=BENCH,
    ),
    Mutation(
        name="an epoch opens without keys",
        file="link.py",
        old="allowed.eq(self.session_open & self.keyed & ~self.close)",
        new="allowed.eq(self.session_open & ~self.close)",
        test=EPOCHS,
    ),
    Mutation(
        name="whoever speaks need not be whom the keys came with",
        file="ingress.py",
        old="m.d.sync += [channels[i].peer_known.eq(1), channels[i].peer_id.eq(self.peer_id)]",
        new="pass",
        test="test_attacks_on_sealed_links.py::test_another_node_behind_the_keys_is_refused",
    ),
    Mutation(
        name="what leaves when its epoch has ended is let out",
        file="links.py",
        old="seal.flush.eq(keys.forget),",
        new="seal.flush.eq(0),",
        test=NODES,
    ),
]
