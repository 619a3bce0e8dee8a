"""The same with kew for SQS, and what could not be tested before."""

import boto3
import orders
import pytest
from botocore.exceptions import ClientError


def test_an_order_is_placed(kew):
    kew.queue("orders")
    orders.place(1001)
    kew.await_("orders", message={"json": {"$.order": 1001}})


def test_an_invoice_is_written(kew_and_moto):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="invoices")
    kew_and_moto.queue("orders")
    orders.place(1001)
    orders.work()
    kew_and_moto.await_("orders", empty=True)
    assert s3.get_object(Bucket="invoices", Key="1001.txt")["Body"].read() == b"invoice for order 1001"


def test_an_order_without_invoice_comes_back(kew_and_moto):
    kew = kew_and_moto
    kew.queue("orders", VisibilityTimeout=30)
    orders.place(1001)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        orders.work()
    kew.await_("orders", in_flight=1)
    kew.advance("30s")
    boto3.client("s3").create_bucket(Bucket="invoices")
    orders.work()
    kew.await_("orders", empty=True)


def test_an_order_is_placed_though_the_answer_was_lost(kew):
    kew.queue("orders")
    with kew.fault("lostAnswer", action="SendMessage", nth=[1]):
        orders.place(1001)  # boto3 sends it again by itself
    kew.await_("orders", visible=2)
