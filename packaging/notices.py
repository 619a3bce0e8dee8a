#!/usr/bin/env python3
"""The licences of what is compiled into the binary, each text once: what they ask of who passes the binary on.

    notices.py TARGET > THIRD-PARTY-NOTICES.txt
"""

import collections
import json
import os
import pathlib
import subprocess
import sys

import ziglang

NAMES = ("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")
# Rust's own library comes with rustup; musl's licence with zig.
MUSL = pathlib.Path(ziglang.__file__).parent / "lib/libc/musl/COPYRIGHT"
RULE = "\n\n" + "=" * 100 + "\n\n"


def linked(target):
    """The packages that the binary is made of, without what only builds or tests need."""
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"]
    data = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    seen, todo = set(), [data["resolve"]["root"]]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo += [dep["pkg"] for dep in nodes[one]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
    seen.discard(data["resolve"]["root"])
    return sorted((package for package in data["packages"] if package["id"] in seen), key=lambda package: package["name"])


def texts(folder):
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name.upper().startswith(NAMES))
    return [file.read_text(errors="replace").strip() for file in files]


def main():
    packages = linked(sys.argv[1])
    of_text = collections.defaultdict(list)
    print("kew is made with the work of others. Its own licence is MIT OR Apache-2.0. Compiled into it are:\n")
    for package in packages:
        name = f"{package['name']} {package['version']}"
        print(f"  {name}: {package['license']}")
        for text in texts(pathlib.Path(package["manifest_path"]).parent):
            of_text[text].append(name)
    print("  the standard library of Rust: MIT OR Apache-2.0\n  musl: MIT\n  SQLite, in libsqlite3-sys: in the public domain")
    print("  mimalloc, in libmimalloc-sys: MIT")
    of_text[MUSL.read_text().strip()].append("musl")
    for text, names in sorted(of_text.items(), key=lambda entry: entry[1]):
        print(f"{RULE}{', '.join(names)}:\n\n{text}")


if __name__ == "__main__":
    main()
