"""A shop takes orders, and charges for each of them, later and once. Plain boto3: nothing here knows of kew."""

import json
from threading import Event
from typing import Any, Callable

import boto3


def client() -> Any:
    return boto3.client("sqs")


def url(sqs: Any) -> str:
    return str(sqs.get_queue_url(QueueName="orders")["QueueUrl"])


def place(order: int, delay_seconds: int = 0) -> None:
    """The producer."""
    sqs = client()
    sqs.send_message(QueueUrl=url(sqs), MessageBody=json.dumps({"order": order}), DelaySeconds=delay_seconds)


def work(charge: Callable[[int], None], stopped: Event) -> None:
    """The consumer. An order that cannot be charged is left in the queue, and comes back."""
    sqs, charged = client(), set()
    while not stopped.is_set():
        answer = sqs.receive_message(QueueUrl=url(sqs), WaitTimeSeconds=5)
        for message in answer.get("Messages", []):
            order = json.loads(message["Body"])["order"]
            try:
                # SQS may deliver twice.
                if order not in charged:
                    charge(order)
                    charged.add(order)
            except ConnectionError:
                continue
            sqs.delete_message(QueueUrl=url(sqs), ReceiptHandle=message["ReceiptHandle"])
