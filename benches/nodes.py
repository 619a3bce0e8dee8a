#!/usr/bin/env python3
"""Measures what several nodes cost over one PostgreSQL of this machine, by ratios of one run (docs: benches/README.md).

    python3 benches/nodes.py                            all of it, about twelve minutes after the build
    python3 benches/nodes.py database forwarded         only these parts: one_node, database, several_nodes, forwarded, idle, loss, backlog
    python3 benches/nodes.py --kew KEW --load LOAD      these programs in place of a fresh build

What is compared takes turns, and the median of the ratios counts. CPU time is read from /proc, of kew and of PostgreSQL's processes
apart; what is written to the database's log from the database; the number of commits from kew's metrics, since sessions of PostgreSQL
tell theirs late. A budget that is not met is marked, and that is all.
"""

import argparse
import contextlib
import functools
import json
import os
import pathlib
import re
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
    """Of a process and all that it has started, with those of them that have ended and that it has heard of."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICK + sum(cpu_seconds(child) for child in children)


def metric(server, name, labels=""):
    """The sum of all values of a metric with these labels in it."""
    answer = run.whole(run.http(server.address, "GET", "/metrics")).decode()
    lines = re.findall(rf"^{name}({{[^}}]*}})? (\S+)", answer, re.MULTILINE)
    return sum(float(value) for found, value in lines if labels in found)


class Database(several.Postgres):
    """One with settings as an operator has them: synced."""

    def __init__(self, more=""):
        super().__init__(f"-c fsync=on -c max_connections=100 -c client_min_messages=warning {more}")
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

    def spent(self):
        """CPU seconds by process, those of kew's sessions by what they are for."""
        sql = "SELECT pid, CASE WHEN application_name ~ '^kew/' THEN 'session kew' || regexp_replace(application_name, '^kew/[0-9]+', '') "
        sql += "ELSE backend_type END FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        who = dict(line.split("|") for line in self.ask(sql).splitlines())
        total, spent = cpu_seconds(self.pid), {}
        for pid, name in who.items():
            spent[name] = spent.get(name, 0) + cpu_seconds(pid)
        return spent | {"others and those that have ended": total - sum(spent.values())}

    def vacuum(self):
        tables = "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relnamespace = 'kew'::regnamespace AND relkind = 'r'"
        self.ask(f"VACUUM {self.ask(tables)}")

    def bare_commit_us(self):
        """A row of a message's size, inserted and committed by one client again and again: the median."""
        self.ask("CREATE TABLE IF NOT EXISTS bare (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)")
        with run.tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "script"
            script.write_text(f"INSERT INTO bare (body) VALUES (repeat('x', {run.BODY}));\n")
            options = ["-n", "-M", "prepared", "-T", "1", "-l", "-f", script, "-h", "127.0.0.1", "-p", str(self.port), "-U", "kew", "postgres"]
            subprocess.run([several.programs() / "pgbench", *options], cwd=folder, capture_output=True, check=True)
            lines = "".join(log.read_text() for log in pathlib.Path(folder).glob("pgbench_log.*")).splitlines()
        return statistics.median(int(line.split()[2]) for line in lines)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Nodes:
    """So many kews over a database."""

    def __init__(self, kew, database, count):
        self.kew, self.database, self.servers = kew, database, []
        for _ in range(count):
            self.add()

    def add(self):
        peer = f"http://127.0.0.1:{several.free_port()}"
        options = ["--data", self.database.url, "--peer", peer, "--cluster-secret", several.SECRET, "--threads", "1"]
        server = run.Server([self.kew, *options])
        server.wait()
        self.servers.append(server)
        return server

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.__exit__()


