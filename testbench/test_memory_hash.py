"""MemoryHash: every end of a block, both prefixes, exact timing."""

import pytest
from interlock_hdl.crypto.memory_hash import MemoryHash
from lib.run import run


@pytest.mark.parametrize("prefix", [0, 1])
def test_memory_hash(prefix):
    run(MemoryHash(prefix=prefix, max_size=128), "memory_hash_tests", parameters={"prefix": prefix})


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="prefix"):
        MemoryHash(prefix=256, max_size=64)
    for size in (0, 66):
        with pytest.raises(ValueError, match="max_size"):
            MemoryHash(prefix=0, max_size=size)


def test_blocks_are_those_of_the_standard():
    """A message, a bit and a length of 64 bits, in blocks of 512 bits."""
    assert [MemoryHash.blocks(size) for size in (0, 1, 54, 55, 118, 119, 1024)] == [1, 1, 1, 2, 2, 3, 17]
