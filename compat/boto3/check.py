"""boto3 of today: the core scenario, and what only boto3 has."""

import json
import time

import boto3
import botocore
import core
from botocore.config import Config
from core import equal, fails, ok

sqs = boto3.client("sqs")


def system_attribute_names():
    url = sqs.create_queue(QueueName="names")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="tenant-1")
    message = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["MessageGroupId"])["Messages"][0]
    equal(message["Attributes"], {"MessageGroupId": "tenant-1"}, "the system attribute that was asked for")
    assert "MD5OfMessageAttributes" not in message and "MessageAttributes" not in message, message
    ok("MessageSystemAttributeNames, and a group on a standard queue")


def resource_api():
    resource = boto3.resource("sqs")
    queue = resource.create_queue(QueueName="resource", Attributes={"VisibilityTimeout": "7"})
    equal(resource.get_queue_by_name(QueueName="resource").url, queue.url, "get_queue_by_name")
    equal(queue.attributes["VisibilityTimeout"], "7", "Queue.attributes")
    assert queue.url in [found.url for found in resource.queues.filter(QueueNamePrefix="res")], "queues.filter"
    queue.send_messages(Entries=[{"Id": str(i), "MessageBody": f"body {i}"} for i in range(4)])
    messages = queue.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=5, MessageAttributeNames=["All"])
    equal([message.body for message in messages], [f"body {i}" for i in range(4)], "receive_messages")
    messages[0].change_visibility(VisibilityTimeout=0)
    (again,) = queue.receive_messages()
    equal(again.message_id, messages[0].message_id, "the message made visible")
    again.delete()
    queue.delete_messages(Entries=[{"Id": m.message_id, "ReceiptHandle": m.receipt_handle} for m in messages[1:]])
    queue.reload()
    equal(queue.attributes["ApproximateNumberOfMessagesNotVisible"], "0", "messages in flight")

    url = "https://sqs.us-east-1.amazonaws.com/2233334/resource"
    resource.Queue(url).send_message(MessageBody="to a foreign URL")
    equal(queue.receive_messages()[0].body, "to a foreign URL", "body")
    queue.delete()
    ok("resource API")