class Load:
    def __init__(self, program):
        self.program = program

    def run(self, servers, work, *options, measured, database=None, seconds=SECONDS, after=0):
        """The same load at each of these servers at once; CPU of those that are measured, a message. What is still done in the
        seconds after it counts too."""
        command = [self.program, work, "--json", "--seconds", seconds, "--warm-up", 0, *options]
        commits = sum(metric(server, "kew_store_commit_seconds_count") for server in measured)
        before = [cpu_seconds(server.process.pid) for server in measured]
        wal, of_database = (database.wal_bytes(), cpu_seconds(database.pid)) if database else (0, 0)
        loads = [
            subprocess.Popen([str(part) for part in [*command, "--endpoint", server.address]], stdout=subprocess.PIPE, text=True)
            for server in servers
        ]
        results = [json.loads(load.communicate()[0]) for load in loads]
        commits = sum(metric(server, "kew_store_commit_seconds_count") for server in measured) - commits
        time.sleep(after)
        spent = sum(cpu_seconds(server.process.pid) for server in measured) - sum(before)
        # A load that only fills queues counts none.
        requests, messages = (max(sum(result[key] for result in results), 1) for key in ("requests", "messages"))
        if sum(result["errors"] for result in results):
            print(f"  errors: {[result['errors'] for result in results]}", flush=True)
        measures = {
            "messages": messages,
            "requests": requests,
            "cpu_us_per_request": spent * 1e6 / requests,
            "cpu_us_per_message": spent * 1e6 / messages,
            "messages_per_second": messages / seconds,
            "p50_us": statistics.median(result["p50_us"] for result in results),
            "commits_per_second": commits / seconds,
            "messages_per_commit": messages / max(commits, 1),
            "requests_per_commit": requests / max(commits, 1),
        }
        if database:
            measures["database_us"] = (cpu_seconds(database.pid) - of_database) * 1e6 / messages
            measures["wal_bytes"] = (database.wal_bytes() - wal) / messages
        return measures


def make_queue(server, prefix, index):
    """A queue of a load that is told `of(prefix, ...)`, at this node."""
    answer = run.whole(run.sqs(server.address, "CreateQueue", QueueName=f"{prefix}-made-{index}"))
    if b"QueueUrl" not in answer:
        sys.exit(f"CreateQueue: {answer.decode()}")


def of(prefix, count):
    """Options of a load that uses these queues, and makes none."""
    return ("--prefix", prefix, "--run", "made", "--queues", count)


def make_queues(servers, prefix, count):
    """Queues at each of these nodes in turn: none has more than another, so none is given away."""
    for index in range(count):
        make_queue(servers[index % len(servers)], prefix, index)
    return of(prefix, count)


def in_turn(*runs, rounds=ROUNDS):
    results = [[] for _ in runs]
    for number in range(rounds):
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
            lambda: load.run([node], *cycle, measured=[node]), lambda: load.run([sqlite], *cycle, measured=[sqlite])
        )
        value = ratio(on_database, on_sqlite, "cpu_us_per_message")
        row("kew's own CPU a message on PostgreSQL against SQLite, 64 connections", f"{value:.2f} x", "1.3 x", value <= 1.3)
        sends, in_memory = in_turn(
            lambda: load.run([node], *send, measured=[node]), lambda: load.run([memory], *send, measured=[memory])
        )
        value = ratio(sends, in_memory, "messages_per_second")
        rate = median(sends, "messages_per_second")
        row("synced sends against sends in memory, 64 connections", f"{value:.2f} x ({rate:.0f}/s)", "0.45 x", value >= 0.45)
        one, one_in_memory, bare = in_turn(
            lambda: load.run([node], *alone, measured=[node]),
            lambda: load.run([memory], *alone, measured=[memory]),
            lambda: {"p50_us": database.bare_commit_us()},
        )
        value = statistics.median((a["p50_us"] - b["p50_us"]) / c["p50_us"] for a, b, c in zip(one, one_in_memory, bare))
        text = f"{value:.2f} x (p50 {median(one, 'p50_us'):.0f} us, in memory {median(one_in_memory, 'p50_us'):.0f}, "
        text += f"a bare commit {median(bare, 'p50_us'):.0f})"
        row("one connection, a send above the same in memory, against a bare commit of one row", text, "1.5 x", value <= 1.5)
    run.shutil.rmtree(data, ignore_errors=True)


