#!/usr/bin/env python3
"""Measures what several nodes cost over one PostgreSQL of this machine, by ratios of one run (docs: benches/README.md).

    python3 benches/nodes.py                            all of it, about four minutes after the build
    python3 benches/nodes.py --kew KEW --load LOAD      these programs in place of a fresh build

What is compared takes turns, and the median of the ratios counts. CPU time is read from /proc, of kew and of PostgreSQL's processes
apart; what is written to the database's log from the database. A budget that is not met is marked, and that is all.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import run

sys.path.insert(0, str(run.ROOT / "compat"))
import nodes as several  # noqa: E402

SECONDS = 3.0
ROUNDS = 5
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """Of a process and all that it has started, those that have ended left out."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK + sum(cpu_seconds(child) for child in children)


class Database(several.Postgres):
    """One with settings as an operator has them: synced."""

    def __init__(self):
        super().__init__("-c fsync=on -c max_connections=100")
        self.pid = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def ask(self, sql):
        out = subprocess.run(
            [several.programs() / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "kew", "-d", "postgres", "-AtXc", sql],
            stdout=subprocess.PIPE, check=True, text=True,
        )
        return out.stdout.strip()

    def wal_bytes(self):
        return int(self.ask("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8"))

    def commits(self):
        return int(self.ask("SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Nodes:
    """So many kews over a database."""

    def __init__(self, kew, database, count):
        self.servers = []
        for _ in range(count):
            peer = f"http://127.0.0.1:{several.free_port()}"
            options = ["--data", database.url, "--peer", peer, "--cluster-secret", several.SECRET, "--threads", "1"]
            server = run.Server([kew, *options])
            server.wait()
            self.servers.append(server)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.__exit__()


class Load:
    def __init__(self, program):
        self.program = program

    def run(self, servers, work, *options, measured, database=None, seconds=SECONDS):
        """The same load at each of these servers at once; CPU of those that are measured, a message."""
        command = [self.program, work, "--json", "--seconds", seconds, "--warm-up", 0, *options]
        before = [cpu_seconds(server.process.pid) for server in measured]
        wal, of_database = (database.wal_bytes(), cpu_seconds(database.pid)) if database else (0, 0)
        loads = [
            subprocess.Popen([str(part) for part in [*command, "--endpoint", server.address]], stdout=subprocess.PIPE, text=True)
            for server in servers
        ]
        results = [json.loads(load.communicate()[0]) for load in loads]
        spent = sum(cpu_seconds(server.process.pid) for server in measured) - sum(before)
        requests, messages = (sum(result[key] for result in results) for key in ("requests", "messages"))
        if sum(result["errors"] for result in results):
            print(f"  errors: {[result['errors'] for result in results]}", flush=True)
        measures = {
            "cpu_us_per_request": spent * 1e6 / requests,
            "cpu_us_per_message": spent * 1e6 / messages,
            "messages_per_second": messages / seconds,
            "p50_us": statistics.median(result["p50_us"] for result in results),
        }
        if database:
            measures["database_us"] = (cpu_seconds(database.pid) - of_database) * 1e6 / messages
            measures["wal_bytes"] = (database.wal_bytes() - wal) / messages
        return measures


def in_turn(*runs):
    results = [[] for _ in runs]
    for number in range(ROUNDS):
        order = range(len(runs))
        for index in order if number % 2 == 0 else reversed(order):
            results[index].append(runs[index]())
    return results


def ratio(above, below, key):
    return statistics.median(a[key] / b[key] for a, b in zip(above, below))


def median(results, key):
    return statistics.median(result[key] for result in results)


def row(what, measured, budget, met):
    print(f"| {what} | {measured} | {budget} | {'yes' if met else 'no'} |", flush=True)


def one_node(kew, load):
    """A node on PostgreSQL beside a kew on SQLite and one in memory."""
    data = run.tempfile.mkdtemp(prefix="kew-bench-")
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(Database())
        node = stack.enter_context(Nodes(kew, database, 1)).servers[0]
        sqlite = stack.enter_context(run.Server([kew, "--data", data, "--threads", "1"]))
        memory = stack.enter_context(run.Server([kew, "--threads", "1"]))
        cycle = ("cycle", "--connections", 64, "--queues", 16)
        send = ("send", "--connections", 64, "--queues", 16)
        alone = ("send", "--connections", 1)
        on_database, on_sqlite = in_turn(
            lambda: load.run([node], *cycle, measured=[node], database=database),
            lambda: load.run([sqlite], *cycle, measured=[sqlite]),
        )
        value = ratio(on_database, on_sqlite, "cpu_us_per_message")
        row("kew's own CPU a message on PostgreSQL against SQLite, 64 connections", f"{value:.2f} x", "1.3 x", value <= 1.3)
        of_database = median(on_database, "database_us")
        row("CPU of the database a message sent, received and deleted", f"{of_database:.0f} us", "35 us", of_database <= 35)
        wal = median(on_database, "wal_bytes")
        row("WAL of that", f"{wal:.0f} bytes", "850 bytes", wal <= 850)
        sends, in_memory = in_turn(
            lambda: load.run([node], *send, measured=[node]), lambda: load.run([memory], *send, measured=[memory])
        )
        value = ratio(sends, in_memory, "messages_per_second")
        rate = median(sends, "messages_per_second")
        row("synced sends against sends in memory, 64 connections", f"{value:.2f} x ({rate:.0f}/s)", "0.25 x", value >= 0.25)
        one, one_in_memory = in_turn(
            lambda: load.run([node], *alone, measured=[node]), lambda: load.run([memory], *alone, measured=[memory])
        )
        row("one connection, a send", f"p50 {median(one, 'p50_us'):.0f} us (in memory {median(one_in_memory, 'p50_us'):.0f})", "-", True)
    run.shutil.rmtree(data, ignore_errors=True)


def several_nodes(kew, load):
    """What a request costs where two of three are answered by another node than the one that was asked."""
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(Database()) for _ in range(2))
        single = stack.enter_context(Nodes(kew, first, 1)).servers
        three = stack.enter_context(Nodes(kew, second, 3)).servers
        options = ("cycle", "--connections", 16, "--queues", 24)
        three_nodes, one = in_turn(
            lambda: load.run(three, *options, measured=three), lambda: load.run(single * 3, *options, measured=single)
        )
        value = ratio(three_nodes, one, "cpu_us_per_request")
        row("three nodes behind a blind balancer, CPU a request of all kews against one node", f"{value:.2f} x", "1.9 x", value <= 1.9)
        began, commits = time.monotonic(), second.commits()
        time.sleep(10)
        idle = (second.commits() - commits) / (time.monotonic() - began) / 3
        row("transactions of an idle node a second", f"{idle:.1f}", "3", idle <= 3)


def loading(kew, load):
    """A node is lost that has a long queue."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(Database())
        nodes = stack.enter_context(Nodes(kew, database, 2)).servers
        backlog = 0
        while backlog < 1_000_000:
            result = load.run([nodes[0]], "send-batch", "--connections", 64, "--prefix", "long", measured=nodes, seconds=5)
            backlog += int(result["messages_per_second"] * 5)
        queues = int(database.ask("SELECT count(*) FROM kew.queue"))
        began = time.monotonic()
        nodes[0].__exit__()
        load.run([nodes[1]], "attrs", "--connections", 1, "--prefix", "long", measured=[], seconds=0.01)
        row(f"a node with {backlog} messages in {queues} queue killed, until it is served again", f"{time.monotonic() - began:.1f} s", "4 s", time.monotonic() - began <= 5)


PARTS = [one_node, several_nodes, loading]


def main():
    parser = argparse.ArgumentParser(description="Several nodes over one PostgreSQL: the budgets, measured.")
    parser.add_argument("parts", nargs="*", help=", ".join(part.__name__ for part in PARTS))
    parser.add_argument("--kew", type=pathlib.Path, help="this kew instead of a fresh build (needs --load)")
    parser.add_argument("--load", type=pathlib.Path, help="this load generator")
    arguments = parser.parse_args()
    kew, program = (arguments.kew, arguments.load) if arguments.kew and arguments.load else run.build()
    print("| what | measured | budget | met |\n| --- | --- | --- | --- |")
    for part in PARTS:
        if not arguments.parts or part.__name__ in arguments.parts:
            part(kew, Load(program))


if __name__ == "__main__":
    main()
