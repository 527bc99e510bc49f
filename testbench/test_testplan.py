"""Every test that the test plan names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parent
PLAN = BENCH.parent / "docs" / "testplan.md"
NAMED = sorted(set(re.findall(r"`(\w+\.py)::(\w+)`", PLAN.read_text())))


@cache
def names_in(file: str) -> set[str]:
    """Functions of a module that a runner takes for tests: by name for pytest, by decorator for cocotb."""
    tree = ast.parse((BENCH / file).read_text())
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (
            node.name.startswith("test_")
            or any("cocotb.test" in ast.unparse(decorator) for decorator in node.decorator_list)
        )
    }


def test_the_plan_names_tests():
    assert len(NAMED) > 40


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda value: value)
def test_a_named_test_exists(file, name):
    assert name in names_in(file)
