"""Debian's package: installed by dpkg into a Debian that holds only what every Debian holds, used, removed without a trace."""

import pathlib
import re
import shlex
import shutil
import subprocess

import use

CLEAN = "Debian stable (debootstrap, minimal)"
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Worse is 10; a service without any hardening has 9.6.
EXPOSURE_MAX = 1.2
# Whom systemd would make up for the service.
NOBODY = "65534:65534"
# The units that the service refers to, which a Debian without systemd does not have.
STUBS = {f"./usr/lib/systemd/system/{name}.target" for name in ("sysinit", "basic", "shutdown", "network", "multi-user")}


def debian():
    """A minimal Debian, fetched once."""
    root = ROOT / "target" / "debian"
    if not (root / "fetched").exists():
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", "stable", root], check=True, stdout=subprocess.DEVNULL)
        (root / "fetched").touch()
    return root


def files(root):
    """All of it but the lists of packages and the log of dpkg."""
    found = subprocess.run(["find", ".", "-path", "./proc", "-prune", "-o", "!", "-type", "d", "-print"], cwd=root, check=True,
                           stdout=subprocess.PIPE, text=True)
    return {name for name in found.stdout.split("\n") if not re.match(r"\./var/(lib/dpkg|log|cache)/", name)}


def test(package):
    root = package.scratch / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", debian(), root], check=True)
    before = files(root)
    shutil.copy(package.file, root / "kew.deb")
    inside = ["/usr/sbin/chroot", str(root)]
    subprocess.run([*inside, "dpkg", "--install", "/kew.deb"], check=True, stdout=subprocess.DEVNULL)
    (root / "kew.deb").unlink()
    brought = files(root) - before
    for part in ("bin/kew", "man/man1/kew.1.gz", "man/man1/kew-healthcheck.1.gz", "completions/kew", "vendor-completions/_kew",
                 "vendor_completions.d/kew.fish", "system/kew.service", "etc/kew/kew.toml", "doc/kew/copyright"):
        assert any(name.endswith("/" + part) for name in brought), f"no {part} in {sorted(brought)}"
    enabled = root / "etc/systemd/system/multi-user.target.wants/kew.service"
    assert enabled.is_symlink(), "the service is not enabled"
    assert use.use([*inside, "/usr/bin/kew"]) == package.version
    completes(inside)
    as_a_service(root, inside)
    exposure(root)
    subprocess.run([*inside, "dpkg", "--purge", "kew"], check=True, stdout=subprocess.DEVNULL)
    left = files(root) - before - STUBS
    # What kew has kept is not the package's to delete.
    assert all(name.startswith("./var/lib/kew/") for name in left), left


def completes(inside):
    script = """source /usr/share/bash-completion/completions/kew
COMP_WORDS=(kew healthc) COMP_CWORD=1
_kew kew healthc kew
echo "${COMPREPLY[*]}" """
    said = subprocess.run([*inside, "bash", "-c", script], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert said == "healthcheck\n", said


def as_a_service(root, inside):
    """What the unit starts, with the configuration that was installed, as a user who may do nothing."""
    unit = (root / "usr/lib/systemd/system/kew.service").read_text()
    command = shlex.split(re.search(r"^ExecStart=(.*)$", unit, re.M)[1])
    data = root / "var/lib/kew"
    data.mkdir(mode=0o700)
    shutil.chown(data, *map(int, NOBODY.split(":")))
    as_nobody = ["/usr/sbin/chroot", f"--userspec={NOBODY}", str(root)]
    # The port of the configuration might be taken here.
    with use.started([*as_nobody, *command, "--listen", "127.0.0.1:0"]) as port:
        use.send_and_receive(port)
    assert (data / "kew.sqlite3").exists()


def exposure(root):
    """What systemd says of the unit's hardening."""
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--root={root}", "--no-pager", "kew.service"],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
    level = re.search(r"Overall exposure level for kew.service: ([\d.]+) (\w+)", said)
    print(level[0])
    assert float(level[1]) <= EXPOSURE_MAX, said
    for name in STUBS:
        (root / name).write_text("[Unit]\n")
    subprocess.run(["systemd-analyze", "verify", "--man=no", f"--root={root}", "kew.service"], check=True)
