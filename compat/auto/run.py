"""Unmodified consumers that fail on every message, and a clock that jumps: three failures and the dead letter in real milliseconds.

    python compat/auto/run.py target/release/kew [--runs 100] [--client boto3 --client sqs-consumer --client go-v2 --client java-v2 --client celery]

A run sends one order and asks `/_kew/await` for its dead letter with `auto`. The visibility timeout is 30 s and the queue gives a message
three chances, so by the real clock it takes a minute and a half. For each client the times of all runs are told, and the gap between the
answer to one poll and the next poll, which `settle` has to be longer than.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT_MS = 500
QUEUE = "OrderQueue"


def call(url, action, **members):
    headers = {"X-Amz-Target": f"AmazonSQS.{action}", "Content-Type": "application/x-amz-json-1.0"}
    request = urllib.request.Request(url, json.dumps(members).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def await_dead_letter(url):
    query = f"queue=orders-dead&visible=1&timeout=20s&auto.consumers.{QUEUE}=1"
    with urllib.request.urlopen(f"{url}/_kew/await?{query}") as answer:
        assert json.load(answer)["met"]


def celery_message(url, environment):
    """The message that Celery makes of its task. Celery's client is too slow to send it in every run."""
    python = [environment["COMPAT_CELERY_PYTHON"], str(HERE / "celery_tasks.py")]
    subprocess.run(python, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with urllib.request.urlopen(f"{url}/_kew/queues/{QUEUE}/messages") as answer:
        message = json.load(answer)["messages"][0]
    call(url, "PurgeQueue", QueueUrl=QUEUE)
    return message["body"]


def parked(url):
    with urllib.request.urlopen(f"{url}/_kew/queues/{QUEUE}") as answer:
        return json.load(answer)["parked"]


def gaps(log):
    """Milliseconds between the answer to a poll and the beginning of the next, by kew's log of requests."""
    found, ended = [], None
    for line in Path(log).read_text().splitlines():
        match = re.match(r'(\S+)Z +DEBUG .*action="ReceiveMessage" .*ms=(\d+)', line)
        if match:
            end, ms = datetime.fromisoformat(match[1]).timestamp() * 1000, int(match[2])
            if ended is not None:
                found.append(max(0.0, end - ms - ended))
            ended = end
    return found


def commands():
    python = os.environ.get("COMPAT_PYTHON", sys.executable)
    return {
        "boto3": [python, str(HERE / "consumer_loop.py")],
        "sqs-consumer": ["node", str(HERE.parent / "sqs-consumer" / "failing.mjs")],
        "go-v2": [os.environ.get("COMPAT_GO_CONSUMER", str(HERE / "go" / "consumer"))],
        "celery": [os.environ.get("COMPAT_CELERY_PYTHON", sys.executable), "-m", "celery", "-A", "celery_tasks", "worker",
                   "--pool=solo", "--loglevel=WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"],
        "java-v2": ["java", "-cp", os.environ.get("COMPAT_JAVA_CLASSPATH", ""), str(HERE / "Consumer.java")],
    }


def run(kew, client, runs):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % free.getsockname()[1]
    url, log = f"http://{address}", tempfile.NamedTemporaryFile("w", suffix=".log", delete=False)
    queue = f"{QUEUE},VisibilityTimeout=30,DeadLetterQueue=orders-dead,MaxReceiveCount=3"
    server = subprocess.Popen(
        [kew, "--listen", address, "--log", "debug", "--queue", "orders-dead", "--queue", queue], stdout=log, stderr=log
    )
    environment = os.environ | {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "KEW_QUEUE_URL": f"{url}/000000000000/{QUEUE}",
    }
    if client == "celery":
        environment |= {"COMPAT_CELERY_PYTHON": commands()["celery"][0], "PYTHONPATH": str(HERE)}
    consumer = None
    try:
        for _ in range(200):
            try:
                parked(url)
                break
            except OSError:
                time.sleep(0.05)
        body = celery_message(url, environment) if client == "celery" else None
        consumer = subprocess.Popen(commands()[client], env=environment, stdout=subprocess.DEVNULL, stderr=log)
        took = []
        # The first run is not counted: the consumer's own start is none of kew's time.
        for number in range(runs + 1):
            while parked(url) == 0:
                assert consumer.poll() is None, f"{client} has ended: {log.name}"
                time.sleep(0.01)
            began = time.monotonic()
            call(url, "SendMessage", QueueUrl=QUEUE, MessageBody=body or json.dumps({"order": number}))
            await_dead_letter(url)
            if number > 0:
                took.append((time.monotonic() - began) * 1000)
            call(url, "PurgeQueue", QueueUrl="orders-dead")
    finally:
        for process in filter(None, [consumer, server]):
            process.kill()
            process.wait()
    gap, good = sorted(gaps(log.name)), sum(ms < LIMIT_MS for ms in took)
    quantile = lambda values, part: values[min(len(values) - 1, int(len(values) * part))]
    print(
        f"{client:13} {good} of {runs} runs below {LIMIT_MS} ms; median {statistics.median(took):.0f}, longest {max(took):.0f} ms; "
        f"gap to the next poll: median {statistics.median(gap):.1f}, 99 % {quantile(gap, 0.99):.1f}, longest {gap[-1]:.1f} ms"
    )
    return good == runs


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kew")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--client", action="append", choices=list(commands()))
    options = parser.parse_args()
    good = [run(options.kew, client, options.runs) for client in options.client or ["boto3"]]
    sys.exit(0 if all(good) else 1)
