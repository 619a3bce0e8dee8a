#!/usr/bin/env python3
"""Measures kew beside the floor, a hyper server that does nothing, and prints the table of budgets (docs: benches/README.md).

    python3 benches/run.py            all of it, about five minutes after the build
    python3 benches/run.py --quick    fewer rounds and smaller queues, about one minute
    python3 benches/run.py cycle      only the parts whose name holds the word

Floor and kew take turns in short runs, and the median of the ratios counts: that way most of what else happens on the machine
happens to both. A budget that is not met is marked, and that is all: times on a busy machine prove nothing.
"""

import argparse
import contextlib
import itertools
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection

ROOT = pathlib.Path(__file__).resolve().parent.parent
BODY = 256
MIB = 1024 * 1024


class Server:
    """A process that listens on a port of its own."""

    def __init__(self, command, descriptors=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        limit = None
        if descriptors:
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [str(part) for part in command] + ["--listen", self.address],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=limit,
        )

    def wait(self):
        """Seconds from the start of the process to its first answer."""
        host, port = self.address.split(":")
        while True:
            try:
                with socket.create_connection((host, int(port)), 5) as stream:
                    stream.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                    if stream.recv(64):
                        return time.perf_counter() - self.began
            except ConnectionError:
                if self.process.poll() is not None:
                    sys.exit(f"{self.process.args[0]} ended with {self.process.returncode}")
                time.sleep(0.0002)

    def resident_mib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        self.wait()
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Bench:
    def __init__(self, arguments, programs):
        self.quick = arguments.quick
        self.kew, self.load_program = programs
        self.rows = []

    def server(self, *options, **more):
        return Server([self.kew, *options], **more)

    def floor(self, layout="per-core"):
        return Server([self.load_program, "floor", "--layout", layout])

    def load(self, server, work, *options, seconds=1.0, warm_up=0.2):
        command = [self.load_program, work, "--endpoint", server.address, "--pid", server.process.pid, "--json"]
        command += ["--seconds", seconds, "--warm-up", warm_up, *options]
        out = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if out.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}: {out.stderr}")
        result = json.loads(out.stdout)
        if result["errors"]:
            print(f"  {result['errors']} errors: {work} {' '.join(map(str, options))}", flush=True)
        return result

    def row(self, what, measured, budget, met):
        self.rows.append((what, measured, budget, "yes" if met else "NO"))
        print(f"  {what}: {measured} (budget: {budget}) {'' if met else '<-- not met'}", flush=True)

    def in_turn(self, runs, rounds):
        """Runs all, again and again, back and forth; a list of results for each."""
        results = [[] for _ in runs]
        for number in range(rounds):
            order = range(len(runs))
            for index in order if number % 2 == 0 else reversed(order):
                results[index].append(runs[index]())
        return results


def ratio(above, below, key="cpu_us_per_request", key_below=None):
    return statistics.median(a[key] / b[key_below or key] for a, b in zip(above, below))


def median(results, key="cpu_us_per_request"):
    return statistics.median(result[key] for result in results)


