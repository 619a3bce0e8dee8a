"""Starts a kew that was installed from a package, and uses it: health check, a message sent and received with boto3, a clean end."""

import contextlib
import os
import re
import signal
import subprocess

import boto3


@contextlib.contextmanager
def started(command, *, ctrl_c=False, **popen):
    """Runs `command`, which starts kew in the foreground, until the block ends; gives the port that it says it listens on.

    It is ended by SIGTERM; or as Ctrl-C does it, for commands that are several processes: SIGINT for all of them.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0, **popen)
    try:
        line = process.stdout.readline()
        found = re.search(r"http://[^ ]*:(\d+)", line)
        assert found and "Ready." in line, f"kew said {line!r} instead of where it listens"
        yield int(found[1])
        os.killpg(process.pid, signal.SIGINT) if ctrl_c else process.terminate()
        # Its standard output is closed when the last of them has ended.
        process.stdout.read()
        assert process.wait() in ([0, -signal.SIGINT] if ctrl_c else [0]), f"kew ended with {process.returncode}"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()


def client(port):
    return boto3.client(
        "sqs", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )


def send_and_receive(port, body="an order", queue="orders"):
    """A message there and back."""
    sqs = client(port)
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=body)
    [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == body
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def healthy(command, port, **popen):
    """`kew healthcheck` succeeds while kew runs, and fails where nothing listens."""
    at = [*command, "healthcheck", "--listen"]
    subprocess.run([*at, f"127.0.0.1:{port}"], check=True, **popen)
    failed = subprocess.run([*at, "127.0.0.1:1"], capture_output=True, text=True, **popen)
    assert failed.returncode == 1 and "no answer" in failed.stderr, failed


def use(command, **popen):
    """All of it, for `command`, which is kew without arguments."""
    version = subprocess.run([*command, "--version"], check=True, stdout=subprocess.PIPE, text=True, **popen).stdout
    with started([*command, "--listen", "127.0.0.1:0"], **popen) as port:
        healthy(command, port, **popen)
        send_and_receive(port)
    return version.split()[1]
