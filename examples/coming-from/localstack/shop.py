"""Places orders, and works through them. Plain boto3, with LocalStack's address and a queue URL of LocalStack's written into it."""

import boto3

sqs = boto3.client(
    "sqs",
    endpoint_url="http://localhost:4566",
    region_name="eu-central-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
ORDERS = "http://sqs.eu-central-1.localhost.localstack.cloud:4566/000000000000/orders"


def place(order):
    sqs.send_message(QueueUrl=ORDERS, MessageBody=order)


def work():
    """The orders that are there. They are not deleted before they are done with."""
    for message in sqs.receive_message(QueueUrl=ORDERS, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
        yield message["Body"]
        sqs.delete_message(QueueUrl=ORDERS, ReceiptHandle=message["ReceiptHandle"])
