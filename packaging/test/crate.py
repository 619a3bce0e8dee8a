"""The crate, unpacked where there is nothing of the repository: cargo installs it, and it is used."""

import os
import subprocess
import tarfile

import use

CLEAN = "cargo install from the unpacked crate"
SIZE_MAX = 2_000_000
# What only the repository needs.
NOT_WANTED = tuple(".ci/ .github/ clients/ compat/ docs/ examples/coming-from/ fuzz/ packaging/ tests/fixtures/".split())


def test(package):
    assert package.file.stat().st_size < SIZE_MAX, "the crate is large: does it hold what nobody needs?"
    with tarfile.open(package.file) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames()]
        assert not [name for name in names if name.startswith(NOT_WANTED)], names
        archive.extractall(package.scratch, filter="data")
    [unpacked] = package.scratch.iterdir()
    # Not optimised: what counts is that it builds with what is in the crate. The directory is kept, so that a second run is short.
    environment = dict(os.environ, CARGO_TARGET_DIR=str(package.scratch.parent / "crate-target"))
    subprocess.run(
        [os.environ.get("CARGO", "cargo"), "install", "--quiet", "--debug", "--locked", "--path", unpacked, "--root", package.scratch / "root"],
        check=True, env=environment, cwd=package.scratch,
    )
    assert use.use([str(package.scratch / "root/bin/kew")]) == package.version
