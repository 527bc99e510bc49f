"""Mutations of what a roll clears.  What most of them leave behind is not valid, and shows at no port."""

from mutants.mutation import Mutation

TEST = "test_roll_state.py"

ROLLS = [
    Mutation(
        name="a roll leaves the memories of buffers as they are",
        file="packet_buffer.py",
        old="write_port.en.eq(written | self.wipe)",
        new="write_port.en.eq(written)",
        test=TEST,
    ),
    Mutation(
        name="a roll leaves what was read of a buffer in its register",
        file="packet_buffer.py",
        old="with m.If(reading | self.wipe):",
        new="with m.If(reading):",
        test=TEST,
    ),
    Mutation(
        name="a roll leaves buffers as full as they are",
        file="packet_buffer.py",
        old="ResetInserter(self.flush | self.wipe)(control)",
        new="ResetInserter(self.flush)(control)",
        test=TEST,
    ),
    Mutation(
        name="a roll leaves the state of a hash as it is",
        file="leaf_lane.py",
        old="m.submodules.hasher = ResetInserter(self.wipe)(hasher)",
        new="m.submodules.hasher = hasher",
        test=TEST,
    ),
    Mutation(
        name="a roll leaves the cipher's ring turning",
        file="crypto/aes.py",
        old="m.d.sync += [phase.eq(0), ways[0].eq(0), states[0].eq(0)]",
        new="m.d.sync += phase.eq(0)",
        test=TEST,
    ),
    Mutation(
        name="a roll leaves the parts of a message with keys",
        file="link_keys.py",
        old="return ResetInserter(~self.session_open)(m)",
        new="return m",
        test=TEST,
    ),
]
