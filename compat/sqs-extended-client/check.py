"""The extended client keeps big bodies in S3 (played by moto) and sends a pointer through kew."""

import os

import boto3
import sqs_extended_client  # noqa: F401  adds its methods to boto3's SQS client and resource
from moto.server import ThreadedMotoServer

BIG = "x" * 300_000


def ok(what):
    print(f"ok: {what}", flush=True)


moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
moto.start()
host, port = moto.get_host_and_port()
s3 = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
s3.create_bucket(Bucket="bodies")

sqs = boto3.client("sqs", endpoint_url=os.environ["KEW_URL"])
sqs.large_payload_support = "bodies"
sqs.s3_client = s3
url = sqs.create_queue(QueueName="extended")["QueueUrl"]


def receive(**arguments):
    return sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MessageAttributeNames=["All"], **arguments)["Messages"]


def objects():
    return s3.list_objects_v2(Bucket="bodies").get("KeyCount")


sqs.send_message(QueueUrl=url, MessageBody=BIG, MessageAttributes={"colour": {"DataType": "String", "StringValue": "blue"}})
assert objects() == 1, "the body is in S3"
through_kew = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
assert through_kew["ApproximateNumberOfMessages"] == "1", through_kew
(message,) = receive()
assert message["Body"] == BIG
assert message["MessageAttributes"]["colour"]["StringValue"] == "blue", message["MessageAttributes"]
assert "-..s3BucketName..-" in message["ReceiptHandle"], message["ReceiptHandle"]
ok("a body of 300 kB, and the attribute sent with it")

sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
(again,) = receive()
assert again["MessageId"] == message["MessageId"]
sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
ok("visibility and deletion by the handle that the extended client made longer")

sqs.send_message_batch(
    QueueUrl=url, Entries=[{"Id": "big", "MessageBody": BIG}, {"Id": "small", "MessageBody": "a small one"}]
)
messages = receive(MaxNumberOfMessages=10)
assert sorted(m["Body"] for m in messages) == ["a small one", BIG]
deleted = sqs.delete_message_batch(
    QueueUrl=url, Entries=[{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
)
assert len(deleted["Successful"]) == 2 and "Failed" not in deleted, deleted
assert "Messages" not in sqs.receive_message(QueueUrl=url)
ok("a batch of a big and a small one")

moto.stop()
