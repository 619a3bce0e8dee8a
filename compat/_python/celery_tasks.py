"""The tasks that celery_check.py sends. What they do they write to the file $NOTES."""

import os
import time

from celery import Celery

app = Celery(broker=os.environ["KEW_URL"].replace("http://", "sqs://test:test@"))
app.conf.update(
    broker_transport_options={
        "is_secure": False,
        "region": "us-east-1",
        "queue_name_prefix": "compat-",
        "visibility_timeout": 8,
        "wait_time_seconds": 5,
    },
    task_ignore_result=True,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=1,
)


def note(line):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{line}\n")


def notes():
    with open(os.environ["NOTES"]) as notes:
        return notes.read().splitlines()


@app.task
def add(x, y):
    note(f"sum {x + y}")


@app.task
def mark(word, sent_at):
    note(f"{word} after {time.time() - sent_at:.1f}")


@app.task(bind=True)
def flaky(self):
    note(f"attempt {self.request.retries + 1}")
    if self.request.retries < 2:
        raise self.retry(countdown=1)


@app.task(acks_late=True)
def slow():
    first = "slow started" not in notes()
    note("slow started")
    if first:
        time.sleep(60)  # long enough to be killed
    note("slow done")
