"""A real kew whose clock is turned minute by minute, and what its metrics were at each."""

import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("KEW_BIN") or ROOT / "target/release/kew").resolve()
# The clock stands there when a scenario begins: the beginning of a minute, and later than any machine's clock.
BEGIN = 4_102_444_800
SAMPLE = re.compile(r"^([a-z_:]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([A-Za-z_]+)="((?:[^"\\]|\\.)*)"')


class Kew:
    """A kew on a free port, with queues as on its command line."""

    def __init__(self, *queues, arguments=()):
        words = [str(BINARY), "--listen", "127.0.0.1:0", "--log", "error", *arguments]
        for queue in queues:
            words += ["--queue", queue]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        found = next(filter(None, (re.search(r"127\.0\.0\.1:(\d+)", line) for line in self.process.stdout)), None)
        if not found:
            sys.exit(f"kew did not start: {words}")
        self.url = f"http://{found[0]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, path, body=None, headers=None, method=None):
        body = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, body, headers or {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    def freeze(self):
        self.ask("/_kew/clock", {"mode": "frozen", "at": BEGIN * 1000}, method="PUT")

    def advance(self, seconds):
        self.ask("/_kew/clock/advance", {"by": seconds})

    def sqs(self, action, queue, **members):
        """An action of SQS; its answer, or the error."""
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{action}"}
        try:
            return json.loads(self.ask("/", {"QueueUrl": queue, **members}, headers) or "{}")
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def send(self, queue, count=1, **members):
        for first in range(0, count, 10):
            entries = [{"Id": str(n), "MessageBody": f"message {n}", **members} for n in range(first, min(first + 10, count))]
            self.sqs("SendMessageBatch", queue, Entries=entries)

    def receive(self, queue, count=1, **members):
        """Receives so many messages; their receipt handles."""
        handles = []
        while len(handles) < count:
            asked = min(count - len(handles), 10)
            got = self.sqs("ReceiveMessage", queue, MaxNumberOfMessages=asked, **members).get("Messages", [])
            if not got:
                break
            handles += [message["ReceiptHandle"] for message in got]
        return handles

    def park(self, queue):
        """Begins a long poll, and returns once it waits."""
        body = json.dumps({"QueueUrl": queue, "WaitTimeSeconds": 20})
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"))
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ReceiveMessage"}
        connection.request("POST", "/", body, headers)
        self.parked = connection
        while not any(name == "kew_receivers_parked" and value != "0" for (name, _), value in self.metrics().items()):
            pass

    def receive_nothing(self, queue, times):
        for _ in range(times):
            self.sqs("ReceiveMessage", queue)

    def delete(self, queue, handles):
        for handle in handles:
            self.sqs("DeleteMessage", queue, ReceiptHandle=handle)

    def metrics(self):
        """Name and labels of each sample, and its value as it is written."""
        samples = {}
        for line in self.ask("/metrics").splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                samples[name, tuple(LABEL.findall(labels or ""))] = value
        return samples


class Series:
    """What was read at each minute; `_` where there was nothing."""

    def __init__(self):
        self.minutes = 0
        self.values = {}

    def add(self, samples):
        for key, value in samples.items():
            self.values.setdefault(key, ["_"] * self.minutes).append(value)
        self.minutes += 1
        for values in self.values.values():
            values += ["_"] * (self.minutes - len(values))

    def read(self, kew):
        """Reads a kew as Prometheus does, which notes whether it answered."""
        try:
            samples = kew.metrics()
        except OSError:
            samples = {}
        samples["up", ()] = "1" if samples else "0"
        self.add(samples)

    def of(self, names, labels):
        """The series with these names as a job of Prometheus has them: `labels` gives those of each."""
        return {
            (name, labels(dict(own))): values for (name, own), values in self.values.items() if name in names or name == "up"
        }


def written(name, labels):
    """A series as it is written in PromQL."""
    quoted = (f'{label}="{value}"' for label, value in labels)
    return f"{name}{{{','.join(quoted)}}}"
