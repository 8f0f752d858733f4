"""Every link in a Markdown file that stays in this repository leads somewhere: to a path, and to a heading of it.

Rules: headings have the anchors that GitHub and Forgejo give them. Addresses are not asked for: no network is used.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:")


def ours(name: str) -> list[Path]:
    """The files of this name, but for those in folders that tools made (.venv and the like)."""
    return [path for path in sorted(ROOT.rglob(name)) if not any(p[0] == "." for p in path.relative_to(ROOT).parts)]


def blocks(page: Path) -> list[Token]:
    """What a page is made of: headings, paragraphs, …, each followed by its text."""
    return MarkdownIt().enable("table").parse(page.read_text())


def links(page: Path) -> Iterator[str]:
    """Where its links and pictures lead."""
    for block in blocks(page):
        for token in block.children or ():
            if target := token.attrs.get("href") or token.attrs.get("src"):
                yield str(target)


def anchors(page: Path) -> set[str]:
    """The anchors of its headings: words in lower case, joined by `-`; a heading that comes again gets a number."""
    seen: Counter[str] = Counter()
    found = set()
    for opening, line in pairwise(blocks(page)):
        if opening.type == "heading_open":
            text = "".join(part.content for part in line.children or () if part.type in ("text", "code_inline"))
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return found


def dead(page: Path) -> Iterator[str]:
    """The links that lead nowhere."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        if ADDRESS.match(link):
            continue
        target = page.parent / unquote(path) if path else page
        if not target.exists():
            yield link
        elif anchor and anchor not in anchors(target):
            yield link


@pytest.mark.parametrize("page", ours("*.md"), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    assert list(dead(page)) == []


@pytest.mark.parametrize("project", ours("pyproject.toml"), ids=lambda path: path.parent.name)
def test_a_package_s_description_has_no_link_into_the_repository(project: Path) -> None:
    """It is read elsewhere too, where there are no files beside it."""
    page = project.with_name(tomllib.loads(project.read_text())["project"]["readme"])
    assert [link for link in links(page) if not ADDRESS.match(link) and link[0] != "#"] == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# What `it` does, and why\n\n## Twice\n\n## Twice\n")
    alive = (
        "[a](other.md) [b](other.md#what-it-does-and-why) [c](other.md#twice-1) [d](#here) [e](https://x.example/y#z)"
    )
    page.write_text(f"# Here\n\n{alive}\n\n```\n[no link](nowhere.md)\n```\n")
    assert list(dead(page)) == []
    elsewhere = "[a](nowhere.md) ![b](none.svg) [c](other.md#twice-2) [d](#there)"
    page.write_text(f"{elsewhere}\n\n|a|\n|-|\n|[e](f.md)|\n\n[g]\n\n[g]: h.md\n")
    assert list(dead(page)) == ["nowhere.md", "none.svg", "other.md#twice-2", "#there", "f.md", "h.md"]
