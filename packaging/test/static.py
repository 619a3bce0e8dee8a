"""The static binary in a directory tree that holds nothing else: no libc, no /etc, no /tmp, no /dev, no name service."""

import os
import subprocess
import tarfile

import use

CLEAN = "chroot into an empty directory"


def inside(root):
    """The words before a command that is to see `root` as its whole file system; needs no root where users may make namespaces."""
    return ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), f"--root={root}", "--"]


def test(package):
    with tarfile.open(package.file) as archive:
        archive.extractall(package.scratch, filter="data")
    [unpacked] = package.scratch.iterdir()
    kept = {entry.name for entry in unpacked.iterdir()}
    assert {"kew", "LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-NOTICES.txt", "README.md", "manual"} <= kept, kept
    root = package.scratch / "root"
    root.mkdir()
    (unpacked / "kew").rename(root / "kew")
    kew = [*inside(root), "/kew"]
    assert use.use(kew, env={}) == package.version
    by_name_and_on_disk(kew, root)


def by_name_and_on_disk(kew, root):
    """A data directory that kew makes itself, and an address by name; what was sent is there after a restart."""
    serve = [*kew, "--listen", "localhost:0", "--data", "/data", "--queue", "kept"]
    with use.started(serve, env={}, stderr=subprocess.DEVNULL) as port:
        url = use.client(port).get_queue_url(QueueName="kept")["QueueUrl"]
        use.client(port).send_message(QueueUrl=url, MessageBody="still there")
    subprocess.run([*kew, "check", "--data", "/data"], check=True, env={})
    with use.started(serve, env={}, stderr=subprocess.DEVNULL) as port:
        url = use.client(port).get_queue_url(QueueName="kept")["QueueUrl"]
        [message] = use.client(port).receive_message(QueueUrl=url)["Messages"]
        assert message["Body"] == "still there"
    assert {entry.name for entry in root.iterdir()} == {"kew", "data"}
