"""The plugin in runs of pytest of its own, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from kew_sqs import Kew, Server

EXAMPLE = Path(__file__).parent.parent / "example"
ORDERS = '{"name": "orders", "VisibilityTimeout": 30}'
SENDS = """
    import boto3, pytest

    def send():
        sqs = boto3.client("sqs")
        url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
        return sqs.send_message(QueueUrl=url, MessageBody="1001")["MessageId"]
"""


def run(pytester: pytest.Pytester, tests: str, *arguments: str) -> pytest.RunResult:
    head, body = ("\n".join(line[4:] for line in text.splitlines()) for text in (SENDS, tests))
    pytester.makepyfile(test_it=f"{head}\n{body}")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_each_test_has_queues_of_its_own(pytester: pytest.Pytester) -> None:
    tests = """
    @pytest.mark.parametrize("n", range(3))
    @pytest.mark.kew(queues=["orders"])
    def test_one(kew, n, monkeypatch):
        kew.await_("orders", empty=True)
        send()
        kew.await_("orders", messages=1, sent=1)
    """
    run(pytester, tests).assert_outcomes(passed=3)


def test_the_environment_leads_to_kew_and_is_as_before_afterwards(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # that of boto3; the plugin goes by none
    monkeypatch.setenv("KEW_LISTEN", "127.0.0.1:1")
    tests = """
    import os

    @pytest.mark.kew(queues=["orders"])
    def test_inside(kew):
        send()
        assert {name: os.environ[name] for name in kew.env} == kew.env

    def test_outside():
        assert os.environ["AWS_PROFILE"] == "production" and os.environ["AWS_DEFAULT_REGION"] == "eu-central-1"
        assert "AWS_ENDPOINT_URL" not in os.environ
    """
    run(pytester, tests).assert_outcomes(passed=2)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_who_fails_tells_the_timeline_the_clock_and_the_seed(pytester: pytest.Pytester, workers: str) -> None:
    tests = """
    @pytest.mark.kew(queues=["orders"], clock="frozen", seed=99)
    def test_fails(kew):
        send()
        kew.await_("orders", empty=True, timeout="10ms")
    """
    result = run(pytester, tests, workers)
    result.assert_outcomes(failed=1)
    wanted = ["*NotMet: await not met*", "*- kew -*", "timeline:", "*orders*sent*", "clock:", "*frozen*", "seed: 99"]
    result.stdout.fnmatch_lines(wanted)
    result.stdout.no_fnmatch_line("*urllib*open*")


def test_who_passes_tells_nothing(pytester: pytest.Pytester) -> None:
    result = run(pytester, '    @pytest.mark.kew(queues=["orders"])\n    def test_passes(kew): send()')
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*timeline*")
    result.stdout.no_fnmatch_line("*consumer report*")


LATE = f"""
    @pytest.mark.parametrize("n", range(2))
    @pytest.mark.kew(queues=[{ORDERS}], clock="frozen", ignore=IGNORE)
    def test_late(kew, n):
        send()
        sqs, url = boto3.client("sqs"), kew.url("orders")
        handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
        kew.advance("31s")
        sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
