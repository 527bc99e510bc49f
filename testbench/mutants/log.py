"""Mutations of the log: stores, change bits, scans."""

from mutants.mutation import Mutation

LOG = [
    Mutation(
        name="merge keeps the smaller count",
        file="log/slot.py",
        old="self.more_high.eq(asked.flops[48:] > mine.flops[48:])",
        new="self.more_high.eq(asked.flops[48:] < mine.flops[48:])",
        test="test_register_log.py",
    ),
    Mutation(
        name="merge forgets provenance flags",
        file="log/slot.py",
        old="both.eq(mine.provenance.as_value() | asked.provenance.as_value())",
        new="both.eq(asked.provenance.as_value())",
        test="test_register_log.py",
    ),
    Mutation(
        name="a full log drops the entry and says nothing",
        file="log/register_log.py",
        old="m.d.comb += self.answer.eq(Answer.FULL)",
        new="m.d.comb += self.answer.eq(Answer.OK)",
        test="test_register_log.py",
    ),
    Mutation(
        name="a peer may raise the node's own count",
        file="log/register_log.py",
        old="m.d.comb += self.own_ahead.eq(more_flops[0])",
        new="m.d.comb += self.own_ahead.eq(0)",
        test="test_register_log.py",
    ),
    Mutation(
        name="a digest is known by its first half",
        file="log/register_log.py",
        old="(now.n_externals > last - number) & slot.same_rest",
        new="(now.n_externals > last - number)",
        test="test_register_log.py",
    ),
    Mutation(
        name="a flag that is added is no change",
        file="log/register_log.py",
        old="changes[number].eq(update | (add & ~now.same_flags[number]))",
        new="changes[number].eq(update)",
        test="test_register_log.py",
    ),
    Mutation(
        name="the last announcement is taken for the largest",
        file="log/register_log.py",
        old="with m.If(now.keeping_said & (now.more_said_high | (now.same_said & now.more_said_low))):",
        new="with m.If(now.keeping_said):",
        test="test_register_log.py",
    ),
    Mutation(
        name="a change just before a flip is in neither set",
        file="log/change_bits.py",
        old="with m.If(now.fixing & (now.slot == number)):",
        new="with m.If(now.flipped & (now.slot == number)):",
        test="test_change_bits.py",
    ),
    Mutation(
        name="a change goes into the plane that is given out",
        file="log/change_bits.py",
        old="following.planes.eq(Mux(now.noted, now.phase, ~now.phase))",
        new="following.planes.eq(~now.phase)",
        test="test_change_bits.py",
    ),
    Mutation(
        name="an entry that changed twice is counted twice",
        file="log/change_bits.py",
        old="is_new = now.set & ~words.is_set",
        new="is_new = now.set",
        test="test_change_bits.py",
    ),
    Mutation(
        name="a wipe leaves the last word",
        file="log/bit_memory.py",
        old="write_port.en.eq(self.set | self.take | self.wipe)",
        new="write_port.en.eq(self.set | self.take | (self.wipe & ~self.wipe_at.all()))",
        test="test_change_bits.py",
    ),
]
