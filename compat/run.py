#!/usr/bin/env python3
"""Runs other people's SQS clients, unmodified, against kew and writes the matrix in README.md.

    compat/run.py                     every client
    ONLY=go-v2,article compat/run.py  some of them; the other rows of the matrix stay
    EXCEPT=boto3 compat/run.py        all but some
    compat/run.py --core              those with `core = true`, which CI runs on every change
    compat/run.py --list              their ids
    compat/run.py --data              gives each kew a data directory, to show that it changes nothing
    compat/run.py --signed            gives each kew a credentials file: every request is verified
    compat/run.py --nodes 3           three kews over one PostgreSQL in the place of one, each request to another of them
    compat/run.py --no-matrix         leaves README.md as it is
    compat/run.py --install-apt       may install missing Debian packages (CI=true implies it); needs root

Each client gets a fresh kew on a free port and finds it by the environment alone. The binary is $KEW_BIN, else
the newest of target/release/kew and target/debug/kew. Logs are kept in target/compat/<id>/. Standard library only.
"""

import argparse
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from nodes import Nodes

COMPAT = Path(__file__).resolve().parent
ROOT = COMPAT.parent
README = COMPAT / "README.md"
LOGS = ROOT / "target" / "compat"
MATRIX_BEGIN = "<!-- matrix: written by run.py, do not edit -->"
MATRIX_END = "<!-- end of matrix -->"

READY_SECONDS = 20
STOP_SECONDS = 10
SETUP_SECONDS = 30 * 60
RUN_SECONDS = 5 * 60

CI = os.environ.get("CI", "").lower() in ("1", "true")


@dataclass
class Client:
    """One folder with a client.toml."""

    id: str
    folder: Path
    title: str
    version: str
    protocol: str
    kind: str = ""
    exercises: str = ""
    needs: tuple = ()
    apt: tuple = ()
    core: bool = False
    reenacted: bool = False  # code of ours does what the client does, because the client itself could not be fetched
    kew: tuple = ()
    expected_failures: tuple = ()
    timeout_seconds: int = RUN_SECONDS

    @property
    def name(self):
        return self.title + (" (re-enacted)" if self.reenacted else "")

    @classmethod
    def load(cls, folder):
        values = tomllib.loads((folder / "client.toml").read_text())
        try:
            client = cls(id=folder.name, folder=folder, **values)
        except TypeError as error:
            sys.exit(f"{folder.name}/client.toml: {error}")
        for step in ("setup.sh", "run.sh"):
            if not client.script(step).is_file():
                sys.exit(f"{folder.name}: no {step}, neither in the folder nor in that of its kind, _{client.kind}/")
        return client

    def script(self, step):
        """The folder's own script for this step, else the one of its kind. Either runs in the client's folder."""
        own = self.folder / step
        return own if own.is_file() else COMPAT / f"_{self.kind}" / step


@dataclass
class Outcome:
    """One row's last two cells. `ok` is None when the client was not run."""

    ok: bool | None
    result: str
    time: str = ""


def load_clients():
    folders = sorted(path.parent for path in COMPAT.glob("*/client.toml"))
    return [Client.load(folder) for folder in folders]


def select(clients, core_only):
    def named(variable):
        ids = {word for word in re.split(r"[,\s]+", os.environ.get(variable, "")) if word}
        unknown = ids - {client.id for client in clients}
        if unknown:
            sys.exit(f"{variable} names no such client: {', '.join(sorted(unknown))}")
        return ids

    only, left_out = named("ONLY"), named("EXCEPT")
    wanted = [c for c in clients if (not only or c.id in only) and (not core_only or c.core)]
    chosen = [c for c in wanted if c.id not in left_out]
    return chosen or sys.exit("ONLY, EXCEPT and --core together leave no client to run")


# --- kew ------------------------------------------------------------------------------------------------------


def find_kew():
    if "KEW_BIN" in os.environ:
        binary = Path(os.environ["KEW_BIN"]).resolve()
        return binary if binary.is_file() else sys.exit(f"KEW_BIN={binary} is not a file")
    built = [path for path in (ROOT / "target/release/kew", ROOT / "target/debug/kew") if path.is_file()]
    if not built:
        sys.exit("no kew binary: run `cargo build --release` or set KEW_BIN")
    return max(built, key=lambda path: path.stat().st_mtime)


