"""A shop's orders, and an invoice for each of them in S3. Plain boto3."""

import json

import boto3


def place(order):
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"order": order}))


def work():
    """Writes the invoices of the orders that are there. An order without one stays in the queue, and comes back."""
    sqs, s3 = boto3.client("sqs"), boto3.client("s3")
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        order = json.loads(message["Body"])["order"]
        s3.put_object(Bucket="invoices", Key=f"{order}.txt", Body=f"invoice for order {order}".encode())
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
