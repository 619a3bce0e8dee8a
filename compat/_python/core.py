"""The scenario that every Python client runs, through a boto3 client or anything that looks like one."""

import hashlib
import os
import struct
import time
import uuid

KEW_URL = os.environ["KEW_URL"]
ACCOUNT = "000000000000"
REGION = "us-east-1"

BODY = 'hello <world> & "ünïcode" \U0001f427 日本語\r\n\tend'
ATTRIBUTES = {
    "Text": {"DataType": "String", "StringValue": "välue <&>"},
    "Count": {"DataType": "Number", "StringValue": "42.50"},
    "Bytes": {"DataType": "Binary", "BinaryValue": b"\x00\x01\xfe\xff"},
    "Millis": {"DataType": "Number.java.lang.Long", "StringValue": "1493147359900"},
    "Picture.name": {"DataType": "Binary.gif", "BinaryValue": b"GIF89a"},
}
TRACE = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
JUNK = "junk-receipt-handle"


def ok(what):
    print(f"ok: {what}", flush=True)


def equal(actual, wanted, what):
    assert actual == wanted, f"{what}: expected {wanted!r}, got {actual!r}"


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def md5_of_attributes(attributes):
    """The digest as the SQS developer guide describes it."""
    digest = hashlib.md5()
    for name in sorted(attributes):
        attribute = attributes[name]
        binary = "BinaryValue" in attribute
        value = attribute["BinaryValue"] if binary else attribute["StringValue"].encode()
        for part in (name.encode(), attribute["DataType"].encode()):
            digest.update(struct.pack(">I", len(part)) + part)
        digest.update((b"\x02" if binary else b"\x01") + struct.pack(">I", len(value)) + value)
    return digest.hexdigest()


def fails(sqs, exception, code, call, **arguments):
    """The call must fail with this class of the client's own exceptions, carrying this code; returns the exception."""
    try:
        call(**arguments)
    except getattr(sqs.exceptions, exception) as error:
        equal(error.response["Error"]["Code"], code, f"code of {exception}")
        return error
    raise AssertionError(f"expected {exception}, but the call succeeded")


def run(sqs, query=False):
    """`sqs` is a client with boto3's methods; `query` says that it speaks the Query protocol."""
    name = f"core-{uuid.uuid4().hex[:8]}"
    url = queues(sqs, name)
    sending_and_receiving(sqs, url)
    visibility_and_deletion(sqs, url)
    fifo(sqs, name)
    errors(sqs, url, name, query)
    end_of_a_queue(sqs, url, name)


def queues(sqs, name):
    created = {"VisibilityTimeout": "45", "MessageRetentionPeriod": "86400"}
    url = sqs.create_queue(QueueName=name, Attributes=created, tags={"team": "kew", "purpose": "compat test"})["QueueUrl"]
    equal(url, f"{KEW_URL}/{ACCOUNT}/{name}", "QueueUrl")
    equal(sqs.get_queue_url(QueueName=name)["QueueUrl"], url, "GetQueueUrl")
    equal(sqs.create_queue(QueueName=name, Attributes=created)["QueueUrl"], url, "CreateQueue again")
    ok("create queue, again, and its URL")

    sqs.create_queue(QueueName=f"{name}-other")
    equal(sqs.list_queues(QueueNamePrefix=name)["QueueUrls"], [url, f"{url}-other"], "ListQueues")
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="no-such-prefix"), "ListQueues of nothing"
    sqs.delete_queue(QueueUrl=f"{url}-other")
    ok("list queues by prefix")

    equal(sqs.list_queue_tags(QueueUrl=url)["Tags"], {"team": "kew", "purpose": "compat test"}, "tags")
    sqs.tag_queue(QueueUrl=url, Tags={"team": "everybody", "stage": ""})
    sqs.untag_queue(QueueUrl=url, TagKeys=["purpose"])
    equal(sqs.list_queue_tags(QueueUrl=url)["Tags"], {"team": "everybody", "stage": ""}, "changed tags")
    ok("tags")

    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MaximumMessageSize": "2048"})
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    wanted = created | {
        "MaximumMessageSize": "2048",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
    }
    for stamp in ("CreatedTimestamp", "LastModifiedTimestamp"):
        age = time.time() - int(attributes.pop(stamp))
        assert -2 < age < 60, f"{stamp} is {age} s ago"
    equal(attributes, wanted, "attributes")
    some = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout", "Policy"])["Attributes"]
    equal(some, {"VisibilityTimeout": "45"}, "named attributes")
    ok("set and get queue attributes")
    return url