def paginators():
    dead = sqs.create_queue(QueueName="paged-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})}
    urls = [sqs.create_queue(QueueName=f"page-{i}", Attributes=policy)["QueueUrl"] for i in range(7)]

    pages = list(sqs.get_paginator("list_queues").paginate(QueueNamePrefix="page-", PaginationConfig={"PageSize": 3}))
    equal([len(page["QueueUrls"]) for page in pages], [3, 3, 1], "sizes of the pages")
    equal([url for page in pages for url in page["QueueUrls"]], urls, "list_queues")

    paginator = sqs.get_paginator("list_dead_letter_source_queues")
    pages = list(paginator.paginate(QueueUrl=dead, PaginationConfig={"PageSize": 2}))
    equal([len(page["queueUrls"]) for page in pages], [2, 2, 2, 1], "sizes of the pages")
    equal(sorted(url for page in pages for url in page["queueUrls"]), urls, "list_dead_letter_source_queues")
    for url in [*urls, dead]:
        sqs.delete_queue(QueueUrl=url)
    ok("paginators of list_queues and list_dead_letter_source_queues")


def move_tasks():
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"maxReceiveCount": "2", "deadLetterTargetArn": dead_arn})
    source = sqs.create_queue(QueueName="source", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["All"])["Attributes"]
    equal(json.loads(attributes["RedrivePolicy"]), {"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2}, "RedrivePolicy")

    ids = {sqs.send_message(QueueUrl=source, MessageBody=f"poison {i}")["MessageId"] for i in range(3)}
    for _ in range(2):
        messages = sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10)["Messages"]
        equal({message["MessageId"] for message in messages}, ids, "messages received")
        back = [{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0} for m in messages]
        sqs.change_message_visibility_batch(QueueUrl=source, Entries=back)
    assert "Messages" not in sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10), "received more than twice"
    letters = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10, AttributeNames=["All"], VisibilityTimeout=0)["Messages"]
    equal({letter["MessageId"] for letter in letters}, ids, "dead letters keep their ids")
    equal(letters[0]["Attributes"]["DeadLetterQueueSourceArn"], attributes["QueueArn"], "DeadLetterQueueSourceArn")
    ok("dead letters after two receives")

    handle = sqs.start_message_move_task(SourceArn=dead_arn)["TaskHandle"]
    assert handle
    wait_until("the move task is done", lambda: sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"][0]["Status"] == "COMPLETED")
    (task,) = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
    equal(task["ApproximateNumberOfMessagesMoved"], 3, "ApproximateNumberOfMessagesMoved")
    equal(task["SourceArn"], dead_arn, "SourceArn")
    assert "TaskHandle" not in task and "DestinationArn" not in task, task
    assert abs(task["StartedTimestamp"] / 1000 - time.time()) < 60, task
    moved = sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10)["Messages"]
    equal({m["Body"] for m in moved}, {f"poison {i}" for i in range(3)}, "messages moved back")
    ok("a message move task moves the dead letters back")

    for i in range(50):
        sqs.send_message(QueueUrl=dead, MessageBody=f"slow {i}")
    source_arn = attributes["QueueArn"]
    handle = sqs.start_message_move_task(SourceArn=dead_arn, DestinationArn=source_arn, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    fails(sqs, "ClientError", "InvalidParameterValue", sqs.start_message_move_task, SourceArn=dead_arn)
    cancelled = sqs.cancel_message_move_task(TaskHandle=handle)
    assert cancelled["ApproximateNumberOfMessagesMoved"] < 50, cancelled
    wait_until("the task is cancelled", lambda: sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"][0]["Status"] == "CANCELLED")
    tasks = sqs.list_message_move_tasks(SourceArn=dead_arn, MaxResults=10)["Results"]
    equal([task["Status"] for task in tasks], ["CANCELLED", "COMPLETED"], "tasks, newest first")
    fails(sqs, "ResourceNotFoundException", "ResourceNotFoundException", sqs.start_message_move_task, SourceArn=f"{dead_arn}-none")
    fails(sqs, "ClientError", "InvalidParameterValue", sqs.start_message_move_task, SourceArn=source_arn)
    ok("a slow move task is listed and cancelled; errors of move tasks")


def wait_until(what, done, seconds=10):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def other_credentials():
    unsigned = boto3.client("sqs", config=Config(signature_version=botocore.UNSIGNED))
    url = unsigned.create_queue(QueueName="unsigned")["QueueUrl"]
    unsigned.send_message(QueueUrl=url, MessageBody="without a signature")
    equal(unsigned.receive_message(QueueUrl=url)["Messages"][0]["Body"], "without a signature", "body")
    ok("unsigned requests")

    session = boto3.Session("ASIAEXAMPLE", "secret", "session-token/with+signs==")
    temporary = session.client("sqs")
    temporary.send_message(QueueUrl=url, MessageBody="with a session token")
    equal(temporary.receive_message(QueueUrl=url)["Messages"][0]["Body"], "with a session token", "body")
    ok("temporary credentials with a session token")


def cooldowns():
    url = sqs.create_queue(QueueName="once-a-minute")["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    code = "AWS.SimpleQueueService.PurgeQueueInProgress"
    error = fails(sqs, "PurgeQueueInProgress", code, sqs.purge_queue, QueueUrl=url)
    wanted = "Only one PurgeQueue operation on once-a-minute is allowed every 60 seconds."
    equal(error.response["Error"]["Message"], wanted, "message")
    equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 403, "HTTP status")
    sqs.delete_queue(QueueUrl=url)
    code = "AWS.SimpleQueueService.QueueDeletedRecently"
    error = fails(sqs, "QueueDeletedRecently", code, sqs.create_queue, QueueName="once-a-minute")
    wanted = "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    equal(error.response["Error"]["Message"], wanted, "message")
    ok("with --cooldowns on: purge once a minute, no new queue of the same name for a minute")


def big_and_long():
    url = sqs.create_queue(QueueName="big")["QueueUrl"]
    body = "ü" * (512 * 1024)
    sqs.send_message(QueueUrl=url, MessageBody=body)
    equal(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == body, True, "a body of 1 MiB is the same")
    error = fails(sqs, "ClientError", "InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody=body + "x")
    reason = "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."
    equal(error.response["Error"]["Message"], reason, "message")
    ok("a body of 1 MiB, and one byte more")

    started = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    waited = time.monotonic() - started
    assert 19.9 <= waited <= 22, f"the empty long poll of 20 s took {waited:.2f} s"
    ok("an empty long poll of 20 s")


core.run(sqs)
system_attribute_names()
resource_api()
paginators()
move_tasks()
other_credentials()
cooldowns()
big_and_long()
