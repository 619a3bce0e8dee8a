#!/usr/bin/env python3
"""Checks the links of the repository's documents: that files are there, and headings in them. Standard library only."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```|~~~).*?^\1$", re.M | re.S)


def anchors(text):
    """The names under which GitHub and mdBook find headings."""
    found = {}
    for heading in re.findall(r"^#+ (.*)$", CODE.sub("", text), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        number = found.get(name, -1) + 1
        found[name] = number
        yield name if number == 0 else f"{name}-{number}"


def problems(document):
    text = document.read_text(encoding="utf-8")
    for target in LINK.findall(re.sub(r"`[^`\n]*`", lambda code: code[0].replace("](", "] ("), CODE.sub("", text))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        other = (document.parent / unquote(path)).resolve() if path else document
        if not other.exists():
            yield f"{target}: there is no such file"
        elif anchor and other.suffix == ".md" and anchor not in anchors(other.read_text(encoding="utf-8")):
            yield f"{target}: there is no such heading"


def main():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
    documents = [ROOT / name for name in listed.split()]
    count = 0
    for document in documents:
        for problem in problems(document):
            print(f"{document.relative_to(ROOT)}: {problem}")
            count += 1
    print(f"{len(documents)} documents, {count} broken links")
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
