"""PrefixReader: prefixes of any number of records, and everything that can be wrong with one."""

import pytest
from interlock_hdl.prefix_reader import PrefixReader
from lib.run import run


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_prefix_reader(beat_bytes):
    parameters = {"beat_bytes": beat_bytes, "links": 3}
    run(PrefixReader(**parameters), "prefix_reader_tests", parameters=parameters)
