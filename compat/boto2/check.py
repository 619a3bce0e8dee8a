"""boto 2 of before 2015: Query by GET, requests to the queue's path without a QueueUrl, AttributeName without a number."""

import hashlib
import os
import time
from urllib.parse import urlsplit

import boto.sqs.connection
from boto.exception import SQSError
from boto.sqs.message import RawMessage
from boto.sqs.regioninfo import SQSRegionInfo

BODY = 'hello <world> & "ünïcode" \U0001f427 日本語'
kew = urlsplit(os.environ["KEW_URL"])
region = SQSRegionInfo(name="us-east-1", endpoint=kew.hostname)
sqs = boto.sqs.connection.SQSConnection(region=region, port=kew.port, is_secure=False)


def ok(what):
    print(f"ok: {what}", flush=True)


def equal(actual, wanted, what):
    assert actual == wanted, f"{what}: expected {wanted!r}, got {actual!r}"


def fails(code, status, call, *arguments):
    try:
        call(*arguments)
    except SQSError as error:
        equal((error.error_code, error.status), (code, status), "code and status")
        return
    raise AssertionError(f"expected {code}, but the call succeeded")


queue = sqs.create_queue("core", 45)
queue.set_message_class(RawMessage)
equal(queue.url, f"{os.environ['KEW_URL']}/000000000000/core", "URL")
equal(sqs.get_queue("core").url, queue.url, "get_queue")
equal([found.url for found in sqs.get_all_queues("co")], [queue.url], "get_all_queues")
equal(queue.arn, "arn:aws:sqs:us-east-1:000000000000:core", "ARN, taken from the URL")
ok("create, get and list queues")

queue.set_attribute("MaximumMessageSize", 2048)
attributes = queue.get_attributes()
equal(attributes["MaximumMessageSize"], "2048", "MaximumMessageSize")
equal(attributes["VisibilityTimeout"], "45", "VisibilityTimeout")
equal(attributes["QueueArn"], "arn:aws:sqs:us-east-1:000000000000:core", "QueueArn")
ok("set and get attributes")

message = RawMessage(body=BODY)
message.message_attributes = {
    "Text": {"data_type": "String", "string_value": "välue <&>"},
    "Count": {"data_type": "Number", "string_value": "42"},
}
queue.write(message)
(received,) = queue.get_messages(wait_time_seconds=5, attributes="All", message_attributes=["All"])
equal(received.get_body(), BODY, "body")
equal(received.id, message.id, "MessageId")
equal(received.md5, hashlib.md5(BODY.encode()).hexdigest(), "digest")
equal(received.attributes["ApproximateReceiveCount"], "1", "ApproximateReceiveCount")
equal(received.message_attributes["Text"]["string_value"], "välue <&>", "Text")
equal(received.message_attributes["Count"]["data_type"], "Number", "type of Count")
ok("send and receive with attributes and a Unicode body")

received.change_visibility(0)
(again,) = queue.get_messages()
equal(again.id, received.id, "the message made visible")
again.delete()
ok("change visibility, delete")

queue.write_batch([("a", "body a", 0), ("b", "body b", 0), ("c", "body c", 900)])
messages = queue.get_messages(10)
equal([m.get_body() for m in messages], ["body a", "body b"], "bodies")
equal(queue.get_attributes()["ApproximateNumberOfMessagesDelayed"], "1", "delayed")
changed = queue.change_message_visibility_batch([(m, 60) for m in messages])
equal(changed.errors, [], "errors")  # boto 2 does not collect the results of this one
messages[1].receipt_handle = "junk"
deleted = queue.delete_message_batch(messages)
equal([entry["id"] for entry in deleted.results], [messages[0].id], "deleted")
equal([entry["error_code"] for entry in deleted.errors], ["ReceiptHandleIsInvalid"], "not deleted")
ok("batches, one with a bad handle")

started = time.monotonic()
equal(queue.read(wait_time_seconds=2), None, "an empty queue")
waited = time.monotonic() - started
assert 1.9 <= waited <= 3.5, f"the empty long poll of 2 s took {waited:.2f} s"
ok("an empty long poll returns after its wait")

dead = sqs.create_queue("dead")
queue.set_attribute("RedrivePolicy", f'{{"deadLetterTargetArn":"{dead.arn}","maxReceiveCount":3}}')
equal([found.url for found in sqs.get_dead_letter_source_queues(dead)], [queue.url], "dead letter sources")
queue.add_permission("everybody", "111122223333", "SendMessage")
assert "111122223333" in queue.get_attributes("Policy")["Policy"], "the permission is in the policy"
queue.remove_permission("everybody")
ok("dead letter sources, permissions")

equal(sqs.get_queue("missing"), None, "a missing queue")
fails("ReceiptHandleIsInvalid", 404, sqs.delete_message_from_handle, queue, "junk")
fails("InvalidAttributeName", 400, queue.set_attribute, "Nonsense", 1)
ok("errors")

queue.purge()
queue.delete()
equal(sqs.get_queue("core"), None, "the deleted queue")
fails("AWS.SimpleQueueService.NonExistentQueue", 400, queue.get_attributes)
ok("purge, delete")
