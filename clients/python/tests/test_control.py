"""What a test says to kew, and what it hears."""

import os
import select
import signal
import subprocess
import sys
from typing import Any

import boto3
import kew_sqs
import pytest
from kew_sqs import Kew, KewError, NotMet, Server

ORDERS = {"name": "orders", "VisibilityTimeout": 30, "DeadLetterQueue": "orders-dead", "MaxReceiveCount": 3}


@pytest.fixture
def sqs(kew: Kew) -> Any:
    return boto3.client("sqs")


def receive(sqs: Any, url: str) -> Any:
    return sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"]).get("Messages", [])


def test_queues(kew: Kew, sqs: Any) -> None:
    url = kew.queue("orders", VisibilityTimeout=45)
    assert url == kew.url("orders") == sqs.get_queue_url(QueueName="orders")["QueueUrl"] == kew.queue("orders")
    got = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert got["VisibilityTimeout"] == "45"
    policy = {"deadLetterTargetArn": got["QueueArn"], "maxReceiveCount": 2}
    other = kew.queue("other", RedrivePolicy=policy)
    assert "orders" in sqs.get_queue_attributes(QueueUrl=other, AttributeNames=["All"])["Attributes"]["RedrivePolicy"]
    fifo = kew.queue("jobs.fifo", ContentBasedDeduplication="true")
    sqs.send_message(QueueUrl=fifo, MessageBody="1", MessageGroupId="a")
    assert sorted(queue["name"] for queue in kew.call("GET", "/queues")["queues"]) == ["jobs.fifo", "orders", "other"]
    with pytest.raises(KewError, match="there is no queue order\n  there are: jobs.fifo, orders, other"):
        kew.url("order")
    with pytest.raises(KewError, match="VisibilityTimeout"):
        kew.queue("wrong", VisibilityTimeout="long")


@pytest.mark.kew(queues=["orders"])
def test_clock(kew: Kew, sqs: Any) -> None:
    url = kew.url("orders")
    kew.freeze()
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    assert kew.clock()["mode"] == "frozen" and receive(sqs, url) == []
    assert kew.advance("14m")["steps"] == []
    assert kew.advance(to="next", queue="orders")["now"] == kew.clock()["now"]
    assert [message["Body"] for message in receive(sqs, url)] == ["later"]
    assert kew.advance(30.5, jump=True)["reached"]
    assert [message["Attributes"]["ApproximateReceiveCount"] for message in receive(sqs, url)] == ["2"]
    kew.reset()
    assert kew.clock()["mode"] == "real" and kew.peek("orders") == []
    kew.auto(consumers={"orders": 1}, max_jumps=7)
    assert kew.clock()["auto"]["options"]["maxJumps"] == 7


@pytest.mark.kew(queues=["orders"])
def test_await(kew: Kew, sqs: Any) -> None:
    url = kew.url("orders")
    id = sqs.send_message(QueueUrl=url, MessageBody='{"order": 1001}', DelaySeconds=900)["MessageId"]
    assert kew.await_("orders", message={"json": {"$.order": 1001}}, delayed=1)["message"]["id"] == id
    with pytest.raises(NotMet, match="orders: inFlight 0, wanted 1") as missed:
        kew.await_("orders", in_flight=1, message=id, state="inFlight", timeout="20ms")
    assert "nearest: " + id in str(missed.value) and missed.value.answer["seed"] == kew.seed
    assert kew.await_("orders", visible=1, auto=True)["counts"]["orders"]["visible"] == 1
    assert kew.await_(all=[{"queue": "orders", "visible": 1}])["met"]
    with pytest.raises(KewError, match="visibel") as refused:
        kew.await_("orders", visibel=1)
    assert refused.value.status == 400


