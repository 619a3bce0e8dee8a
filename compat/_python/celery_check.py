"""Celery on kew: tasks, countdown, retry, a worker killed in the middle of a task, and the end of the queue."""

import os
import signal
import subprocess
import sys
import tempfile
import time

os.environ["NOTES"] = tempfile.NamedTemporaryFile(prefix="celery-notes-", delete=False).name

import boto3
import kombu
from celery_tasks import add, app, flaky, mark, notes, slow

QUEUE = "compat-celery"
NEW = kombu.VERSION >= (5, 7)  # the old one knows no DelaySeconds, and to delete a queue it only empties it
sqs = boto3.client("sqs", endpoint_url=os.environ["KEW_URL"])


def ok(what):
    print(f"ok: {what}", flush=True)


def start_worker():
    command = [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "--concurrency=2", "--loglevel=WARNING"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return subprocess.Popen(command, start_new_session=True)


def wait_for(what, done, seconds=30):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}; the notes are {notes()}"
        time.sleep(0.1)


def seconds_of(word):
    return [float(line.split()[-1]) for line in notes() if line.startswith(f"{word} after")]


def messages_left():
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "8", attributes
    return sum(int(value) for name, value in attributes.items() if name.startswith("ApproximateNumberOfMessages"))


def twenty_tasks():
    for i in range(20):
        add.delay(i, 100)
    wait_for("20 tasks", lambda: len(notes()) >= 20)
    assert sorted(notes()) == sorted(f"sum {i + 100}" for i in range(20)), notes()
    ok("20 tasks, each once")


def later():
    mark.apply_async(("countdown", time.time()), countdown=3)
    wait_for("countdown", lambda: seconds_of("countdown"))
    assert 2.9 <= seconds_of("countdown")[0] <= 9, notes()
    ok("countdown")
    if NEW:
        mark.apply_async(("delayed", time.time()), DelaySeconds=2)
        wait_for("delay", lambda: seconds_of("delayed"))
        assert 1.9 <= seconds_of("delayed")[0] <= 8, notes()
        ok("a delay by DelaySeconds")


def retry():
    flaky.delay()
    wait_for("three attempts", lambda: "attempt 3" in notes())
    assert [line for line in notes() if line.startswith("attempt")] == ["attempt 1", "attempt 2", "attempt 3"], notes()
    ok("a task that retries twice")


def killed_worker(worker):
    wait_for("the queue is empty", lambda: messages_left() == 0)
    slow.delay()
    wait_for("the slow task starts", lambda: "slow started" in notes())
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert messages_left() == 1, "the task of the killed worker is lost"
    worker = start_worker()
    wait_for("the slow task is done", lambda: "slow done" in notes())
    assert notes().count("slow started") == 2, notes()
    wait_for("the queue is empty", lambda: messages_left() == 0)
    ok("acks_late: the worker is killed in the middle, another gets the task again")
    return worker


def end(worker):
    worker.terminate()
    assert worker.wait(30) == 0, f"the worker ended with {worker.returncode}"
    ok("warm shutdown")
    add.delay(1, 2)
    add.delay(3, 4)
    assert messages_left() == 2
    with app.connection_for_write() as connection:
        queue = app.amqp.queues["celery"].bind(connection.default_channel)
        queue.declare()
        queue.purge()
        assert messages_left() == 0, "the queue is purged"
        ok("queue purge")
        queue.delete()
    if NEW:
        assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=QUEUE), "the queue is deleted"
        ok("queue deletion")


signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
worker = start_worker()
try:
    twenty_tasks()
    later()
    retry()
    worker = killed_worker(worker)
    end(worker)
finally:
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
    os.unlink(os.environ["NOTES"])
