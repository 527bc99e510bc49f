"""Every test that the test plan names exists, and what must be in the plan is in it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parent
DOCS = BENCH.parent / "docs"
PLAN = (DOCS / "testplan.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PLAN)))


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


def test_every_section_of_the_specification_is_in_the_plan():
    sections = re.findall(r"^##+ (.+)$", (DOCS / "specification.md").read_text(), re.MULTILINE)
    assert len(sections) > 8
    assert [section for section in sections if f"\n| {section} | `" not in PLAN] == []


def test_every_attack_on_a_whole_node_is_in_the_plan():
    files = [path.name for path in BENCH.glob("test_attacks_*.py")]
    attacks = {(file, name) for file in [*files, "test_forged_records.py"] for name in names_in(file)}
    assert len(attacks) > 20
    assert sorted(attacks - set(NAMED)) == []
