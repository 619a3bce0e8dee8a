#!/usr/bin/env python3
"""Follows the pages docs/from-*.md, each with the small project beside this file that it is about.

    examples/coming-from/run.py                all
    examples/coming-from/run.py elasticmq      one

A page tells how its kew is started: by the compose file, whose environment a kew of this machine is given here, and by shell
snippets, whose first line starts it. However it is started, the tests of the project have to pass. What a page shows of the
project has to be in its files. Wherever the project says localhost:4566 or localhost:9324 it means the kew that was started.
The binary is $KEW_BIN, else target/release/kew. PyYAML and what the projects use come with the virtual environment of the Makefile.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "clients"))
import snippets  # noqa: E402

KEW = Path(os.environ.get("KEW_BIN") or ROOT / "target/release/kew").resolve()
SECONDS_MAX = 300
TOOLS = Path(sys.executable).parent
PORT = re.compile(rb"localhost:(4566|9324)")
PYTEST = [str(TOOLS / "pytest"), "-q", "-p", "no:cacheprovider"]
NPM_INSTALL = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
# How each project is set up and tested. A fixture starts the kew of the first.
PROJECTS = {
    "moto": ([], PYTEST),
    "localstack": ([], PYTEST),
    "elasticmq": (NPM_INSTALL, ["npm", "test", "--silent"]),
}


def environment():
    """Without what would lead the project elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KEW_", "AWS_"))}
    return kept | {"PATH": f"{TOOLS}:{KEW.parent}:{kept['PATH']}"}


def blocks(page):
    """Language and text of each block of a page."""
    return re.findall(r"^ *```(\w+)\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.M | re.S)


def is_shown(language, block, texts):
    """Whether what a page shows is in a file; of a difference, what it leaves."""
    if language == "diff":
        block = "".join(line[1:] for line in block.splitlines(keepends=True) if not line.startswith("-"))
    return any(snippets.is_in(snippets.normal(block.splitlines()), text) for text in texts)


def ways(page, project):
    """How the page says that kew is started: a name, arguments, environment, and commands after it."""
    for language, block in blocks(page):
        first, *rest = block.replace("\\\n", " ").splitlines()
        if language == "sh" and first.startswith("kew "):
            yield first, shlex.split(first.removesuffix("&"))[1:], {}, rest
    compose = project / "compose.yaml"
    if compose.exists():
        service = yaml.safe_load(compose.read_text())["services"]["sqs"]
        mounts = dict(reversed(volume.split(":")[:2]) for volume in service.get("volumes", []))
        variables = {name: mounts.get(value, value) for name, value in service["environment"].items()}
        yield "compose.yaml", service.get("command", []), variables, []


def start(arguments, variables, folder):
    """A kew on a free port in place of the one that it is told, and where it listens."""
    words = [word for before, word in zip(["", *arguments], arguments) if not {before, word} & {"--listen", "--port"}]
    kew = subprocess.Popen([KEW, "--listen", "127.0.0.1:0", *words], cwd=folder, env=environment() | variables,
                           stdout=subprocess.PIPE, text=True)
    for line in kew.stdout:
        if found := re.search(r"127\.0\.0\.1:(\d+)", line):
            return kew, f"localhost:{found[1]}"
    raise AssertionError(f"kew did not start: {words}")


def run(command, folder, **variables):
    subprocess.run(command, cwd=folder, env=environment() | variables, check=True, timeout=SECONDS_MAX)


def copied(project, copy, address):
    """The project, where it talks to another address."""
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    for file in copy.rglob("*"):
        if file.is_file():
            file.write_bytes(PORT.sub(address.encode(), file.read_bytes()))
    return copy


def follow(name, folder):
    """Follows one page; what of it is in no file of the project."""
    project, page = HERE / name, ROOT / f"docs/from-{name}.md"
    setup, test = PROJECTS[name]
    if setup:
        shutil.copy(project / "package.json", folder)
        run(setup, folder)
    if not (project / "compose.yaml").exists():
        run(test, copied(project, folder / "project", "-"), KEW_BIN=str(KEW))
    for number, (way, arguments, variables, after) in enumerate(ways(page, project)):
        print(f"--- {name}: {way}", flush=True)
        kew, address = start(arguments, variables, project)
        try:
            copy = copied(project, folder / f"project-{number}", address)
            for line in after:
                run(["sh", "-e", "-c", line], copy, AWS_ENDPOINT_URL=f"http://{address}")
            run(test, copy)
        finally:
            kew.terminate()
            kew.wait()
    for written in project.glob("kew.toml"):
        printed = subprocess.run([KEW, "import", "elasticmq.conf"], cwd=project, stdout=subprocess.PIPE, check=True, text=True)
        assert printed.stdout == written.read_text(), printed.stdout
    texts = [file.read_text() for file in project.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return [block for language, block in blocks(page) if language != "sh" and not is_shown(language, block, texts)]


def main():
    missing = []
    for name in sys.argv[1:] or PROJECTS:
        with tempfile.TemporaryDirectory() as folder:
            missing += follow(name, Path(folder))
    for block in missing:
        print(f"this is shown, and in no file of a project:\n{block}")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