# Seconds after a load in which a store may still carry out what it has put off.
PUT_OFF = 6

# So long are the loads beside it.
LONG = 5.0

# Connections: the more there are, the more is in a commit.
CROWDS = (64, 256)


def database(kew, load):
    """What a message sent, received and deleted costs the database, by how many there are in a commit."""
    data = run.tempfile.mkdtemp(prefix="kew-bench-")
    table = [
        "",
        "| connections | store | messages/s | p50 of a request | kew, CPU a message | commits/s | requests (messages) a commit | "
        "database, CPU a message | with vacuum and checkpoint | WAL a message | with vacuum and checkpoint |",
        "| --- " * 11 + "|",
    ]
    whose = []
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(Database())
        node = stack.enter_context(Nodes(kew, base, 1)).servers[0]
        sqlite = stack.enter_context(run.Server([kew, "--data", data, "--threads", "1"]))
        memory = stack.enter_context(run.Server([kew, "--threads", "1"]))
        for connections in CROWDS:
            cycle = ("cycle", "--connections", connections, *make_queues([node], f"of-{connections}", 16))
            # Whatever is written first after a checkpoint has its whole page in the log: before anything is measured.
            load.run([node], *cycle, measured=[node])
            began, wal = base.spent(), base.wal_bytes()
            results = in_turn(
                lambda: load.run([node], *cycle, measured=[node], database=base, seconds=LONG, after=PUT_OFF),
                lambda: load.run([sqlite], *cycle, measured=[sqlite], seconds=LONG),
                lambda: load.run([memory], *cycle, measured=[memory], seconds=LONG),
                rounds=3,
            )
            # What is put off for longer: rows that are still to be cleared away, pages that are still to be written.
            base.vacuum()
            base.ask("CHECKPOINT")
            messages = sum(result["messages"] for result in results[0])
            wal = (base.wal_bytes() - wal) / messages
            spent = {who: (seconds - began.get(who, 0)) * 1e6 / messages for who, seconds in base.spent().items()}
            whose.append(f"{connections} connections: " + ", ".join(f"{who} {us:.1f}" for who, us in spent.items() if us >= 0.05))
            for name, result in zip(("PostgreSQL", "SQLite", "memory"), results):
                value = functools.partial(median, result)
                fields = [connections, name, f"{value('messages_per_second'):.0f}", f"{value('p50_us') / 1000:.2f} ms"]
                fields.append(f"{value('cpu_us_per_message'):.1f} us")
                commits = [f"{value('commits_per_second'):.0f}", f"{value('requests_per_commit'):.0f} ({value('messages_per_commit'):.1f})"]
                fields += ["-", "-"] if name == "memory" else commits
                if name == "PostgreSQL":
                    of_database, log = value("database_us"), value("wal_bytes")
                    fields += [f"{of_database:.1f} us", f"{sum(spent.values()):.1f} us", f"{log:.0f} bytes", f"{wal:.0f} bytes"]
                else:
                    fields += ["-"] * 4
                table.append("| " + " | ".join(str(field) for field in fields) + " |")
            fill = median(results[0], "messages_per_commit")
            what = f"a message sent, received and deleted, {connections} connections ({fill:.0f} in a commit)"
            of_database, log = (median(results[0], key) for key in ("database_us", "wal_bytes"))
            row(f"CPU of the database for {what}", f"{of_database:.1f} us", "10 us at 100 in a commit", of_database <= 10)
            row(f"WAL for {what}", f"{log:.0f} bytes", "450 bytes", log <= 450)
    run.shutil.rmtree(data, ignore_errors=True)
    return [*table, "", "CPU of the database a message in all, in us, by process:", "", *(f"- {line}" for line in whose)]


