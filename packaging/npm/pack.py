#!/usr/bin/env python3
"""Packs the npm packages: `kew-sqs`, and one with the binary for each platform. The version is that of Cargo.toml.

    pack.py VERSION DIST linux-x64=path/to/kew linux-arm64=path/to/kew ...
"""

import json
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGE = ROOT / "clients" / "javascript"


def pack(staged, manifest, dist):
    for licence in ("LICENSE-APACHE", "LICENSE-MIT", "target/THIRD-PARTY-NOTICES.txt"):
        shutil.copy(ROOT / licence, staged)
    (staged / "package.json").write_text(json.dumps(manifest, indent=2) + "\n")
    subprocess.run(["npm", "pack", "--silent", "--pack-destination", dist], cwd=staged, check=True, stdout=subprocess.DEVNULL)


def main():
    version, dist, *platforms = sys.argv[1:]
    dist = pathlib.Path(dist).resolve()
    work = ROOT / "target" / "npm"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(PACKAGE, work / "kew-sqs", ignore=shutil.ignore_patterns("tests", "example"))
    manifest = json.loads((PACKAGE / "package.json").read_text()) | {"version": version}
    common = {key: manifest[key] for key in ("license", "repository", "homepage", "version")}
    for entry in platforms:
        platform, binary = entry.split("=")
        system, processor = platform.split("-")
        name = "kew.exe" if system == "win32" else "kew"
        staged = work / platform
        staged.mkdir()
        shutil.copy(binary, staged / name)
        (staged / name).chmod(0o755)
        (staged / "README.md").write_text(f"The binary of kew for {platform}, for the package kew-sqs.\n")
        pack(staged, common | {
            "name": f"@kew-sqs/{platform}", "description": f"kew for {platform}; use the package kew-sqs",
            "os": [system], "cpu": [processor], "files": [name, "LICENSE-*", "THIRD-PARTY-NOTICES.txt"], "preferUnplugged": True,
        }, dist)
    manifest["optionalDependencies"] = {f"@kew-sqs/{entry.split('=')[0]}": version for entry in platforms}
    pack(work / "kew-sqs", manifest, dist)


if __name__ == "__main__":
    main()
