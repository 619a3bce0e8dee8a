#!/usr/bin/env python3
"""Installs the package into this environment as its sources stand, without its binary, which takes Rust to build."""

import pathlib
import sysconfig
import tomllib

HERE = pathlib.Path(__file__).resolve().parent.parent
SITE = pathlib.Path(sysconfig.get_path("purelib"))

project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
version = tomllib.loads((HERE.parent.parent / "Cargo.toml").read_text())["package"]["version"]
info = SITE / f"kew_sqs-{version}.dist-info"
info.mkdir(exist_ok=True)
(info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n")
groups = project["entry-points"].items()
texts = [f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in points.items()) for group, points in groups]
(info / "entry_points.txt").write_text("".join(texts))
(SITE / "kew_sqs.pth").write_text(f"{HERE / 'src'}\n")
