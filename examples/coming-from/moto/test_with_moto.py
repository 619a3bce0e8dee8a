"""How it was: all of AWS by moto, inside the process of the tests."""

import json

import boto3
import orders
import pytest
from moto import mock_aws


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


def test_an_order_is_placed(aws):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    orders.place(1001)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"]) == {"order": 1001}


def test_an_invoice_is_written(aws):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="invoices")
    boto3.client("sqs").create_queue(QueueName="orders")
    orders.place(1001)
    orders.work()
    assert s3.get_object(Bucket="invoices", Key="1001.txt")["Body"].read() == b"invoice for order 1001"
