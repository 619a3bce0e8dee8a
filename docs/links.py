#!/usr/bin/env python3
"""Checks the links of the repository's documents: that files are there, and headings in them; that there are the make
targets which documents and workflows call; that versions in them are that of Cargo.toml. Standard library only."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^ *(```|~~~).*?^ *\1$", re.M | re.S)

CALL = re.compile(r"\bmake (?:-s )?([a-z][a-z-]*)")


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


def calls(file):
    """The make targets that a file calls: a document in its code, a script anywhere but in its comments."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        code = [found[0] for found in CODE.finditer(text)] + re.findall(r"`[^`\n]+`", CODE.sub("", text))
    else:
        code = [re.sub(r"^step ", "make ", line) for line in text.splitlines() if not line.lstrip().startswith("#")]
    return {target for part in code for target in CALL.findall(part)}


def listed(*patterns):
    files = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return [ROOT / name for name in files.stdout.split()]


def versions():
    """Files that name another version of a part of kew than Cargo.toml."""
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    for file in listed("docs/*.md", "clients/java/*pom.xml"):
        for part, named in re.findall(r"<artifactId>(kew-\w+)</artifactId>\s*<version>(.*?)</", file.read_text()):
            if named != version:
                yield file, f"{part} {named}, which is {version} by Cargo.toml"


def targets():
    """All that make knows, also what it puts together; it is asked for nothing."""
    command = ["make", "-qprR", ":"]
    database = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return set(re.findall(r"^([a-z][a-z-]*):", database.stdout, re.M))


def main():
    wrong = [*versions(), *((file, problem) for file in listed("*.md") for problem in problems(file))]
    known, callers = targets(), listed("*.md", ".github/workflows/*", ".ci/run")
    wrong += [(file, f"make {name}: there is no such target") for file in callers for name in calls(file) - known]
    for file, problem in wrong:
        print(f"{file.relative_to(ROOT)}: {problem}")
    called = set().union(*map(calls, callers))
    print(f"{len(listed('*.md'))} documents, {len(called)} make targets called, {len(wrong)} mistakes")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