def sending_and_receiving(sqs, url):
    sent = sqs.send_message(
        QueueUrl=url, MessageBody=BODY, MessageAttributes=ATTRIBUTES, MessageSystemAttributes=TRACE
    )
    equal(sent["MD5OfMessageBody"], md5(BODY), "MD5OfMessageBody")
    equal(sent["MD5OfMessageAttributes"], md5_of_attributes(ATTRIBUTES), "MD5OfMessageAttributes")
    equal(sent["MD5OfMessageSystemAttributes"], md5_of_attributes(TRACE), "MD5OfMessageSystemAttributes")
    assert "SequenceNumber" not in sent, "a standard queue has no sequence numbers"
    ok("send with String, Number, Binary and custom attributes, a trace header and a Unicode body")

    received = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5, AttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]
    equal(len(received), 1, "messages received")
    message = received[0]
    equal(message["MessageId"], sent["MessageId"], "MessageId")
    equal(message["Body"], BODY, "Body")
    equal(message["MD5OfBody"], md5(BODY), "MD5OfBody")
    equal(message["MessageAttributes"], ATTRIBUTES, "MessageAttributes")
    equal(message["MD5OfMessageAttributes"], md5_of_attributes(ATTRIBUTES), "MD5OfMessageAttributes")
    system = message["Attributes"]
    equal(system["ApproximateReceiveCount"], "1", "ApproximateReceiveCount")
    equal(system["AWSTraceHeader"], TRACE["AWSTraceHeader"]["StringValue"], "AWSTraceHeader")
    for stamp in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"):
        age = time.time() - int(system[stamp]) / 1000
        assert -2 < age < 60, f"{stamp} is {age} s ago"
    names = {"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "AWSTraceHeader"}
    equal(set(system), names, "names of the system attributes")
    ok("receive by long poll: body, digests, message attributes, system attributes")

    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["Text", "Pic.*", "Absent"])["Messages"][0]
    some = {name: ATTRIBUTES[name] for name in ("Text", "Picture.name")}
    equal(again["MessageAttributes"], some, "chosen MessageAttributes")
    equal(again["MD5OfMessageAttributes"], md5_of_attributes(some), "digest of the chosen ones")
    assert "Attributes" not in again, "system attributes nobody asked for"
    assert again["ReceiptHandle"] != message["ReceiptHandle"], "each receive has a receipt handle of its own"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    ok("visibility 0, chosen message attributes, delete")


def visibility_and_deletion(sqs, url):
    entries = [{"Id": f"m{i}", "MessageBody": f"body {i}"} for i in range(3)]
    entries[1]["MessageAttributes"] = {"Text": ATTRIBUTES["Text"]}
    entries[2]["DelaySeconds"] = 900
    batch = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert "Failed" not in batch, batch
    equal({e["Id"]: e["MD5OfMessageBody"] for e in batch["Successful"]}, {f"m{i}": md5(f"body {i}") for i in range(3)}, "batch")
    equal(counters(sqs, url), ["2", "0", "1"], "visible, in flight, delayed")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    equal([m["Body"] for m in messages], ["body 0", "body 1"], "bodies")
    equal(counters(sqs, url), ["0", "2", "1"], "visible, in flight, delayed")
    ok("batch of three, one delayed, and the counters")

    handles = [m["ReceiptHandle"] for m in messages]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handles[0], VisibilityTimeout=120)
    changed = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "a", "ReceiptHandle": handles[0], "VisibilityTimeout": 60},
            {"Id": "b", "ReceiptHandle": JUNK, "VisibilityTimeout": 60},
        ],
    )
    equal([e["Id"] for e in changed["Successful"]], ["a"], "changed")
    failed(changed, "b")
    ok("change visibility, and a batch of it with one bad handle")

    entries = [{"Id": "a", "ReceiptHandle": handles[0]}, {"Id": "b", "ReceiptHandle": JUNK}]
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    equal([e["Id"] for e in deleted["Successful"]], ["a"], "deleted")
    failed(deleted, "b")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handles[1])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handles[1])
    equal(counters(sqs, url), ["0", "0", "1"], "visible, in flight, delayed")
    ok("delete, twice, and a batch of it with one bad handle")

    started = time.monotonic()
    answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)
    waited = time.monotonic() - started
    assert "Messages" not in answer, answer
    assert 1.9 <= waited <= 3.5, f"the empty long poll of 2 s took {waited:.2f} s"
    ok("an empty long poll returns after its wait, without messages")


def counters(sqs, url):
    names = [f"ApproximateNumberOfMessages{what}" for what in ("", "NotVisible", "Delayed")]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return [attributes[name] for name in names]


def failed(batch, id):
    equal([e["Id"] for e in batch["Failed"]], [id], "failed entries")
    equal(batch["Failed"][0]["Code"], "ReceiptHandleIsInvalid", "code of the failed entry")
    assert batch["Failed"][0]["SenderFault"] is True, batch


