#!/usr/bin/env python3
"""Installs each package of dist/ in a clean environment and uses it there.

    run.py --dist dist            all
    run.py --dist dist static     only some
"""

import argparse
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

import crate
import deb
import feature
import image
import npm
import static
import wheel

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Each has CLEAN, the environment it installs into, and `test(package)`; and how the files are named that it takes.
TESTS = {
    "static": (static, "kew-{version}-{machine}-unknown-linux-musl.tar.gz"),
    "image": (image, "kew-{version}-image-{machine}.tar.gz"),
    "deb": (deb, "kew_{version}-1_{architecture}.deb"),
    "wheel": (wheel, "kew_sqs-{version}-py3-none-*_{machine}.whl"),
    "npm": (npm, "kew-sqs-{version}.tgz"),
    "crate": (crate, "kew-{version}.crate"),
    "feature": (feature, "kew-{version}-{machine}-unknown-linux-musl.tar.gz"),
}

MACHINE = platform.machine()
# As Debian and container engines call it.
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[MACHINE]


class Package:
    """What a test gets: the file to install, an empty directory to do it in, and the version that it must be."""

    def __init__(self, file, scratch, version):
        self.file, self.scratch, self.version = file, scratch, version
        self.dist, self.machine, self.architecture = file.parent, MACHINE, ARCHITECTURE


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dist", type=pathlib.Path, required=True)
    parser.add_argument("names", nargs="*", choices=[[], *TESTS])
    arguments = parser.parse_args()
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    rows, failed = [], 0
    for name in arguments.names or TESTS:
        module, pattern = TESTS[name]
        file = arguments.dist.resolve() / pattern.format(version=version, machine=MACHINE, architecture=ARCHITECTURE)
        scratch = ROOT / "target" / "packages-test" / name
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        print(f"=== {name}: {file.name}", flush=True)
        began = time.monotonic()
        try:
            [file] = file.parent.glob(file.name)
            module.test(Package(file, scratch, version))
            outcome = "ok"
        except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
            outcome, failed = "FAILED", failed + 1
        size = f"{file.stat().st_size / 1e6:.2f} MB" if file.is_file() else "missing"
        rows.append((outcome, file.name, size, f"{time.monotonic() - began:.0f} s", module.CLEAN))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print(f"\n{len(rows) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