def several_nodes(kew, load):
    """What a request costs where two of three are answered by another node than the one that was asked."""
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(Database()) for _ in range(2))
        single = stack.enter_context(Nodes(kew, first, 1)).servers
        three = stack.enter_context(Nodes(kew, second, 3)).servers
        options = ("cycle", "--connections", 16)
        of_one, of_three = (make_queues(servers, "balanced", 24) for servers in (single, three))
        three_nodes, one = in_turn(
            lambda: forwarding(load, three, *options, *of_three, measured=three),
            lambda: load.run(single * 3, *options, *of_one, measured=single),
        )
        value, part = ratio(three_nodes, one, "cpu_us_per_request"), median(three_nodes, "forwarded")
        text = f"{value:.2f} x ({part:.0%} forwarded)"
        row("three nodes behind a blind balancer, CPU a request of all kews against one node", text, "1.9 x", value <= 1.9)


def forwarding(load, servers, *options, measured):
    """A load, and which part of its requests was forwarded."""
    count = lambda: sum(metric(server, "kew_cluster_forwarded_total", "answered") for server in measured)
    before = count()
    result = load.run(servers, *options, measured=measured)
    return result | {"forwarded": (count() - before) / result["requests"]}


def forwarded(kew, load):
    """The same queues, asked for at the node that has them and at one that has not."""
    count = 16
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(Database())
        nodes = stack.enter_context(Nodes(kew, base, 2)).servers
        for index in range(count):
            make_queue(nodes[0], "used", index)
            # Else some of those would be given to it.
            make_queue(nodes[1], "unused", index)
        options = ("cycle", "--connections", 16, *of("used", count))
        far, near = in_turn(
            lambda: forwarding(load, nodes[1:], *options, measured=nodes),
            lambda: forwarding(load, nodes[:1], *options, measured=nodes),
        )
        value = ratio(far, near, "cpu_us_per_request")
        text = f"{value:.2f} x ({median(far, 'cpu_us_per_request'):.1f} against {median(near, 'cpu_us_per_request'):.1f} us; "
        text += f"{median(far, 'forwarded'):.0%} against {median(near, 'forwarded'):.0%} forwarded)"
        row("forwarded against local, CPU a request of both nodes together", text, "2.3 x", value <= 2.3)


def idle(kew, _):
    """Three nodes with queues, and nothing to do."""
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(Database())
        nodes = stack.enter_context(Nodes(kew, base, 3)).servers
        make_queues(nodes, "idle", 12)
        # Sessions tell what they have done up to ten seconds later.
        time.sleep(15)
        began, commits, wal = time.monotonic(), base.commits(), base.wal_bytes()
        time.sleep(30)
        of_nodes = (time.monotonic() - began) * len(nodes)
        commits, wal = (base.commits() - commits) / of_nodes, (base.wal_bytes() - wal) / of_nodes
        row("transactions of an idle node a second", f"{commits:.1f} ({wal:.0f} bytes of WAL)", "3", commits <= 3)


