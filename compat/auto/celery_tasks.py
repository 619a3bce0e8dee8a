"""A Celery application whose only task fails, and is acknowledged only when it succeeds: so SQS gives it again.

`python celery_tasks.py` sends the task once.
"""

import os

from celery import Celery

QUEUE_URL = os.environ["KEW_QUEUE_URL"]

app = Celery(broker=os.environ["AWS_ENDPOINT_URL"].replace("http://", "sqs://test:test@"))
app.conf.update(
    broker_transport_options={
        "is_secure": False,
        "region": "us-east-1",
        "predefined_queues": {QUEUE_URL.rsplit("/", 1)[1]: {"url": QUEUE_URL}},
        # Celery's own is half an hour, and it asks for it with each receive.
        "visibility_timeout": 30,
        "wait_time_seconds": 10,
        # Seconds of rest that it takes now and then between two polls; 1 if not said.
        "polling_interval": 0.1,
    },
    task_default_queue=QUEUE_URL.rsplit("/", 1)[1],
    task_ignore_result=True,
    task_acks_late=True,
    task_acks_on_failure_or_timeout=False,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=1,
)


@app.task(name="process")
def process():
    raise RuntimeError("the processing of the order fails")


if __name__ == "__main__":
    process.delay()
