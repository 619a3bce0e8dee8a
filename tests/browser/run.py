#!/usr/bin/env python3
"""Lets hostile pages at kew in a real Chromium: nothing may be read, and nothing may change.

The binary is $KEW_BIN, else target/release/kew. Standard library only.

Two pages try every way that a page has (page.html): one from a foreign origin, at each name and address that kew may
have; and one whose own name is pointed at kew once it is loaded (DNS rebinding), so that kew is the page's own origin
for the browser. That the ways are ways is shown first: against a kew that allows these pages each of them works.
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
KEW = os.environ.get("KEW_BIN") or str(HERE.parent.parent / "target/release/kew")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# The whole of a page's attempts, most of which take milliseconds.
REPORT_SECONDS = 300
SECRET = "secret of somebody else"
# The page comes from here, and the rebound page from there.
ATTACKER, REBOUND = "attacker.example", "evil.example"
# A name of a container network, and a public one that points at kew without being known to it.
SHORT, FOREIGN = "sqs", "kew.example"
# These ways are none: a body of another kind is no SQS request, and HEAD does nothing.
POWERLESS = {"form post multipart", "form post text", "fetch head no-cors"}


class Pages(http.server.ThreadingHTTPServer):
    """Serves the hostile page, and takes what it reports."""

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.asked, self.ready, self.reported = threading.Event(), threading.Event(), threading.Event()
        self.report = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/ready":
            self.server.asked.set()
            self.server.ready.wait(REPORT_SECONDS)
            return self.answer(b"", "text/plain")
        self.answer((HERE / "page.html").read_bytes(), "text/html")

    def do_POST(self):
        self.server.report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(b"", "text/plain")
        self.server.reported.set()

    def log_message(self, *_):
        pass


def lan_address():
    """An address of this machine that is not loopback, if it has one. Nothing is sent."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return None


def has_ipv6():
    with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
        try:
            probe.bind(("::1", 0))
            return True
        except OSError:
            return False


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def kew(port, *flags):
    """A kew on all addresses, with one message."""
    listen = ["--listen", f"0.0.0.0:{port}"] + (["--listen", f"[::1]:{port}"] if has_ipv6() else [])
    command = [KEW, *listen, "--queue", "q", "--log", "error", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            if "Ready." in line:
                break
        else:
            sys.exit("kew did not start")
        ask(port, Action="SendMessage", MessageBody=SECRET)
        yield
    finally:
        process.terminate()
        process.wait()


def ask(port, **parameters):
    """What any program can ask, in the Query protocol; the answer as text."""
    body = urllib.parse.urlencode({"QueueUrl": "q", **parameters}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", body) as answer:
        return answer.read().decode()


def messages(port):
    """All bodies in the queue, and how often each was received before."""
    found = []
    while True:
        text = ask(port, Action="ReceiveMessage", MaxNumberOfMessages=10, VisibilityTimeout=600,
                   **{"AttributeName.1": "ApproximateReceiveCount"})
        parts = text.split("<Message>")[1:]
        if not parts:
            return found
        for part in parts:
            body = part.split("<Body>")[1].split("</Body>")[0]
            found.append((body, int(part.split("<Value>")[1].split("</Value>")[0]) - 1))


@contextlib.contextmanager
def browser(url, ports):
    rules = ", ".join(f"MAP {name} 127.0.0.1" for name in (ATTACKER, REBOUND, SHORT, FOREIGN))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--disable-dev-shm-usage", f"--user-data-dir={profile}", f"--host-resolver-rules={rules}",
                   # Chromium's own prompt before requests to local networks is not what is tested, and others lack it.
                   "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,HttpsUpgrades",
                   "--explicitly-allowed-ports=" + ",".join(map(str, ports)), url]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, **silent, start_new_session=True)
        try:
            yield
        finally:
            # It is a group of processes, all of which write to the profile.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def attack(targets, port, rebound, flags=()):
    """Runs the page in a browser. What it reports, and what is in the queue afterwards."""
    control = Pages()
    address = f"http://{ATTACKER}:{control.server_port}"
    # The rebound page comes from kew's own port, before kew is there.
    first = Pages(port) if rebound else None
    origin = f"http://{REBOUND}:{port}" if rebound else address
    told = {"report": f"{address}/report", "ready": f"{address}/ready", "targets": targets}
    url = f"{origin}/#{urllib.parse.quote(json.dumps(told))}"
    with contextlib.ExitStack() as stack:
        stack.callback(control.end)
        stack.enter_context(browser(url, [port, control.server_port]))
        if first:
            # The page asks whether it may begin, so it is loaded.
            if not control.asked.wait(REPORT_SECONDS):
                sys.exit("the page was not loaded")
            first.end()
        stack.enter_context(kew(port, *flags))
        control.ready.set()
        if not control.reported.wait(REPORT_SECONDS):
            sys.exit("the page did not report")
        return control.report, messages(port)


