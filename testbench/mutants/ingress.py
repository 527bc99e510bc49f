"""Mutations of the way in: records, merges, staging, release."""

from mutants.mutation import Mutation

INGRESS = [
    Mutation(
        name="payload is released before the merges are done",
        file="ingress.py",
        old="all_merged.eq(prefix.done & (outstanding == self.merged) & ~refused),",
        new="all_merged.eq(prefix.done & ~refused),",
        test="test_ingress.py::test_ingress[beats16]",
    ),
    Mutation(
        name="a message is released although its epoch has ended",
        file="release.py",
        old="self.flush.eq((pending | self.stale) & ~in_progress),",
        new="self.flush.eq(0),",
        test="test_ingress.py::test_ingress[beats16]",
    ),
    Mutation(
        name="a record's tag is not compared",
        file="clear_open.py",
        old="wrong = fourth.wrong | tag_wrong",
        new="wrong = fourth.wrong",
        test="test_clear_open.py",
    ),
    Mutation(
        name="a record may be replayed",
        file="record_parser.py",
        old="            expected.seq.eq(seq),\n",
        new="            expected.seq.eq(0),\n",
        test="test_clear_open.py",
    ),
]