def cycle(bench):
    """CPU per request against the floor, per message in batches, Query against JSON, many queues, many in flight."""
    rounds = 4 if bench.quick else 10
    with contextlib.ExitStack() as stack:
        per_core, shared = stack.enter_context(bench.floor()), stack.enter_context(bench.floor("shared"))
        kew, crowded, many = (stack.enter_context(bench.server()) for _ in range(3))
        # One run each for what has to be set up first; the queues and what is in flight stay.
        in_flight, queues = (20_000, 1_000) if bench.quick else (100_000, 10_000)
        runs = [
            lambda: bench.load(per_core, "raw"),
            lambda: bench.load(shared, "raw"),
            lambda: bench.load(kew, "cycle"),
            lambda: bench.load(kew, "cycle-batch"),
            lambda: bench.load(kew, "cycle", "--protocol", "query"),
        ]
        floor, multi, json_cycle, batch, query = bench.in_turn(runs, rounds)
        print(f"  floor {median(floor):.2f} us a request; on one runtime for all threads {median(multi):.2f}", flush=True)
        of_floor, of_shared = ratio(json_cycle, floor), ratio(json_cycle, multi)
        text = f"{of_floor:.2f} x floor ({median(json_cycle):.2f} us; {of_shared:.2f} x the floor on one shared runtime)"
        bench.row("cycle, CPU per request", text, "1.25 x", of_floor <= 1.25)
        of_message = ratio(batch, floor, "cpu_us_per_message", "cpu_us_per_request")
        text = f"{of_message:.2f} x floor ({median(batch, 'cpu_us_per_message'):.2f} us)"
        bench.row("batch of ten, CPU per message", text, "0.6 x", of_message <= 0.6)
        of_json = ratio(query, json_cycle)
        bench.row("Query protocol against JSON", f"{of_json:.2f} x ({median(query):.2f} us)", "1.5 x", of_json <= 1.5)
        runs = [
            lambda: bench.load(kew, "cycle"),
            lambda: bench.load(many, "cycle", "--queues", queues),
            lambda: bench.load(crowded, "cycle", "--in-flight", in_flight, "--purge"),
        ]
        few, spread, hidden = bench.in_turn(runs, 2 if bench.quick else 4)
        bench.row(f"{queues:,} queues against one", f"{ratio(spread, few):.2f} x", "1.1 x", ratio(spread, few) <= 1.1)
        text = f"{ratio(hidden, few):.2f} x"
        bench.row(f"{in_flight:,} messages in flight against none", text, "1.1 x", ratio(hidden, few) <= 1.1)


def connections(bench):
    """The cycle with few and with many connections, against floors of both layouts. For choosing a layout; no budget."""
    with contextlib.ExitStack() as stack:
        servers = [bench.floor(), bench.floor("shared"), bench.server()]
        servers = [stack.enter_context(server) for server in servers]
        for count in (4, 32, 1000):
            works = ("raw", "raw", "cycle")
            runs = [
                lambda server=server, work=work: bench.load(server, work, "--connections", count)
                for server, work in zip(servers, works)
            ]
            costs = [median(results) for results in bench.in_turn(runs, 3 if bench.quick else 6)]
            print("  {:5} connections: floor {:.2f} us, shared {:.2f} us, kew {:.2f} us a request".format(count, *costs))


def depth(bench):
    """Cost per message of emptying a deep queue, a shallow one, and one of many message groups."""
    deep, groups = (200_000, 20_000) if bench.quick else (1_000_000, 100_000)
    key = "cpu_us_per_message"
    with bench.server() as kew:
        def shallow():
            # Too short each for the clock of a process, so many of them.
            results = [bench.load(kew, "drain", "--backlog", 10_000) for _ in range(10)]
            return {key: statistics.median(result[key] for result in results)}

        runs = [
            shallow,
            lambda: bench.load(kew, "drain", "--backlog", deep),
            lambda: bench.load(kew, "drain", "--backlog", deep, "--fifo", "--groups", groups),
        ]
        little, much, fifo = bench.in_turn(runs, 2 if bench.quick else 3)
        text = f"{ratio(much, little, key):.2f} x ({median(much, key):.2f} against {median(little, key):.2f} us)"
        bench.row(f"drain of {deep:,} against 10,000, per message", text, "1.1 x", ratio(much, little, key) <= 1.1)
        text = f"{ratio(fifo, much, key):.2f} x ({median(fifo, key):.2f} us)"
        bench.row(f"FIFO with {groups:,} groups against standard", text, "1.3 x", ratio(fifo, much, key) <= 1.3)


