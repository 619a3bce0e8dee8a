#!/usr/bin/env python3
"""Puts servers under the same load in one run, one after the other and in turn, and prints a table.

    python3 benches/peers.py --load target/release/examples/load \\
        'kew=target/release/kew --listen 127.0.0.1:{port}' 'moto=moto_server -p {port}'

Each argument is a name and the command that starts the server on {port}; {address} is 127.0.0.1:{port}.
"""

import argparse
import json
import os
import pathlib
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import time

START_SECONDS_MAX = 60
RUN_SECONDS_MAX = 45
ROUNDS = 3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as stream:
            stream.settimeout(5)
            stream.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            return bool(stream.recv(16))
    except OSError:
        return False


class Peer:
    def __init__(self, text, load):
        self.name, _, command = text.partition("=")
        self.port, self.load = free_port(), load
        words = shlex.split(command.format(port=self.port, address=f"127.0.0.1:{self.port}"))
        variables = {}
        while "=" in words[0]:
            name, _, variables[name] = words.pop(0).partition("=")
        began = time.perf_counter()
        self.process = subprocess.Popen(
            words, env=dict(os.environ, **variables), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while not answers(self.port):
            if self.process.poll() is not None or time.perf_counter() - began > START_SECONDS_MAX:
                self.stop()
                sys.exit(f"{self.name} does not start: {shlex.join(words)}")
            time.sleep(0.002)
        self.start_ms = (time.perf_counter() - began) * 1000

    def run(self, work, *options):
        command = [self.load, work, "--endpoint", f"127.0.0.1:{self.port}", "--pid", self.process.pid, "--json", *options]
        try:
            out = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            print(f"  {self.name}, {work}: not done after {RUN_SECONDS_MAX} s", flush=True)
            return None
        if out.returncode != 0:
            print(f"  {self.name}, {work}: {out.stderr.strip()[:300]}", flush=True)
            return None
        result = json.loads(out.stdout)
        if result["errors"]:
            print(f"  {self.name}, {work}: {result['errors']} of {result['requests']} requests failed", flush=True)
        return result

    def stop(self):
        # It was started in a session of its own, with whatever it starts itself.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description="Servers under the same load.")
    parser.add_argument("servers", nargs="+", help="NAME=COMMAND")
    parser.add_argument("--load", required=True, type=pathlib.Path, help="the load generator")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--warm-up", type=float, default=5, help="seconds of load before the first run; virtual machines need it")
    parser.add_argument("--backlog", type=int, default=5_000, help="messages queued to see what memory they take")
    arguments = parser.parse_args()
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    peers = []
    try:
        for text in arguments.servers:
            peers.append(Peer(text, arguments.load))
            print(f"{peers[-1].name}: first answer after {peers[-1].start_ms:.0f} ms", flush=True)
        many = ["--connections", arguments.connections]
        works = [("cycle", many), ("cycle-batch", many), ("cycle", ["--connections", 1])]
        results = {(peer, number): [] for peer in peers for number in range(len(works))}
        for peer in peers:
            for work, options in works:
                peer.run(work, *options, "--seconds", 0.1, "--warm-up", arguments.warm_up / len(works))
        for _ in range(ROUNDS):
            for number, (work, options) in enumerate(works):
                for peer in peers:
                    result = peer.run(work, *options, "--seconds", arguments.seconds, "--warm-up", 0.3)
                    if result and result["messages"]:
                        results[peer, number].append(result)
        print("\n| server | start | CPU, cycle | CPU, batch | cycles/s | p50 / p99, one connection | memory | a queued message |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for peer in peers:
            def median(number, key):
                values = [result[key] for result in results[peer, number]]
                return statistics.median(values) if values else float("nan")

            filled = peer.run("fill", "--backlog", arguments.backlog)
            beside = (filled["after_mib"] - filled["empty_mib"]) * 2**20 / arguments.backlog if filled else float("nan")
            print(
                f"| {peer.name} | {peer.start_ms:.0f} ms | {median(0, 'cpu_us_per_request'):.1f} us a request "
                f"| {median(1, 'cpu_us_per_message'):.1f} us a message | {median(0, 'messages_per_second'):,.0f} "
                f"| {median(2, 'p50_us') / 1000:.2f} / {median(2, 'p99_us') / 1000:.2f} ms "
                f"| {median(0, 'after_mib'):.0f} MiB | {beside:,.0f} bytes |",
                flush=True,
            )
    finally:
        for peer in peers:
            peer.stop()


if __name__ == "__main__":
    main()
