"""Tests that run at the same time do not disturb each other."""

import pytest


def test_two_hundred_tests_on_eight_workers(pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> None:
    pytester.makeconftest(
        """
        import pathlib, pytest

        @pytest.fixture(scope="session", autouse=True)
        def started(kew_server):
            pathlib.Path(f"started-{kew_server.process.pid}").write_text(str(kew_server.ready_after))
        """
    )
    tests = """
    import boto3, pytest

    @pytest.mark.parametrize("n", range(200))
    @pytest.mark.kew(queues=["orders", "bills"])
    def test_only_mine(kew, n):
        sqs = boto3.client("sqs")
        orders, bills = kew.url("orders"), kew.url("bills")
        sqs.send_message(QueueUrl=orders, MessageBody=f"now {n}")
        sqs.send_message(QueueUrl=orders, MessageBody=f"later {n}", DelaySeconds=60 + n)
        kew.await_("orders", visible=1, delayed=1, sent=2)
        kew.advance(60 + n)
        kew.await_("orders", visible=2, delayed=0)
        messages = sqs.receive_message(QueueUrl=orders, MaxNumberOfMessages=10)["Messages"]
        assert sorted(message["Body"] for message in messages) == [f"later {n}", f"now {n}"]
        for message in messages:
            sqs.delete_message(QueueUrl=orders, ReceiptHandle=message["ReceiptHandle"])
        kew.await_("orders", empty=True, deleted=2)
        kew.await_("bills", empty=True, sent=0)
    """
    pytester.makepyfile(tests)
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n8").assert_outcomes(passed=200)
    ready = sorted(float(file.read_text()) * 1000 for file in pytester.path.glob("started-*"))
    assert len(ready) == 8
    with capsys.disabled():
        print(f"\n200 tests on 8 workers; each kew ready after {', '.join(f'{ms:.0f}' for ms in ready)} ms")
