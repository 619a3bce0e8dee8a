"""Several kews over one PostgreSQL of this machine, behind a balancer: to be used in the place of one kew."""

import glob
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from balancer import Balancer

SECRET = "compat-compat-compat"
NOBODY = 65534


def programs():
    """The directory of the newest PostgreSQL's programs."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]))
    named = os.environ.get("KEW_POSTGRES")
    if not named and not found:
        raise RuntimeError("there is no PostgreSQL: `make postgres` installs it")
    return Path(named or found[-1])


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Postgres:
    """A PostgreSQL with nothing in it, in a directory that goes with it."""

    def __init__(self, more="-c fsync=off"):
        self.folder = Path(tempfile.mkdtemp(prefix="kew-postgres-"))
        self.port = free_port()
        # It refuses root.
        self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if self.user:
            os.chown(self.folder, NOBODY, NOBODY)
        data = self.folder / "data"
        self.run("initdb", "--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "-U", "kew", "-D", data)
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= {more}"
        self.run("pg_ctl", "-D", data, "-o", options, "-l", self.folder / "log", "-w", "start")
        self.url = f"postgres://kew@127.0.0.1:{self.port}/postgres"

    def run(self, program, *arguments):
        done = subprocess.run(
            [programs() / program, *arguments],
            cwd=self.folder,
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **self.user,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")

    def stop(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class Nodes:
    """So many kews; `url` is that of the balancer. `start` starts one kew with these arguments and a log of this name."""

    def __init__(self, count, start):
        self.postgres = Postgres()
        self.kews = []
        self.balancer = None
        try:
            for number in range(count):
                peer = f"http://127.0.0.1:{free_port()}"
                arguments = ["--data", self.postgres.url, "--peer", peer, "--cluster-secret", SECRET]
                self.kews.append(start(arguments, f"kew-{number + 1}.log"))
            places = [kew.url.removeprefix("http://").split(":") for kew in self.kews]
            self.balancer = Balancer([(host, int(port)) for host, port in places])
        except BaseException:
            self.stop()
            raise
        self.url = self.balancer.url

    def stop(self):
        """Ends all, and returns what is wrong with the way one ended, or None."""
        if self.balancer:
            self.balancer.stop()
            if min(self.balancer.counts.values()) == 0 and sum(self.balancer.counts.values()) > len(self.kews):
                return "a node got no request"
        problems = [kew.stop() for kew in self.kews]
        self.postgres.stop()
        return next((problem for problem in problems if problem), None)
