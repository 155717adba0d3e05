#!/usr/bin/env python3
"""Builds the book of the documents into target/book/html with mdBook.

    python3 docs/book.py

It needs `mdbook` on the PATH or beside this Python. With the Python package `merman`, mermaid diagrams become SVG
files; without it they stay as text. All pages are ordinary Markdown and can be read without the book.

Why not `mdbook build docs`: README, SPEC and CHANGELOG lie outside docs/, where mdBook does not follow links. So the
Markdown files are copied into target/book/source with the folders they have in the repository, and links to anything
that is not in the book become plain text.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
BOOK = REPOSITORY / "target" / "book"
SOURCE = BOOK / "source"
CHAPTER = re.compile(r"\]\(([^)]+\.md)\)")
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def chapters():
    """The files that SUMMARY.md lists, as paths in the repository."""
    summary = (REPOSITORY / "docs" / "SUMMARY.md").read_text()
    return [os.path.normpath(Path("docs") / path) for path in CHAPTER.findall(summary)]


def renderer():
    """A function from mermaid text to SVG, or None."""
    try:
        from merman import MermanEngine
    except ImportError:
        return None
    engine = MermanEngine(None, None)
    return lambda text: as_image(engine.render_svg(text, None))


def as_image(svg):
    """The SVG with its own size, which it needs as an image, and a background that suits dark themes."""
    width, height = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg).groups()
    size = f'width="{float(width):.0f}" height="{float(height):.0f}"'
    return svg.replace('width="100%"', size, 1).replace('style="', 'style="background:white;', 1)


def with_pictures(text, page, render):
    """The page with each diagram as an image. The SVG file lies beside the page."""
    count = 0

    def picture(found):
        nonlocal count
        count += 1
        name = f"{page.stem}-{count}.svg"
        path = SOURCE / page.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(found[1]))
        return f"![diagram {count} of this page]({name})"

    return DIAGRAM.sub(picture, text)


def with_links_inside(text, page, included):
    """The page with every relative link that leaves the book as plain text."""

    def link(found):
        target = found[2]
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        path = os.path.normpath(page.parent / target.split("#")[0])
        if path in included or (SOURCE / path).is_file():
            return found[0]
        return found[1]

    return LINK.sub(link, text)


def mdbook():
    beside = Path(sys.executable).parent / "mdbook"
    return str(beside) if beside.exists() else "mdbook"


def main():
    shutil.rmtree(BOOK, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    shutil.copy(REPOSITORY / "docs" / "book.toml", BOOK)
    included = chapters()
    render = renderer()
    if render is None:
        print("notice: the Python package merman is missing, so diagrams stay as text")
    for path in included:
        page = Path(path)
        text = (REPOSITORY / page).read_text()
        if render:
            text = with_pictures(text, page, render)
        text = with_links_inside(text, page, included)
        (SOURCE / page).parent.mkdir(parents=True, exist_ok=True)
        (SOURCE / page).write_text(text)
    summary = (REPOSITORY / "docs" / "SUMMARY.md").read_text()
    moved = CHAPTER.sub(lambda found: f"]({os.path.normpath(Path('docs') / found[1])})", summary)
    (SOURCE / "SUMMARY.md").write_text(moved)
    done = subprocess.run([mdbook(), "build", str(BOOK)], stderr=subprocess.PIPE, text=True)
    print(done.stderr, end="", file=sys.stderr)
    # mdBook warns of some mistakes and goes on.
    if done.returncode != 0 or re.search(r"\b(WARN|ERROR)\b", done.stderr):
        sys.exit("failed to build the book: see the lines above")
    print(f"{len(included)} pages in {BOOK / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