@pytest.mark.kew(queues=["orders"])
def test_fault(kew: Kew, sqs: Any) -> None:
    url = kew.url("orders")
    with kew.fault("lostAnswer", action="SendMessage", queue="orders", nth=[2], how="close") as fault:
        for body in ("a", "b", "c"):
            sqs.send_message(QueueUrl=url, MessageBody=body)
        assert fault.fired == 1
    assert [message["body"] for message in kew.peek("orders", state="visible")] == ["a", "b", "b", "c"]
    assert kew.call("GET", "/faults")["faults"] == []
    rule = kew.fault("duplicate", while_="inFlight", copies=2, when={"after": 1})
    assert kew.call("GET", "/faults")["faults"][0]["when"] == {"after": 1}
    rule.remove()
    with kew.fault("awsLike", on={"queue": "orders"}) as profile:
        assert len(kew.call("GET", "/faults")["faults"]) > 1 and profile.fired == 0
    assert kew.call("GET", "/faults")["faults"] == []
    with pytest.raises(KewError, match="did you mean `lostAnswer`"):
        kew.fault("lostAnser")


@pytest.mark.kew(queues=[ORDERS], ignore=["K12"])
def test_history_and_report(kew: Kew, sqs: Any) -> None:
    id = sqs.send_message(QueueUrl=kew.url("orders"), MessageBody="1001")["MessageId"]
    [message] = receive(sqs, kew.url("orders"))
    assert [event["type"] for event in kew.history(id)] == ["sent", "received"]
    assert [event["messageId"] for event in kew.history(queue="orders", type="received")] == [id]
    kew.advance("31s")
    sqs.delete_message(QueueUrl=kew.url("orders"), ReceiptHandle=message["ReceiptHandle"])
    assert {finding["code"] for finding in kew.report()["findings"]} > {"K2"} and not kew.report()["clean"]
    assert "K2" not in {finding["code"] for finding in kew.report(ignore="K2")["findings"]}
    story = kew.story()
    assert "timeline:" in story and "received" in story and "running" in story and story.endswith(f"seed: {kew.seed}")
    kew.reset("history")  # so that the report of this test is clean


@pytest.mark.kew(queues=["orders"], faults=[{"fault": "throttle", "when": {"first": 1}}], seed=7)
def test_a_namespace_is_as_it_was_wanted(kew: Kew, sqs: Any) -> None:
    assert kew.seed == 7
    sqs.send_message(QueueUrl=kew.url("orders"), MessageBody="x")
    assert kew.call("GET", "/faults")["faults"][0]["fired"] == 1


def test_without_pytest(kew_server: Server) -> None:
    with kew_server.namespace(["orders"], name="mine", clock={"mode": "frozen"}) as kew:
        assert kew.clock()["mode"] == "frozen"
        client = boto3.client("sqs", **kew.client_options)
        assert client.list_queues()["QueueUrls"] == [kew.url("orders")]
    with pytest.raises(KewError, match="there is no namespace `mine`"):
        kew.clock()


def test_a_kew_ends_with_the_process_that_started_it() -> None:
    script = "import kew_sqs, sys; kew = kew_sqs.start(); print(kew.process.pid, flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    ended = os.pidfd_open(int(process.stdout.readline()))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert select.select([ended], [], [], 30)[0], "kew goes on"
    os.close(ended)


def test_a_kew_is_stopped_whatever_was_forked_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEW_URL", raising=False)
    with kew_sqs.start() as server:
        reader, writer = os.pipe()
        if not (child := os.fork()):
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
    assert server.process and server.process.returncode is not None
    os.close(writer)
    os.waitpid(child, 0)
    os.close(reader)


def test_another_server_is_no_kew(kew_server: Server) -> None:
    with pytest.raises(KewError, match="what answers at .* is no kew: 404 <Unknown"):
        Server(f"{kew_server.url}/health?").namespace()


def test_what_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEW_BIN", "/bin/false")
    monkeypatch.delenv("KEW_URL", raising=False)
    with pytest.raises(RuntimeError, match="/bin/false did not start: exit code 1"):
        kew_sqs.start()
    monkeypatch.delenv("KEW_BIN")
    with pytest.raises(FileNotFoundError, match="KEW_BIN"):
        kew_sqs.start()
