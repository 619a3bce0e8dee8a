#!/usr/bin/env python3
"""Runs every shell and Python snippet of the documents, each against a fresh kew.

    docs/check.py                    all of docs/*.md
    docs/check.py testing.md retry   the sections of a document whose heading contains a word

A document says in its first `sh` block how its kew is started, and in its first `python` block what its other Python blocks begin
with. The blocks of a section run one after the other, each language on a kew of its own. Wherever a block says localhost:9324 it
means that kew. A shell block passes if each of its commands does; a block marked `sh fails` must fail. Rust blocks are compared
with tests/cookbook.rs, which runs them, by a test there. A document that starts no kew is about a fixture of clients/, whose own
tests run its snippets; examples/coming-from/run.py follows docs/from-*.md. The binary is $KEW_BIN, else target/release/kew.
Standard library only; boto3 comes with the virtual environment of the Makefile.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
KEW = Path(os.environ.get("KEW_BIN", ROOT / "target/release/kew")).resolve()
SECONDS_MAX = 60
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)


def sections(text):
    """Heading and blocks of each section: (language, mark, code)."""
    for part in re.split(r"^(?=## )", text, flags=re.M):
        heading = part.splitlines()[0].lstrip("# ").strip() if part.strip() else ""
        yield heading, [(language, mark.strip(), code) for language, mark, code in BLOCK.findall(part)]


def start(arguments):
    """A kew on a free port, and where it listens."""
    words = [str(KEW), "--listen", "127.0.0.1:0", *arguments]
    kew = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in kew.stdout:
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if found:
            return kew, f"localhost:{found.group(1)}"
    sys.exit(f"kew did not start: {words}")


def environment(address):
    """What a user has set, as in the README."""
    return os.environ | {
        "AWS_ENDPOINT_URL": f"http://{address}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "KEW_URL": f"http://{address}",
        "PATH": f"{KEW.parent}:{os.environ['PATH']}",
    }


def run(language, mark, code, before, address):
    """Runs one block; what went wrong, or nothing."""
    code = code.replace("localhost:9324", address)
    command = ["bash", "-euo", "pipefail", "-c", code] if language == "sh" else [sys.executable, "-c", before + code]
    with tempfile.TemporaryDirectory() as directory:
        try:
            done = subprocess.run(
                command, env=environment(address), cwd=directory, capture_output=True, text=True, timeout=SECONDS_MAX
            )
        except subprocess.TimeoutExpired:
            return f"not done after {SECONDS_MAX} s"
    if (done.returncode != 0) == (mark == "fails"):
        return ""
    return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"


def check(document, word):
    """Runs the snippets of a document; how many there were, and how many went wrong."""
    text = document.read_text(encoding="utf-8")
    blocks = [block for _, blocks in sections(text) for block in blocks]
    starts = next((code for language, _, code in blocks if language == "sh"), "")
    before = next((code for language, _, code in blocks if language == "python"), "")
    # The line that starts kew, with its continuation lines.
    command = re.search(r"^kew ((?:.*\\\n)*.*)$", starts, re.M)
    if not command:
        return 0, 0
    arguments = command.group(1).replace("\\\n", " ").split()
    count = failed = 0
    for heading, blocks in sections(text):
        if word.lower() not in heading.lower():
            continue
        for wanted in ("sh", "python"):
            mine = [(mark, code) for language, mark, code in blocks if language == wanted and code not in (starts, before)]
            if not mine:
                continue
            kew, address = start(arguments)
            for mark, code in mine:
                count += 1
                wrong = run(wanted, mark, code, before.replace("localhost:9324", address), address)
                if wrong:
                    failed += 1
                    print(f"{document.name}, {heading}, {wanted}: {wrong}\n{code}")
            kew.kill()
            kew.wait()
    return count, failed


def main():
    name, word = (sys.argv[1:] + ["*.md", ""])[:2] if len(sys.argv) > 1 else ("*.md", "")
    counts = [check(document, word) for document in sorted(DOCS.glob(name)) if not document.name.startswith("from-")]
    count, failed = (sum(numbers) for numbers in zip(*counts)) if counts else (0, 0)
    print(f"{count} snippets, {failed} failed")
    sys.exit(1 if failed or not count else 0)


if __name__ == "__main__":
    main()
