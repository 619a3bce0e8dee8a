"""Dramatiq actors on kew: queues made on demand, parallel workers, delay, retry and dead letters."""

import threading
import time

import dramatiq
from dramatiq.middleware import Retries
from dramatiq_sqs import SQSBroker

broker = SQSBroker(
    namespace="compat",
    dead_letter=True,
    visibility_timeout=30,
    tags={"team": "kew"},
    middleware=[Retries(max_retries=2, min_backoff=1000, max_backoff=1000)],
)
dramatiq.set_broker(broker)

lock = threading.Lock()
notes = []


def ok(what):
    print(f"ok: {what}", flush=True)


def note(what):
    with lock:
        notes.append((what, time.monotonic()))


def noted(word):
    with lock:
        return [at for what, at in notes if what == word]


@dramatiq.actor
def add(x, y):
    note(x + y)


@dramatiq.actor
def flaky():
    note("flaky")
    if len(noted("flaky")) == 1:
        raise RuntimeError("the first time")


@dramatiq.actor
def hopeless():
    note("hopeless")
    raise RuntimeError("every time")


@dramatiq.actor
def later():
    note("later")


worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=1000)
worker.start()

for i in range(20):
    add.send(i, 100)
broker.join("default", timeout=30)
assert sorted(what for what, _ in notes) == list(range(100, 120)), notes
ok("20 messages, each once")

client = broker.sqs.meta.client
for name in ("compat_default", "compat_default_dlq"):
    url = client.get_queue_url(QueueName=name)["QueueUrl"]
    assert client.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "kew"}, name
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == "1209600", attributes
ok("queues made on demand, with tags and retention")

sent = time.monotonic()
later.send_with_options(delay=3000)
broker.join("default", timeout=30)
(at,) = noted("later")
assert 2.9 <= at - sent <= 6, f"delayed for {at - sent:.1f} s instead of 3"
ok("a delayed message")

flaky.send()
broker.join("default", timeout=30)
assert len(noted("flaky")) == 2, notes
ok("a failing actor is tried again")

hopeless.send()
broker.join("default", timeout=30)
assert len(noted("hopeless")) == 3, notes
dead = broker.dead_letter_queues["default"]
dead.load()
assert dead.attributes["ApproximateNumberOfMessages"] == "1", dead.attributes
ok("an actor that always fails leaves a dead letter")

worker.stop()
ok("the worker stops")
