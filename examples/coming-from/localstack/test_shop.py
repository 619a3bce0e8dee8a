"""Against the server that is at port 4566, be it LocalStack or kew."""

import json
import time
from urllib.request import Request, urlopen

import pytest
import shop

SERVER = "http://localhost:4566"


def ask(path, method="GET"):
    return json.load(urlopen(Request(SERVER + path, headers={"Accept": "application/json"}, method=method)))


@pytest.fixture(scope="session", autouse=True)
def ready():
    """Init scripts run when the server answers already."""
    while not ask("/_localstack/init/ready")["completed"]:
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def empty():
    shop.sqs.purge_queue(QueueUrl=shop.ORDERS)


def test_the_server_is_well():
    assert ask("/_localstack/health")["services"]["sqs"] in ("available", "running")


def test_an_order_is_worked_through():
    shop.place("1001")
    assert list(shop.work()) == ["1001"]
    assert list(shop.work()) == []


def test_looking_without_receiving():
    shop.place("1001")
    answer = ask(f"/_aws/sqs/messages?QueueUrl={shop.ORDERS}")["ReceiveMessageResponse"]["ReceiveMessageResult"]
    assert answer["Message"]["Body"] == "1001"


def test_the_init_script_has_made_the_dead_letter_queue():
    attributes = shop.sqs.get_queue_attributes(QueueUrl=shop.ORDERS, AttributeNames=["RedrivePolicy"])["Attributes"]
    assert json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].endswith(":orders-dead")
