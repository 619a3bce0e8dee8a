#!/usr/bin/env python3
"""Makes the book of the documents with mdBook, and checks the links of its pages: docs/book.py MDBOOK

The pages are those of SUMMARY.md, also the ones outside docs/. A link to a page leads to it in the book, any other of the
repository's files to the repository. Standard library only.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from links import CODE, LINK, ROOT

DOCS = ROOT / "docs"
SOURCE = ROOT / "target/book-source"
BOOK = ROOT / "target/book"
REPOSITORY = tomllib.loads((DOCS / "book.toml").read_text())["output"]["html"]["git-repository-url"]


def name_of(page):
    """What a page is called in the book: packaging/README.md is packaging.md."""
    inside = page.name != "README.md" or page.parent == ROOT
    return page.name if inside else f"{page.parent.name}.md"


def pages():
    """Files, and their names in the book."""
    summary = (DOCS / "SUMMARY.md").read_text(encoding="utf-8")
    return {page: name_of(page) for page in ((DOCS / target).resolve() for target in LINK.findall(summary))}


def moved(target, page, names):
    """Where a link of a page leads in the book."""
    path, hash_sign, anchor = target.partition("#")
    if re.match(r"[a-z]+:", target) or not path:
        return target
    file = (page.parent / unquote(path)).resolve()
    if file in names:
        return names[file] + hash_sign + anchor
    if file.is_relative_to(DOCS / "images"):
        return file.relative_to(DOCS).as_posix()
    return f"{REPOSITORY}/{'tree' if file.is_dir() else 'blob'}/main/{file.relative_to(ROOT)}{hash_sign}{anchor}"


def in_book(page, names):
    """The text of a page with its links moved, but for those in code."""
    def link(found):
        begin, end = found.start(1) - found.start(), found.end(1) - found.start()
        return found[0][:begin] + moved(found[1], page, names) + found[0][end:]

    text = page.read_text(encoding="utf-8")
    parts, at = [], 0
    for code in CODE.finditer(text):
        parts += [LINK.sub(link, text[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*parts, LINK.sub(link, text[at:])])


class Rendered(HTMLParser):
    """What a page of the book links to, and what can be linked to in it."""

    def __init__(self, file):
        super().__init__()
        self.links, self.ids = [], set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]


def problems():
    """Links of the book that lead nowhere in it."""
    rendered = {file: Rendered(file) for file in sorted(BOOK.glob("*.html")) if file.name != "404.html"}
    for file, page in rendered.items():
        for target in page.links:
            path, _, anchor = target.partition("#")
            other = (BOOK / unquote(path)).resolve() if path else file
            if re.match(r"[a-z]+:", target):
                continue
            if not other.exists():
                yield f"{file.name}: {target}: there is no such file"
            elif anchor and other in rendered and unquote(anchor) not in rendered[other].ids:
                yield f"{file.name}: {target}: there is no such heading"


def main():
    names = pages()
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(DOCS / "images", SOURCE / "src/images")
    for name in ("book.toml", "book.css"):
        shutil.copy(DOCS / name, SOURCE)
    for page, name in {**names, DOCS / "SUMMARY.md": "SUMMARY.md"}.items():
        (SOURCE / "src" / name).write_text(in_book(page, names), encoding="utf-8")
    subprocess.run([sys.argv[1], "build", SOURCE, "--dest-dir", BOOK], check=True)
    wrong = list(problems())
    print("\n".join([*wrong, f"{len(names)} pages in {BOOK.relative_to(ROOT)}, {len(wrong)} broken links"]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