def fifo(sqs, name):
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes=attributes)["QueueUrl"]
    first = sqs.send_message(QueueUrl=url, MessageBody="one", MessageGroupId="g1", MessageDeduplicationId="d1")
    twice = sqs.send_message(QueueUrl=url, MessageBody="other", MessageGroupId="g1", MessageDeduplicationId="d1")
    equal(twice["MessageId"], first["MessageId"], "MessageId of the duplicate")
    second = sqs.send_message(QueueUrl=url, MessageBody="two", MessageGroupId="g1")
    assert int(second["SequenceNumber"]) > int(first["SequenceNumber"]), (first, second)
    sqs.send_message(QueueUrl=url, MessageBody="three", MessageGroupId="g2")

    head = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, AttributeNames=["All"])["Messages"][0]
    equal(head["Body"], "one", "head of the first group")
    system = head["Attributes"]
    equal(system["MessageGroupId"], "g1", "MessageGroupId")
    equal(system["MessageDeduplicationId"], "d1", "MessageDeduplicationId")
    equal(system["SequenceNumber"], first["SequenceNumber"], "SequenceNumber")
    others = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    equal([m["Body"] for m in others], ["three"], "a group in flight is locked, the other is not")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=head["ReceiptHandle"])
    rest = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)["Messages"]
    equal([m["Body"] for m in rest], ["two"], "the next of the group")
    sqs.delete_queue(QueueUrl=url)
    ok("FIFO: groups, deduplication, sequence numbers")


def errors(sqs, url, name, query):
    missing = f"{KEW_URL}/{ACCOUNT}/missing"
    sentence = "The specified queue does not exist for this wsdl version." if query else "The specified queue does not exist."
    for call, arguments in (
        (sqs.get_queue_url, {"QueueName": "missing"}),
        (sqs.send_message, {"QueueUrl": missing, "MessageBody": "x"}),
        (sqs.receive_message, {"QueueUrl": missing}),
    ):
        error = fails(sqs, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", call, **arguments)
        equal(error.response["Error"]["Message"], sentence, "message")
        equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 400, "HTTP status")
    ok("a missing queue is the client's QueueDoesNotExist")

    error = fails(sqs, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=url, ReceiptHandle=JUNK)
    wanted = f'The input receipt handle "{JUNK}" is not a valid receipt handle.'
    equal(error.response["Error"]["Message"], wanted, "message")
    ok("a junk receipt handle is the client's ReceiptHandleIsInvalid")

    prefix = "AWS.SimpleQueueService."
    entry = {"Id": "a", "MessageBody": "x"}
    for exception, code, call, arguments in (
        ("QueueNameExists", "QueueAlreadyExists", sqs.create_queue, {"QueueName": name, "Attributes": {"DelaySeconds": "9"}}),
        ("InvalidAttributeName", "InvalidAttributeName", sqs.set_queue_attributes, {"QueueUrl": url, "Attributes": {"Nonsense": "1"}}),
        ("EmptyBatchRequest", f"{prefix}EmptyBatchRequest", sqs.send_message_batch, {"QueueUrl": url, "Entries": []}),
        ("TooManyEntriesInBatchRequest", f"{prefix}TooManyEntriesInBatchRequest", sqs.send_message_batch,
         {"QueueUrl": url, "Entries": [entry | {"Id": str(i)} for i in range(11)]}),
        ("BatchEntryIdsNotDistinct", f"{prefix}BatchEntryIdsNotDistinct", sqs.send_message_batch,
         {"QueueUrl": url, "Entries": [entry, entry]}),
        ("InvalidBatchEntryId", f"{prefix}InvalidBatchEntryId", sqs.send_message_batch,
         {"QueueUrl": url, "Entries": [entry | {"Id": "no spaces please"}]}),
        ("InvalidMessageContents", "InvalidMessageContents", sqs.send_message, {"QueueUrl": url, "MessageBody": "\x07"}),
        ("ClientError", "InvalidParameterValue", sqs.receive_message, {"QueueUrl": url, "MaxNumberOfMessages": 11}),
        ("ClientError", "MissingParameter", sqs.send_message, {"QueueUrl": url, "MessageBody": ""}),
    ):
        fails(sqs, exception, code, call, **arguments)
    ok("typed exceptions and codes of the other errors")


def end_of_a_queue(sqs, url, name):
    sqs.purge_queue(QueueUrl=url)
    equal(counters(sqs, url), ["0", "0", "0"], "counters after the purge")
    sqs.delete_queue(QueueUrl=url)
    for call, arguments in ((sqs.get_queue_url, {"QueueName": name}), (sqs.get_queue_attributes, {"QueueUrl": url})):
        fails(sqs, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", call, **arguments)
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name), "a deleted queue is listed"
    ok("purge and delete; then the queue does not exist")