def memory(bench):
    """Memory of a queued message, and what is given back."""
    deep = 200_000 if bench.quick else 1_000_000
    with bench.server() as kew:
        result = bench.load(kew, "fill", "--backlog", deep, "--purge")
        beside = (result["after_mib"] - result["empty_mib"]) * MIB / deep - BODY
        text = f"{beside:.0f} bytes ({result['after_mib']:.0f} MiB in all)"
        bench.row(f"memory of a message beside its body, {deep:,} queued", text, "150 bytes", beside <= 150)
        text = f"{result['purged_mib']:.1f} MiB are left"
        bench.row("memory after a purge", text, "given back", result["purged_mib"] <= 32)
    with bench.server() as kew:
        result = bench.load(kew, "drain", "--backlog", deep)
        text = f"{result['before_mib']:.0f} MiB, then {result['after_mib']:.1f} MiB"
        bench.row("memory before and after a drain", text, "given back", result["after_mib"] <= result["before_mib"] / 4)


def polls(bench):
    """Many parked long polls: memory, CPU, the time from send to receipt, and whose turn it is."""
    pollers = 2_000 if bench.quick else 10_000
    seconds = 3 if bench.quick else 8
    # As most systems start processes: kew has to raise its own limit of open files.
    with bench.server(descriptors=1024) as kew:
        options = ("--pollers", pollers, "--queues", 100, "--rate", 500)
        result = bench.load(kew, "long-poll", *options, seconds=seconds, warm_up=2)
        what = f"{pollers:,} parked long polls"
        bench.row(f"{what}: CPU while idle", f"{result['idle_cpu_percent']:.2f} % of a core", "none", result["idle_cpu_percent"] < 0.5)
        bench.row(f"{what}: memory", f"{result['before_mib']:.0f} MiB", "300 MB", result["before_mib"] * MIB <= 300e6)
        text = f"p50 {result['p50_us'] / 1000:.2f} ms, p99 {result['p99_us'] / 1000:.2f} ms"
        bench.row(f"{what}: send to receipt at 500 messages/s", text, "p99 2 ms", result["p99_us"] <= 2000)
    with bench.floor() as floor:
        result = bench.load(floor, "raw", "--connections", 1, seconds=3)
        print(f"  for comparison, one connection to the floor: p99 {result['p99_us'] / 1000:.2f} ms", flush=True)
    with bench.server() as kew:
        result = bench.load(kew, "long-poll", "--pollers", 1000, "--rate", 1000, seconds=4, warm_up=1)
        least, most = int(result["served_min"]), int(result["served_max"])
        bench.row("1,000 pollers on one queue: messages each", f"{least} to {most}", "in turn", most - least <= 1)


