"""OpenedStore: rows and headers until they are read, and no trace of them afterwards."""

import pytest
from interlock_hdl.crypto.result_queue import ResultQueue
from interlock_hdl.opened_store import OpenedStore
from interlock_hdl.packet_buffer import PacketBuffer
from lib.run import run


@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_opened_store(beat_bytes):
    store = OpenedStore(beat_bytes=beat_bytes, records=2, headers=8, seq_bits=48)
    parameters = {
        "beat_bytes": beat_bytes,
        "depth": store.depth,
        "headers": store.headers,
        "header_latency": ResultQueue.latency,
        "body_latency": PacketBuffer.latency,
    }
    run(store, "opened_store_tests", parameters=parameters, public=True)
