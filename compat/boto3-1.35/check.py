"""botocore of August 2024: JSON, but it does not send x-amzn-query-mode."""

import boto3
import core

sqs = boto3.client("sqs")
sent_headers = []
sqs.meta.events.register("before-send.sqs.*", lambda request, **_: sent_headers.append(dict(request.headers)))

core.run(sqs)

error = core.fails(
    sqs, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName="missing"
)
answer = error.response["ResponseMetadata"]["HTTPHeaders"]
core.equal(answer.get("x-amzn-query-error"), "AWS.SimpleQueueService.NonExistentQueue;Sender", "x-amzn-query-error")
core.equal(error.response["Error"]["QueryErrorCode"], "QueueDoesNotExist", "QueryErrorCode")
core.equal(error.response["Error"]["Type"], "Sender", "Type")
assert sent_headers and not any("x-amzn-query-mode" in headers for headers in sent_headers), "query mode was asked for"
core.ok("x-amzn-query-error comes without x-amzn-query-mode")