class Kew:
    """A running kew on a free port; `url` is where it listens."""

    def __init__(self, binary, arguments, log_path, environment=None):
        self.log = open(log_path, "w")
        self.process = subprocess.Popen(
            [binary, "--listen", "127.0.0.1:0", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=clean_environment() | (environment or {}),
        )
        self.ready = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.url = self.ready.get(timeout=READY_SECONDS)
        except queue.Empty:
            self.url = None
        if self.url is None:
            self.process.kill()
            raise RuntimeError(f"kew printed no line with `Ready.` and a URL within {READY_SECONDS} s")

    def _read(self):
        for line in self.process.stdout:
            self.log.write(line)
            self.log.flush()
            url = re.search(r"https?://[^\s\"']*[^\s\"'.,/]", line)
            if "Ready." in line and url:
                self.ready.put(url.group())
        self.ready.put(None)

    def stop(self):
        """Asks kew to end and returns what is wrong with the way it ended, or None."""
        if self.process.poll() is not None:
            return f"kew ended by itself with exit code {self.process.returncode}"
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return f"kew did not end within {STOP_SECONDS} s of SIGTERM"
        return None if code == 0 else f"kew ended with exit code {code} after SIGTERM"


# --- running one client ---------------------------------------------------------------------------------------


def clean_environment():
    """The caller's environment without anything that could lead an AWS client elsewhere."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KEW_"))}
    environment["AWS_CONFIG_FILE"] = environment["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [environment[name]] if environment.get(name) else []
        environment[name] = ",".join([*hosts, "127.0.0.1", "localhost"])
    return environment


def client_environment(url):
    return clean_environment() | {
        "KEW_URL": url,
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_SQS": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def run_script(client, step, environment, log_path, seconds):
    """Runs one of a client's scripts in a process group of its own; returns what went wrong, or None."""
    with open(log_path, "w") as log:
        process = subprocess.Popen(
            ["bash", client.script(step)],
            cwd=client.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
            problem = None if code == 0 else f"{step} ended with exit code {code}"
        except subprocess.TimeoutExpired:
            problem = f"{step} took longer than {seconds} s"
            end_group(process, signal.SIGTERM)
            time.sleep(STOP_SECONDS / 2)
        end_group(process, signal.SIGKILL)  # whatever the script left behind
        process.wait()
        return problem


def end_group(process, signal_number):
    try:
        os.killpg(process.pid, signal_number)
    except ProcessLookupError:
        pass


def package_missing(package):
    if not shutil.which("dpkg-query"):
        return True
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True).stdout != "installed"


def install_packages(packages):
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *command], env=environment, stdout=subprocess.DEVNULL)


def what_is_missing(client, may_install):
    """The first command or package that this client needs and the machine lacks, or None."""
    missing = [package for package in client.apt if package_missing(package)]
    if missing and may_install and os.geteuid() == 0 and shutil.which("apt-get"):
        install_packages(missing)
        missing = [package for package in missing if package_missing(package)]
    lacking = [command for command in client.needs if not shutil.which(command)]
    return next(iter(missing + lacking), None)


def credentials_file(folder):
    """A file with the key of `client_environment`, which only this user can read."""
    path = folder / "credentials"
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("[compat]\naws_access_key_id = test\naws_secret_access_key = test\n")
    return path


def run_client(client, binary, may_install, durable, signed, nodes):
    missing = what_is_missing(client, may_install)
    if missing:
        return Outcome(None, f"not run: no {missing}")
    logs = LOGS / client.id
    logs.mkdir(parents=True, exist_ok=True)
    problem = run_script(client, "setup.sh", clean_environment(), logs / "setup.log", SETUP_SECONDS)
    if problem:
        report(client, problem, logs / "setup.log")
        return Outcome(False, "**fail**: set-up")
    data = logs / "data"
    shutil.rmtree(data, ignore_errors=True)
    arguments = [*client.kew, *(["--data", data] if durable else [])]
    arguments += ["--credentials", credentials_file(logs)] if signed else []
    try:
        if nodes:
            own_log = logs / "kew-1.log"
            kew = Nodes(nodes, lambda more, log: Kew(binary, [*arguments, *more], logs / log))
        else:
            own_log = logs / "kew.log"
            kew = Kew(binary, arguments, own_log)
    except RuntimeError as error:
        report(client, str(error), *logs.glob("kew*.log"))
        return Outcome(False, "**fail**: kew does not start")
    started = time.monotonic()
    problem = run_script(client, "run.sh", client_environment(kew.url), logs / "run.log", client.timeout_seconds)
    seconds = time.monotonic() - started
    stopped = kew.stop()
    if problem or stopped:
        report(client, problem or stopped, logs / "run.log", own_log)
        return Outcome(False, "**fail**", f"{seconds:.0f} s")
    return Outcome(True, "pass", f"{seconds:.0f} s")


