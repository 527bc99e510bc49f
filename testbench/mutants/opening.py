"""Mutations of what opens sealed records."""

from mutants.mutation import Mutation

RIGHT, WRONG, EPOCHS = (
    f"test_open.py::test_open[beats4-14-{module}]"
    for module in ("open_tests", "open_fault_tests", "open_epoch_tests")
)
STORE = "test_opened_store.py::test_opened_store[beats16]"

OPENING = [
    Mutation(
        name="half of a record's tag is compared",
        file="opened_records.py",
        old="self.right.eq(~parts.any())",
        new="self.right.eq(~parts[: TAG_PARTS // 2].any())",
        test=WRONG,
    ),
    Mutation(
        name="a record is offered whatever its tag",
        file="open_progress.py",
        old="self.commit.eq(counts & self.right),",
        new="self.commit.eq(counts),",
        test=WRONG,
    ),
    Mutation(
        name="a body is offered before its tag was checked",
        file="opened_store.py",
        old="buffer.commit.eq(self.commit),",
        new="buffer.commit.eq(self.left),",
        test=STORE,
    ),
    Mutation(
        name="a record comes out in the epoch after its own",
        file="open_progress.py",
        old="counts = self.judged & ~self.stale & ~self.wrong",
        new="counts = self.judged & ~self.wrong",
        test=EPOCHS,
    ),
    Mutation(
        name="what follows a wrong record is offered",
        file="open_progress.py",
        old="counts = self.judged & ~self.stale & ~self.wrong",
        new="counts = self.judged & ~self.stale",
        test=WRONG,
    ),
    Mutation(
        name="a record may be longer than the build says",
        file="record_parser.py",
        old="(length <= self.record_bytes)",
        new="(length <= RECORD_MAX_LENGTH)",
        test="test_open.py::test_open_with_one_block_at_a_time[one_link]",
    ),
    Mutation(
        name="the padding of a sealed record is not looked at",
        file="sealed_inbox.py",
        old="third.wrong.eq(second.wrong | wrong_parts.any() | stray.any()),",
        new="third.wrong.eq(second.wrong | wrong_parts.any()),",
        test=WRONG,
    ),
    Mutation(
        name="a record may have any number",
        file="record_parser.py",
        old='"length": 0xFFFF}',
        new='"length": 0xFFFF, "seq": (1 << SEQ_BITS) - 1}',
        test=WRONG,
    ),
    Mutation(
        name="a record may be of any channel",
        file="record_parser.py",
        old='"length": 0xFFFF}',
        new='"length": 0xFFFF, "channel": 0xFFFF}',
        test=WRONG,
    ),
    Mutation(
        name="numbers have no end",
        file="record_parser.py",
        old="stopped = seq[self.stop_bits] if self.stop_bits < SEQ_BITS else Const(0)",
        new="stopped = Const(0)",
        test=WRONG,
    ),
    Mutation(
        name="a key is for all records of an epoch",
        file="open_progress.py",
        old="self.due.eq((self.due | self.renews) & ~self.followed & self.keyed),",
        new="self.due.eq(0),",
        test=RIGHT,
    ),
    Mutation(
        name="a key follows while a record is inside that needs the one before",
        file="open.py",
        old="self._follow(m, due & ~inside, followed)",
        new="self._follow(m, due, followed)",
        test=RIGHT,
    ),
    Mutation(
        name="an epoch leaves its key to the next one",
        file="open.py",
        old="keys.forget.eq(self.forget | (was_open & ~self.open)),",
        new="keys.forget.eq(self.forget),",
        test=WRONG,
    ),
    Mutation(
        name="what comes before a key is kept for it",
        file="sealed_inbox.py",
        old="unkeyed.eq(~self.keyed)",
        new="unkeyed.eq(0)",
        test=WRONG,
    ),
    Mutation(
        name="a malformed record voids those before it",
        file="open_progress.py",
        old="(self.malformed & (unjudged == 0))",
        new="self.malformed",
        test=WRONG,
    ),
    Mutation(
        name="a record is opened though its reader left no room for it",
        file="opened_store.py",
        old="roomy.eq((buffer.free // self.block_beats >= begun + self.largest) & ~clearing),",
        new="roomy.eq(~clearing),",
        test=RIGHT,
    ),
    Mutation(
        name="a record takes its turn when it has begun",
        file="sealed_inbox.py",
        old="second.ends.eq(parser.place.ends),",
        new="second.ends.eq(parser.place.begins),",
        test=RIGHT,
    ),
    Mutation(
        name="plaintext outlasts its epoch",
        file="opened_store.py",
        old="m.d.sync += clearing.eq(1)",
        new="m.d.sync += clearing.eq(0)",
        test=STORE,
    ),
    Mutation(
        name="a record that was dropped keeps the place of its header",
        file="opened_store.py",
        old="queue.reserve.eq(self.begins & ~self.stale),",
        new="queue.reserve.eq(self.begins),",
        test=STORE,
    ),
]
