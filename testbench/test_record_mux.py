"""RecordMux: whole records of two sources, notices first, epochs that end."""

from interlock_hdl.record_mux import RecordMux
from lib.run import run


def test_record_mux():
    run(RecordMux(beat_bytes=4, links=2), "record_mux_tests", parameters={"beat_bytes": 4, "links": 2})