def http(address, method, path, body=b"", **headers):
    """A request on a connection of its own, sent; the answer is still to be read."""
    stream = socket.create_connection(address.split(":"), 30)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = [f"{method} {path} HTTP/1.1", f"host: {address}", "connection: close", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    stream.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return stream


def sqs(address, action, **members):
    headers = {"content_type": "application/x-amz-json-1.0", "x_amz_target": f"AmazonSQS.{action}"}
    return http(address, "POST", "/", json.dumps(members).encode(), **headers)


def whole(stream):
    with stream:
        return b"".join(iter(lambda: stream.recv(65536), b""))


def awaits(bench):
    """Open awaits of test control: from the change to the answer, and what many of them cost while nothing changes."""
    # At most 1,000 may be open.
    with bench.server("--queue", "one", "--queue", "many") as kew:
        for queue, words, waiting in (("one", "one await", 0), ("many", "990 others open on its queue", 990)):
            path = f"/_kew/await?queue={queue}&timeout=5m"
            others = [http(kew.address, "GET", f"{path}&deleted.min={n + 1}") for n in range(waiting)]
            times = []
            for number in range(50 if bench.quick else 300):
                stream = http(kew.address, "GET", f"{path}&visible={number + 1}")
                time.sleep(0.005)
                began = time.perf_counter()
                sent = sqs(kew.address, "SendMessage", QueueUrl=queue, MessageBody="x")
                answer = whole(stream)
                times.append((time.perf_counter() - began) * 1000)
                whole(sent)
                assert b'"met":true' in answer, answer
            p99 = sorted(times)[int(len(times) * 0.99)]
            text = f"p50 {statistics.median(times):.2f} ms, p99 {p99:.2f} ms"
            bench.row(f"await, {words}: from the send's first byte to its answer", text, "5 ms", p99 <= 5)
            if waiting:
                before, seconds = kew.cpu_seconds(), 2 if bench.quick else 5
                time.sleep(seconds)
                percent = (kew.cpu_seconds() - before) / seconds * 100
                bench.row(f"{waiting} open awaits: CPU while idle", f"{percent:.2f} % of a core", "none", percent < 0.5)
            [stream.close() for stream in others]


class Traffic(threading.Thread):
    """A message sent, received and deleted, again and again, in each queue in turn, so many requests a second on one connection."""

    def __init__(self, address, queues, rate):
        super().__init__(daemon=True)
        self.connection, self.queues, self.pause = HTTPConnection(address), queues, 3 / rate
        self.requests, self.ended = 0, threading.Event()

    def sqs(self, action, **members):
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonSQS.{action}"}
        self.connection.request("POST", "/", json.dumps(members), headers)
        self.requests += 1
        return json.loads(self.connection.getresponse().read() or "{}")

    def run(self):
        due = time.perf_counter()
        for queue in itertools.cycle(self.queues):
            if self.ended.is_set():
                return
            self.sqs("SendMessage", QueueUrl=queue, MessageBody="x" * BODY)
            for message in self.sqs("ReceiveMessage", QueueUrl=queue).get("Messages", []):
                self.sqs("DeleteMessage", QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            due += self.pause
            time.sleep(max(0, due - time.perf_counter()))


def console(bench):
    """What one open console costs a server whose thousand queues are all busy."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("  left out: it needs Playwright and chromium, as `make console-test` does", flush=True)
        return
    rounds, seconds = (3, 6) if bench.quick else (5, 20)
    queues = [f"queue-{number:04}" for number in range(1_000)]
    with bench.server() as kew, sync_playwright() as playwright:
        traffic = Traffic(kew.address, queues, 800)
        [traffic.sqs("CreateQueue", QueueName=queue) for queue in queues]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page, looks = browser.new_page(), []
        page.on("requestfinished", lambda request: looks.append(request) if "/_kew/" in request.url else None)
        traffic.start()

        def share(address):
            """Processor time of kew in percent of a core while the browser shows a page, and the requests a second beside it."""
            page.goto(address)
            page.wait_for_timeout(2000)
            looks.clear()
            cpu, requests, began = kew.cpu_seconds(), traffic.requests, time.perf_counter()
            page.wait_for_timeout(seconds * 1000)
            took = time.perf_counter() - began
            percent = (kew.cpu_seconds() - cpu) / took * 100
            return {"percent": percent, "rate": (traffic.requests - requests) / took, "looks": len(looks) / took}

        paths = ("queues", ""), ("metrics", "metrics"), ("activity", "activity")
        addresses = ["about:blank"] + [f"http://{kew.address}/_kew/ui/#/{path}" for _, path in paths]
        runs = [lambda address=address: share(address) for address in addresses]
        closed, *opened = bench.in_turn(runs, rounds)
        print(f"  without: {median(closed, 'percent'):.2f} % at {median(closed, 'rate'):.0f} requests a second", flush=True)
        for (name, _), results in zip(paths, opened):
            more = [one["percent"] - none["percent"] for one, none in zip(results, closed)]
            text = f"{statistics.median(more):.2f} % of a core ({min(more):.2f} to {max(more):.2f}; it asks {median(results, 'looks'):.2f} times a second)"
            bench.row(f"a console open at its page {name}, 1,000 busy queues", text, "2 %", statistics.median(more) <= 2)
        traffic.ended.set()
        traffic.join()
        browser.close()


def start(bench):
    """From nothing to the first answer."""
    times = []
    for _ in range(5 if bench.quick else 15):
        server = bench.server()
        times.append(server.wait() * 1000)
        server.__exit__()
    with bench.server() as kew:
        time.sleep(0.5)
        idle = kew.resident_mib() * MIB / 1e6
    size = bench.kew.stat().st_size / 1e6
    fastest, middle = min(times), statistics.median(times)
    bench.row("process start to first answer", f"{middle:.1f} ms (best {fastest:.1f})", "10 ms", middle <= 10)
    bench.row("idle memory", f"{idle:.1f} MB", "10 MB", idle <= 10)
    bench.row("binary", f"{size:.1f} MB", "10 MB", size <= 10)


def sync_us(directory):
    """What it takes to write a page over in a file and have it on the disk, the median of many."""
    times = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        file.write(bytes(64 * 4096))
        os.fsync(file.fileno())
        for number in range(200):
            page = os.urandom(4096)
            began = time.perf_counter()
            os.pwrite(file.fileno(), page, number % 64 * 4096)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(times)


def durable(bench):
    """SendMessage with and without a disk behind it, at both levels of durability."""
    with contextlib.ExitStack() as stack:
        # Where temporary files usually go there may be no disk behind.
        beside = ROOT / "target"
        data = stack.enter_context(tempfile.TemporaryDirectory(dir=beside if beside.exists() else None))
        levels = [["--data", f"{data}/{level}", "--durability", level] for level in ("process", "full")]
        servers = [stack.enter_context(bench.server(*options)) for options in ([], *levels)]

        def sends(connections, rounds):
            runs = [lambda server=server: bench.load(server, "send", "--connections", connections) for server in servers]
            return bench.in_turn(runs, rounds)

        memory, process, full = sends(64, 3 if bench.quick else 6)
        for level, results, budget in (("safe from a crash of kew", process, 0), ("synced to disk", full, 0.5)):
            part = ratio(results, memory, "messages_per_second")
            text = f"{part:.2f} x ({median(results, 'messages_per_second'):,.0f} messages/s)"
            what = f"sends {level} against sends in memory, 64 connections"
            bench.row(what, text, f"{budget} x" if budget else "none", part >= budget)
        memory, process, full = (median(results, "p50_us") for results in sends(1, 2 if bench.quick else 4))
        sync = sync_us(data)
        text = f"p50 {full:.0f} us (in memory {memory:.0f}, safe from a crash of kew {process:.0f}; one sync alone {sync:.0f})"
        # Without the sync the same work is done up to the page cache.
        bench.row("one connection, synced to disk", text, "a sync and little more", full <= process + 1.5 * sync)


PARTS = [cycle, connections, depth, memory, polls, awaits, console, start, durable]


def build():
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "--bin", "kew", "--example", "load", "--message-format=json"]
    out = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
    made = {}
    for line in out.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            made[message["target"]["name"]] = pathlib.Path(message["executable"])
    return made["kew"], made["load"]


def main():
    parser = argparse.ArgumentParser(description="kew beside the floor: the budgets, measured.")
    parser.add_argument("parts", nargs="*", help=", ".join(part.__name__ for part in PARTS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller queues")
    parser.add_argument("--kew", type=pathlib.Path, help="this kew instead of a fresh build (needs --load)")
    parser.add_argument("--load", type=pathlib.Path, help="this load generator")
    arguments = parser.parse_args()
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # 10,000 long polls are as many sockets on the generator's side.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    programs = (arguments.kew, arguments.load) if arguments.kew and arguments.load else build()
    bench = Bench(arguments, programs)
    for part in PARTS:
        if not arguments.parts or any(word in part.__name__ for word in arguments.parts):
            print(f"{part.__name__}: {part.__doc__}", flush=True)
            part(bench)
    width = max((len(row[0]) for row in bench.rows), default=0)
    print(f"\n| {'what':{width}} | measured | budget | met |\n| {'-' * width} | --- | --- | --- |")
    for what, measured, budget, met in bench.rows:
        print(f"| {what:{width}} | {measured} | {budget} | {met} |")


if __name__ == "__main__":
    main()