def check(wrong, condition, text):
    if not condition:
        wrong.append(text)


def judge(name, report, found, own=()):
    """What went wrong where nothing may be read or changed."""
    wrong = [f"sent by {body!r}" for body, _ in found if body != SECRET]
    untouched = [count for body, count in found if body == SECRET] == [0]
    check(wrong, untouched, f"the message was received or deleted: {found}")
    for answer in report["read"]:
        # A page may read that it was refused, where the browser holds kew for its own.
        refused = answer["type"] == "opaque" or answer["base"] in own and answer["status"] == 403
        check(wrong, refused and SECRET not in answer["text"], f"read: {answer}")
    wrong += [f"did not end: {way}" for way in report["late"]]
    return [f"{name}: {text}" for text in wrong]


def judge_control(name, report, found, targets, must_read):
    """What went wrong where everything is allowed: a way that does not work shows nothing."""
    ways = {body.rsplit("/", 1)[-1].split(" ", 1)[-1] for body, _ in found}
    sent = {body for body, _ in found}
    all_ways = [line.split("'")[1] for line in (HERE / "page.html").read_text().splitlines() if line.startswith("  '")]
    wrong = []
    for target in targets:
        for way in all_ways:
            works = f"{target} {way}" in sent
            check(wrong, works != (way in POWERLESS), f"{target} {way}: {'works' if works else 'does not work'}")
    secrets = {answer["way"] for answer in report["read"] if SECRET in answer["text"]}
    check(wrong, must_read <= secrets, f"only {sorted(secrets)} read the message")
    check(wrong, len(ways) > 20, f"only {sorted(ways)}")
    return [f"{name}: {text}" for text in wrong]


def main():
    if CHROMIUM is None:
        sys.exit("missing: chromium (apt-get install chromium)")
    port = free_port()
    hosts = ["127.0.0.1", "localhost", SHORT, FOREIGN] + ["[::1]"] * has_ipv6() + [a for a in [lan_address()] if a]
    targets = [f"http://{host}:{port}" for host in hosts]
    own = [f"http://{REBOUND}:{port}"]
    allowed = ["--cors", "*", "--allow-host", FOREIGN, "--allow-host", REBOUND]
    readable = {"fetch", "fetch without referrer", "fetch post", "fetch as another agent", "fetch signed"}
    wrong = []
    report, found = attack(targets, port, False, allowed)
    wrong += judge_control("foreign page, allowed", report, found, targets, readable)
    report, found = attack(own, port, True, allowed)
    wrong += judge_control("rebound page, allowed", report, found, own, readable)
    print(f"{report['agent']}\n{len(targets)} names and addresses: {', '.join(hosts)}")
    report, found = attack(targets, port, False)
    wrong += judge("foreign page", report, found)
    report, found = attack(own + targets, port, True)
    wrong += judge("rebound page", report, found, own)
    print("\n".join(wrong) or "Nothing was read, and nothing changed.")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
