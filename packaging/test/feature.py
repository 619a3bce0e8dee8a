"""The devcontainer feature, with the archives of dist/ in the place of a release."""

import json
import os
import pathlib
import shutil
import subprocess

import use

CLEAN = "empty prefix"
FEATURE = pathlib.Path(__file__).resolve().parent.parent / "devcontainer-feature"


def test(package):
    described = json.loads((FEATURE / "devcontainer-feature.json").read_text())
    assert described["id"] == "kew" and described["options"]["version"]["default"] == "latest"
    # As a release has them.
    release = package.scratch / "download" / f"v{package.version}"
    release.mkdir(parents=True)
    shutil.copy(package.file, release)
    subprocess.run(f"sha256sum {package.file.name} > SHA256SUMS", shell=True, check=True, cwd=release)
    environment = {"PATH": os.environ["PATH"], "VERSION": package.version, "KEW_RELEASES": package.scratch.as_uri(),
                   "KEW_PREFIX": str(package.scratch / "usr")}
    subprocess.run(["sh", FEATURE / "install.sh"], check=True, env=environment)
    assert use.use([str(package.scratch / "usr/bin/kew")]) == package.version
    (release / "SHA256SUMS").write_text(f"{'0' * 64}  {package.file.name}\n")
    refused = subprocess.run(["sh", FEATURE / "install.sh"], env=environment, capture_output=True, text=True)
    assert refused.returncode != 0, "an archive with a wrong checksum was installed"
