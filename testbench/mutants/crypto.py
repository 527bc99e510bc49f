"""Mutations of the cipher, its key schedule and its hash."""

from mutants.mutation import Mutation

CRYPTO = [
    Mutation(
        name="the last round mixes columns",
        file="crypto/aes_round.py",
        old="self.last.eq(shifted ^ self.key)",
        new="self.last.eq(mix_columns(shifted) ^ self.key)",
        test="test_aes.py::test_aes[14]",
    ),
    Mutation(
        name="every block has the key of slot 0 in the first round",
        file="crypto/aes.py",
        old="first_keys.address.eq(self.i.p.slot),",
        new="first_keys.address.eq(0),",
        test="test_aes.py::test_aes[14]",
    ),
    Mutation(
        name="a block may enter where another one goes round",
        file="crypto/aes.py",
        old="self.i.ready.eq(queue.room & (phase == 0) & ~self.wipe),",
        new="self.i.ready.eq(queue.room & ~self.wipe),",
        test="test_aes.py::test_aes[14]",
    ),
    Mutation(
        name="a cipher takes more blocks than there is room for",
        file="crypto/result_queue.py",
        old="self.room.eq(free_next != 0),",
        new="self.room.eq(1),",
        test="test_aes.py::test_aes[14]",
    ),
    Mutation(
        name="a wipe leaves the round keys",
        file="crypto/slot_memory.py",
        old="write_port.data.eq(Mux(self.wipe, 0, self.write_data)),",
        new="write_port.data.eq(self.write_data),",
        test="test_aes.py::test_aes[14]",
    ),
    Mutation(
        name="every second SubWord of the key schedule is left out of the rotation's turn",
        file="crypto/key_expansion.py",
        old="is_even = ~number[0]",
        new="is_even = number[0]",
        test="test_key_expansion.py::test_key_expansion[logic]",
    ),
    Mutation(
        name="the key schedule keeps its last round keys",
        file="crypto/key_expansion.py",
        old="newer.eq(Mux(number < ROUNDS - 1, following, 0)),",
        new="newer.eq(following),",
        test="test_key_expansion.py::test_key_expansion[logic]",
    ),
    Mutation(
        name="a string goes on from the one before it",
        file="crypto/ghash.py",
        old="is_fresh.eq(self.i.p.first | (unused != 0)),",
        new="is_fresh.eq(self.i.p.first),",
        test="test_ghash.py::test_ghash[14]",
    ),
    Mutation(
        name="a hash has the sum of the one before it",
        file="crypto/ghash.py",
        old="Mux(product_way.opens, 0, total)",
        new="total",
        test="test_ghash.py::test_ghash[14]",
    ),
    Mutation(
        name="a power is in use before it is made",
        file="crypto/ghash.py",
        old="self.keys.ready.eq(done & ~self.wipe),",
        new="self.keys.ready.eq(started & (number == self.lanes - 1) & ~self.wipe),",
        test="test_ghash.py::test_ghash[14]",
    ),
    Mutation(
        name="a serial cipher reads its rows a column early",
        file="crypto/serial_aes.py",
        old="turns = Mux(is_first, step >= _DELAY, 1)",
        new="turns = Mux(is_first, step >= _WRITE, 1)",
        test="test_aes.py::test_aes[serial]",
    ),
    Mutation(
        name="a serial hash does not add the next block to the sum",
        file="crypto/serial_ghash.py",
        old="Mux(self.i.p.first, 0, product)",
        new="0",
        test="test_ghash.py::test_ghash[serial-8]",
    ),
]
