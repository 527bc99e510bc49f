"""The documentation speaks of what is there: links lead somewhere, every room is on the map."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def links(page):
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if not re.match(r"\w+:", link)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    missing = [link for link in links(page) if not (page.parent / link.partition("#")[0]).exists()]
    assert not missing


def test_every_block_is_on_the_map_and_nothing_else():
    gateware = ROOT / "hdl" / "interlock_hdl"
    table = (ROOT / "docs" / "architecture.md").read_text().partition("## Which room is which")[2]
    table = table.partition("\n## ")[0]
    mapped = set(re.findall(r"`([\w/]+\.py)`", table))
    there = {str(path.relative_to(gateware)) for path in gateware.rglob("*.py") if path.name != "__init__.py"}
    assert mapped <= there
    assert {path for path in there - mapped if not path.startswith("accelerator/")} == set()


def test_pages_link_to_each_other():
    command = [sys.executable, "-c", "from interlock.cli import main; main(['docs'])"]
    first = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    for page in PAGES:
        rendered = (first.parent / page.relative_to(ROOT)).with_suffix(".html")
        hrefs = re.findall(r'href="([^":]+)"', rendered.read_text())
        targets = [rendered.parent / href.partition("#")[0] for href in hrefs]
        assert len(targets) >= len(PAGES)
        assert not [target for target in targets if target.suffix == ".html" and not target.exists()]