def report(client, problem, *logs):
    print(f"\n--- {client.id}: {problem}")
    for log in logs:
        print(f"--- the end of {log.relative_to(ROOT)}")
        for line in log.read_text(errors="replace").splitlines()[-40:]:
            print(line[:400])


# --- the matrix -----------------------------------------------------------------------------------------------


def old_outcomes():
    """Results and times that the README holds already, by client id."""
    rows = re.findall(r"^\| \[[^\]]*\]\(([^)/]+)/?\) \|(.*)\|$", README.read_text(), re.MULTILINE)
    cells = {id: [cell.strip() for cell in rest.split(" | ")] for id, rest in rows}
    return {id: Outcome(None, row[-2], row[-1]) for id, row in cells.items()}


def matrix(clients, outcomes):
    reenacted = sum(c.reenacted for c in clients)
    lines = [f"{len(clients) - reenacted} clients, unmodified, and {reenacted} re-enacted.", ""]
    lines += ["| client | version | protocol | exercised | result | time |", "|---|---|---|---|---|---|"]
    for c in sorted(clients, key=lambda c: (c.title.lower(), c.version)):
        outcome = outcomes.get(c.id, Outcome(None, "not run yet"))
        cells = [f"[{c.name}]({c.id}/)", c.version, c.protocol, c.exercises, outcome.result, outcome.time]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    honest = [(c, sentence) for c in clients for sentence in c.expected_failures]
    if honest:
        lines += ["", "What cannot work, whatever the server does:", ""]
        lines += [f"- [{c.name} {c.version}]({c.id}/): {sentence}" for c, sentence in honest]
    return "\n".join(lines)


def write_matrix(clients, outcomes):
    """Rows of this run are new; the others stay as they are in the README now."""
    outcomes = old_outcomes() | outcomes
    head, _, rest = README.read_text().partition(MATRIX_BEGIN)
    _, _, tail = rest.partition(MATRIX_END)
    README.write_text(f"{head}{MATRIX_BEGIN}\n{matrix(clients, outcomes)}\n{MATRIX_END}{tail}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", action="store_true", help="only the clients that CI runs on every change")
    parser.add_argument("--install-apt", action="store_true", help="install missing Debian packages")
    parser.add_argument("--data", action="store_true", help="give each kew a data directory")
    parser.add_argument("--signed", action="store_true", help="give each kew a credentials file, and leave README.md as it is")
    parser.add_argument("--nodes", type=int, default=0, help="so many kews over one PostgreSQL, and leave README.md as it is")
    parser.add_argument("--no-matrix", action="store_true", help="leave README.md as it is")
    parser.add_argument("--list", action="store_true", help="print the ids of the clients and stop")
    options = parser.parse_args()

    clients = load_clients()
    chosen = select(clients, options.core)
    if options.list:
        print("\n".join(client.id for client in chosen))
        return 0

    binary = find_kew()
    outcomes = {}
    for client in chosen:
        print(f"{client.id:<24} ", end="", flush=True)
        outcomes[client.id] = outcome = run_client(client, binary, options.install_apt or CI, options.data, options.signed, options.nodes)
        print(f"{outcome.result} {outcome.time}", flush=True)
        if not (options.no_matrix or options.signed or options.nodes):
            write_matrix(clients, outcomes)
    passed = [id for id, outcome in outcomes.items() if outcome.ok]
    failed = [id for id, outcome in outcomes.items() if outcome.ok is False]
    not_run = [id for id, outcome in outcomes.items() if outcome.ok is None]
    for what, ids in (("passed", passed), ("failed", failed), ("not run", not_run)):
        print(f"{what}: {len(ids)}" + (f" ({', '.join(ids)})" if ids and ids is not passed else ""))
    # A row that was named, and any row on CI, must have been run.
    return 1 if failed or (not_run and (CI or os.environ.get("ONLY"))) else 0


if __name__ == "__main__":
    sys.exit(main())
