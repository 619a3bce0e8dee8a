#!/usr/bin/env python3
"""Checks that what a document shows is what the tests run: clients/snippets.py docs/go.md go clients/go

Each block of the language has to be in a file under the directory, line by line, however far it is indented there.
"""

import re
import sys
import textwrap
from pathlib import Path


def normal(lines):
    """Without the indentation that all lines have."""
    return textwrap.dedent("\n".join(line.expandtabs(4).rstrip() for line in lines)).strip("\n")


def is_in(block, text):
    lines, count = text.splitlines(), len(block.splitlines())
    return any(normal(lines[at : at + count]) == block for at in range(len(lines) - count + 1))


def main():
    document, language, directory = sys.argv[1:]
    text = Path(document).read_text(encoding="utf-8")
    blocks = [normal(block.splitlines()) for block in re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)]
    files = [file for file in Path(directory).rglob("*.*") if file.is_file() and "target" not in file.parts]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
    missing = [block for block in blocks if not any(is_in(block, text) for text in texts)]
    for block in missing:
        print(f"{document}: no file of {directory} has\n{textwrap.indent(block, '    ')}\n")
    print(f"{document}: {len(blocks)} snippets, {len(missing)} that are run nowhere")
    sys.exit(1 if missing or not blocks else 0)


if __name__ == "__main__":
    main()
