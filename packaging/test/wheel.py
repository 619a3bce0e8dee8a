"""The wheel: its tags are true, and pip installs it into a fresh virtual environment, from where it is used."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import use

CLEAN = "fresh venv, pip without an index; then the example, with pytest and boto3"
EXAMPLE = pathlib.Path(__file__).resolve().parent.parent.parent / "clients" / "python" / "example"


def test(package):
    tags_are_true(package.file)
    subprocess.run([sys.executable, "-m", "venv", package.scratch / "venv"], check=True)
    bin = package.scratch / "venv" / "bin"
    pip = [bin / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--no-index", package.file], check=True)
    assert use.use([str(bin / "kew")]) == package.version
    assert use.use([str(bin / "python"), "-m", "kew_sqs"]) == package.version
    says = "import kew_sqs; print(kew_sqs.__version__, kew_sqs.binary())"
    said = subprocess.run([bin / "python", "-c", says], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert said == f"{package.version} {bin / 'kew'}\n", said
    # pip puts it elsewhere with --target.
    subprocess.run([*pip, "install", "--no-index", "--target", package.scratch / "there", package.file], check=True)
    said = subprocess.run([bin / "python", "-c", says], check=True, stdout=subprocess.PIPE, text=True, cwd=package.scratch / "there").stdout
    assert said.split()[1].endswith("/kew"), said
    example(bin / "python", pip, package.scratch / "example")
    subprocess.run([*pip, "uninstall", "--yes", "kew-sqs"], check=True)
    assert not (bin / "kew").exists()


def example(python, pip, project):
    """The project that newcomers copy: pytest finds the fixtures by itself, and they find the binary."""
    shutil.copytree(EXAMPLE, project)
    subprocess.run([*pip, "install", "--requirement", project / "requirements.txt"], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEW_")}
    subprocess.run([python, "-m", "pytest", "--quiet", "-n", "2"], cwd=project, env=environment, check=True)


def tags_are_true(file):
    """A static binary asks nothing of the system's libc, whatever auditwheel would compare it with."""
    with zipfile.ZipFile(file) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith("/kew")]
        binary = wheel.read(name)
    assert binary[:4] == b"\x7fELF" and b"/lib64/ld-linux" not in binary and b"/lib/ld-musl" not in binary, "not static"
    said = subprocess.run([sys.executable, "-m", "auditwheel", "show", file], capture_output=True, text=True)
    assert "requires no external shared libraries" in " ".join(said.stdout.split()), said
