"""Runs examples/article/producer.py and consumer.py as they are and checks what they print and what they leave."""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parent.parent / "examples" / "article"
KEW_URL = os.environ["KEW_URL"]
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")

# What a user has set anyway: keys, and AWS_DEFAULT_REGION (boto3 does not read AWS_REGION).
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REGION = {"AWS_DEFAULT_REGION": "us-east-1"}


def endpoints_json(directory):
    """The file that leads a boto3 of before July 2023 to kew."""
    hostname = KEW_URL.removeprefix("http://")
    sqs = {"endpoints": {"us-east-1": {"hostname": hostname, "protocols": ["http"]}}}
    partition = {
        "partition": "aws",
        "partitionName": "AWS",
        "dnsSuffix": "amazonaws.com",
        "regionRegex": r"^(us|eu)\-\w+\-\d+$",
        "defaults": {
            "hostname": "{service}.{region}.{dnsSuffix}",
            "protocols": ["https"],
            "signatureVersions": ["v4"],
        },
        "regions": {"us-east-1": {"description": "US East (N. Virginia)"}},
        "services": {"sqs": sqs},
    }
    Path(directory, "endpoints.json").write_text(json.dumps({"version": 3, "partitions": [partition]}))
    return {"AWS_DATA_PATH": directory}


def config_file(directory):
    """The same by ~/.aws/config instead of the environment."""
    path = Path(directory, "config")
    path.write_text(f"[default]\nregion = us-east-1\nservices = local\n[services local]\nsqs =\n  endpoint_url = {KEW_URL}\n")
    return {"AWS_CONFIG_FILE": str(path)}


def run(boto3_version, script, environment):
    """What the script prints, and how long it took."""
    started = time.monotonic()
    done = subprocess.run(
        [HERE / ".venv" / boto3_version / "bin" / "python", SCRIPTS / script],
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | KEYS | environment,
        capture_output=True,
        text=True,
        timeout=40,
    )
    assert done.returncode == 0, f"boto3 {boto3_version}: {script} failed:\n{done.stderr}"
    return done.stdout, time.monotonic() - started


def messages_left():
    query = "Action=GetQueueAttributes&AttributeName.1=All"
    with urllib.request.urlopen(f"{KEW_URL}/000000000000/OrderQueue?{query}", timeout=10) as answer:
        counts = re.findall(r"<Name>ApproximateNumberOfMessages\w*</Name><Value>(\d+)</Value>", answer.read().decode())
    assert len(counts) == 3, f"three counters expected, got {counts}"
    return sum(map(int, counts))


def scenario(boto3_version, environment, how):
    printed, _ = run(boto3_version, "producer.py", environment)
    assert UUID.search(printed), f"boto3 {boto3_version}: the producer printed no message id but {printed!r}"

    printed, one_message = run(boto3_version, "consumer.py", environment)
    orders = re.findall(r"^Order (\d+) for (.*): ", printed, re.MULTILINE)
    assert orders == [("1001", "Zoë Müller")], f"boto3 {boto3_version}: the consumer printed {printed!r}"
    assert messages_left() == 0, f"boto3 {boto3_version}: {messages_left()} messages are left"

    printed, no_message = run(boto3_version, "consumer.py", environment)
    assert printed == "", f"boto3 {boto3_version}: an empty queue, but the consumer printed {printed!r}"
    waited = no_message - one_message
    assert 9 <= waited <= 11, f"boto3 {boto3_version}: the empty long poll took {waited:.1f} s instead of 10"
    print(f"ok: boto3 {boto3_version}: sent, received, deleted, and an empty 10 s long poll, {how}", flush=True)


with tempfile.TemporaryDirectory() as directory:
    scenario("1.44.5", REGION | {"AWS_ENDPOINT_URL_SQS": KEW_URL}, "by AWS_ENDPOINT_URL_SQS")
    scenario("1.44.5", config_file(directory), "by a config file")
    scenario("1.35.0", REGION | {"AWS_ENDPOINT_URL": KEW_URL}, "by AWS_ENDPOINT_URL")
    scenario("1.28.0", REGION | {"AWS_ENDPOINT_URL_SQS": KEW_URL}, "by AWS_ENDPOINT_URL_SQS")
    scenario("1.24.96", REGION | endpoints_json(directory), "by AWS_DATA_PATH")