def loss(kew, load):
    """A node is killed that has many queues: how long it takes to declare it gone and to know whose they are now."""
    with contextlib.ExitStack() as stack:
        # Each statement with its time.
        base = stack.enter_context(Database("-c track_commit_timestamp=on -c log_line_prefix='%n [%p] %a : '"))
        nodes = stack.enter_context(Nodes(kew, base, 1))
        load.run(nodes.servers, "cycle", "--connections", 4, "--queues", MANY, measured=[], seconds=1)
        heir = nodes.add()
        base.ask("ALTER SYSTEM SET log_min_duration_statement = 0")
        base.ask("SELECT pg_reload_conf()")
        lost = owned(base)
        began = time.monotonic()
        nodes.servers[0].__exit__()
        wait_for(lambda: int(base.ask("SELECT count(*) FROM kew.node WHERE state = 'gone'")) > 0)
        wait_for(lambda: metric(heir, "kew_cluster_queues") > MANY - lost)
        first = time.monotonic() - began
        loads = metric(heir, "kew_cluster_loads_total")
        time.sleep(SECONDS)
        loads = (metric(heir, "kew_cluster_loads_total") - loads) / SECONDS
        fence_ms, directory_ms = statements_of_a_loss((base.folder / "log").read_text())
        text = f"{fence_ms + directory_ms:.0f} ms (fence {fence_ms:.0f}, directory {directory_ms:.0f}); the first is served after {first:.1f} s, "
        text += f"then {loads:.0f} a second"
        row(f"a node with {lost} of {MANY} queues killed: fence and directory", text, "200 ms", fence_ms + directory_ms <= 200)


MANY = 10_000


def owned(base):
    """How many queues the node has that has most."""
    return int(base.ask("SELECT max(count) FROM (SELECT count(*) FROM kew.queue GROUP BY owner) x"))


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("it takes too long")
        time.sleep(0.02)


def statements_of_a_loss(log):
    """From the first statement of the fence to its COMMIT, and from there to the end of the directory's."""
    lines = re.findall(r"^([\d.]+) \[(\d+)\] \S* : LOG:  duration: ([\d.]+) ms  (.*)", log, re.MULTILINE)
    fences = [n for n, line in enumerate(lines) if "SET state = 'gone'" in line[3]]
    session = lines[fences[0]][1]
    ends = lambda after, text: next(n for n in range(after, len(lines)) if lines[n][1] == session and text in lines[n][3])
    starts = max(n for n in range(fences[0]) if lines[n][1] == session and "BEGIN; SET LOCAL lock_timeout" in lines[n][3])
    commit = ends(fences[0], "COMMIT")
    read = ends(ends(commit, "REPEATABLE READ"), "COMMIT")
    at = lambda n: float(lines[n][0]) * 1000
    return at(commit) - at(starts) + float(lines[starts][2]), at(read) - at(commit)


def backlog(kew, load):
    """A node is killed that has a long queue: from the commit that gives it to another to the first answer from there."""
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(Database("-c track_commit_timestamp=on"))
        nodes = stack.enter_context(Nodes(kew, base, 1))
        load.run(nodes.servers, "fill", "--backlog", DEEP, "--run", "long", measured=[])
        heir = nodes.add()
        began = time.time()
        nodes.servers[0].__exit__()
        while b"Body" not in run.whole(run.sqs(heir.address, "ReceiveMessage", QueueUrl="load-long-0")):
            time.sleep(0.02)
        served = time.time()
        given = float(base.ask("SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM kew.node WHERE state = 'gone'"))
        text = f"{served - given:.1f} s, {given - began:.1f} s after it was killed"
        row(f"a node with a queue of {DEEP} messages killed: from its fence to the first message", text, "4 s", served - given <= 4)


DEEP = 1_000_000

PARTS = [one_node, database, several_nodes, forwarded, idle, loss, backlog]


def main():
    parser = argparse.ArgumentParser(description="Several nodes over one PostgreSQL: the budgets, measured.")
    parser.add_argument("parts", nargs="*", help=", ".join(part.__name__ for part in PARTS))
    parser.add_argument("--kew", type=pathlib.Path, help="this kew instead of a fresh build (needs --load)")
    parser.add_argument("--load", type=pathlib.Path, help="this load generator")
    arguments = parser.parse_args()
    kew, program = (arguments.kew, arguments.load) if arguments.kew and arguments.load else run.build()
    print("| what | measured | budget | met |\n| --- | --- | --- | --- |")
    more = []
    for part in PARTS:
        if not arguments.parts or part.__name__ in arguments.parts:
            more += part(kew, Load(program)) or []
    for line in more:
        print(line)


if __name__ == "__main__":
    main()
