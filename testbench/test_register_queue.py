"""RegisterQueue: order, depth, latency and throughput."""

import pytest
from interlock_hdl.register_queue import RegisterQueue
from lib.run import run


@pytest.mark.parametrize("depth", [2, 3], ids=lambda depth: f"depth{depth}")
def test_register_queue(depth):
    queue = RegisterQueue(shape=16, depth=depth)
    run(queue, "register_queue_tests", parameters={"depth": depth, "latency": queue.latency})


def test_a_depth_of_one_is_refused():
    with pytest.raises(ValueError, match="depth"):
        RegisterQueue(shape=16, depth=1)