"""


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_the_consumer_report_at_the_end(pytester: pytest.Pytester, workers: str) -> None:
    result = run(pytester, LATE.replace("IGNORE", "[]"), workers)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*consumer report of kew*", "*K2 orders: *", "*change: *", "*test_late* and 1 more"])


def test_findings_can_fail_a_test(pytester: pytest.Pytester) -> None:
    result = run(pytester, LATE.replace("IGNORE", "[]"), "--kew-fail-on", "warning")
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_late*", "the consumer report of kew:", "*K2 orders: *", "seed: *"]
    )
    codes = '["K1", "K2", "K3", "K4", "K6", "K12"]'
    run(pytester, LATE.replace("IGNORE", codes), "-o", "kew_fail_on=warning").assert_outcomes(passed=2)


def test_the_same_seed_gives_the_same_ids(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = """
    @pytest.mark.parametrize("n", range(2))
    @pytest.mark.kew(queues=["orders"])
    def test_id(kew, n):
        print("id:", n, send())
    """

    def ids() -> set[str]:
        return {line for line in run(pytester, tests, "-s").outlines if "id:" in line}

    assert len(ids() | ids()) == 4
    monkeypatch.setenv("KEW_SEED", "7")
    assert len(ids() | ids()) == 2


def test_a_kew_that_runs_already(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, kew_server: Server, kew: Kew
) -> None:
    monkeypatch.setenv("KEW_URL", kew_server.url)
    monkeypatch.setenv("KEW_BIN", "/bin/false")
    tests = f"""
    @pytest.mark.kew(queues=["orders"])
    def test_there(kew, kew_server):
        send()
        assert kew_server.url == "{kew_server.url}" and kew.env["AWS_ENDPOINT_URL"] == kew_server.url
    """
    run(pytester, tests, "-n2").assert_outcomes(passed=1)
    # It goes on, and nothing is left in it.
    assert [space["name"] for space in kew_server.call("GET", "/ns")["namespaces"]] == [kew.name]


def test_a_kew_that_wants_a_token(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [os.environ["KEW_BIN"], "--listen", "127.0.0.1:0", "--control", "token", "--control-token", "secret"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        monkeypatch.setenv("KEW_URL", process.stdout.readline().split()[3].rstrip("."))
        monkeypatch.setenv("KEW_CONTROL_TOKEN", "secret")
        tests = '    @pytest.mark.kew(queues=["orders"])\n    def test_there(kew): send()'
        try:
            run(pytester, tests).assert_outcomes(passed=1)
            monkeypatch.setenv("KEW_CONTROL_TOKEN", "wrong")
            run(pytester, tests).assert_outcomes(errors=1)
        finally:
            process.terminate()


def test_markers_of_a_test_its_class_and_its_module(pytester: pytest.Pytester) -> None:
    tests = """
    pytestmark = pytest.mark.kew(queues=["orders"], clock="frozen")

    @pytest.mark.kew(seed=7)
    class TestIt:
        @pytest.mark.kew(clock="running")
        def test_all(self, kew):
            send()
            assert kew.seed == 7 and kew.clock()["mode"] == "running"

        @pytest.mark.kew("orders")
        def test_wrong(self, kew): pass

        @pytest.mark.kew(queue="orders")
        def test_misspelt(self, kew): pass
    """
    result = run(pytester, tests)
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*what pytest.mark.kew says has names*", "*unexpected keyword argument 'queue'*"])


def test_asynchronous_tests(pytester: pytest.Pytester) -> None:
    tests = """
    import asyncio
    from aiobotocore.session import get_session

    @pytest.mark.asyncio
    @pytest.mark.kew(queues=["orders"])
    async def test_consumer(kew):
        async def consume():
            async with get_session().create_client("sqs") as sqs:
                url = (await sqs.get_queue_url(QueueName="orders"))["QueueUrl"]
                answer = await sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
                for message in answer["Messages"]:
                    await sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

        consumer = asyncio.create_task(consume())
        async with get_session().create_client("sqs") as sqs:
            await sqs.send_message(QueueUrl=kew.url("orders"), MessageBody="later", DelaySeconds=900)
        await kew.until("orders", deleted=1, auto=True)
        await consumer
    """
    run(pytester, tests, "-W", "ignore").assert_outcomes(passed=1)


def test_the_example(pytester: pytest.Pytester) -> None:
    for arguments in ([], ["-n2"]):
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments], cwd=EXAMPLE, check=True
        )


def test_a_client_of_another_thread_is_given_its_options(kew: Kew) -> None:
    kew.queue("orders")
    assert boto3.client("sqs", **kew.client_options).list_queues()["QueueUrls"] == [kew.url("orders")]
