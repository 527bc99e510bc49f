"""Renders README.md and docs/ as web pages, under build/docs."""

import html
import os
import re
import shutil
from pathlib import Path

from markdown_it import MarkdownIt

from interlock import toolchain
from interlock.errors import InterlockError

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.55 system-ui, sans-serif; color: #222 }}
body {{ max-width: 58rem; margin: 2rem auto; padding: 0 1rem }}
nav a {{ margin-right: 1rem }}
a {{ color: #185a9d }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }}
th, td {{ border: 1px solid #d8dde2; padding: .3rem .6rem; text-align: left; vertical-align: top }}
code, pre {{ font: 14px/1.4 ui-monospace, monospace; background: #f4f6f8 }}
pre {{ padding: .8rem; overflow-x: auto }}
</style>
<nav>{links}</nav>
<main>{body}</main>
</html>
"""


def docs() -> int:
    """Needs a working copy: the pages are not part of the installed package."""
    root = Path(__file__).resolve().parents[3]
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    if not (root / "docs").is_dir():
        raise InterlockError(f"there is no docs folder in {root}: run this in a working copy")
    target = toolchain.build_folder() / "docs"
    shutil.rmtree(target, ignore_errors=True)
    for page in pages:
        _render(page, root, target, pages)
    print(target / "README.html")
    return 0


def _render(page: Path, root: Path, target: Path, pages: list[Path]) -> None:
    """Writes one page, with links to all others."""
    place = _place(page, root, target)

    def relink(match: re.Match[str]) -> str:
        path, mark, fragment = match[1].partition("#")
        aim = page.parent / path
        aim = _place(aim, root, target) if aim in pages else aim
        return f'href="{os.path.relpath(aim, place.parent)}{mark}{fragment}"'

    body = MarkdownIt("commonmark").enable("table").render(page.read_text())
    body = re.sub(r'href="(?!\w+:|#)([^"]+)"', relink, body)
    names = [(os.path.relpath(_place(other, root, target), place.parent), _title(other)) for other in pages]
    links = " ".join(f'<a href="{path}">{html.escape(title)}</a>' for path, title in names)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(_PAGE.format(title=html.escape(_title(page)), links=links, body=body))


def _place(page: Path, root: Path, target: Path) -> Path:
    return (target / page.relative_to(root)).with_suffix(".html")


def _title(page: Path) -> str:
    heading = re.search(r"^# (.+)$", page.read_text(), re.MULTILINE)
    return heading[1].removeprefix("Interlock: ").capitalize() if heading else page.stem
