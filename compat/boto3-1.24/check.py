"""boto3 of October 2022: the Query protocol. It knows no AWS_ENDPOINT_URL, so the endpoint is given in code."""

import boto3
import core

core.run(boto3.client("sqs", endpoint_url=core.KEW_URL), query=True)

resource = boto3.resource("sqs", endpoint_url=core.KEW_URL)
queue = resource.create_queue(QueueName="resource", Attributes={"VisibilityTimeout": "7"})
core.equal(queue.attributes["VisibilityTimeout"], "7", "Queue.attributes")
queue.send_message(MessageBody="by resource", MessageAttributes={"Text": core.ATTRIBUTES["Text"]})
(message,) = queue.receive_messages(WaitTimeSeconds=5, MessageAttributeNames=["All"])
core.equal(message.body, "by resource", "Message.body")
core.equal(message.message_attributes, {"Text": core.ATTRIBUTES["Text"]}, "Message.message_attributes")
message.delete()
queue.delete()
core.ok("resource API")
