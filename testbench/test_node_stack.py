"""NodeStack: of groups and of whole messages; exact timing."""

import pytest
from interlock_hdl.node_stack import NodeStack
from lib.run import run


@pytest.mark.parametrize(("height", "unbounded"), [(2, False), (4, True)], ids=["groups", "messages"])
def test_node_stack(height, unbounded):
    parameters = {"height": height, "unbounded": unbounded}
    run(NodeStack(height=height, unbounded=unbounded), "node_stack_tests", parameters=parameters)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="height"):
        NodeStack(height=0)
