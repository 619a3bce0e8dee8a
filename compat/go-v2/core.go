package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kew.example/check"
)

const unicodeBody = "Grüße, 世界! 👋 <a href=\"x\">&amp;</a>\r\n\ttab"

// core is the scenario that every SDK runs.
func core(ctx context.Context, client *sqs.Client) {
	var queue *string

	check.Step("create a queue with attributes and tags, get its URL, list queues and tags", func() {
		created := check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{
			QueueName: aws.String("core-queue"),
			Attributes: map[string]string{
				"VisibilityTimeout":      "45",
				"MessageRetentionPeriod": "86400",
				"MaximumMessageSize":     "262144",
			},
			Tags: map[string]string{"team": "blue", "Größe": "klein"},
		}))
		queue = created.QueueUrl
		check.That(strings.HasSuffix(*queue, "/000000000000/core-queue"), "queue URL %q", *queue)

		found := check.Must(client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("core-queue")}))
		check.Equal("GetQueueUrl", *found.QueueUrl, *queue)

		for _, name := range []string{"core-a", "core-b", "core-c", "other"} {
			check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name)}))
		}
		listed := check.Must(client.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("core-")}))
		check.Equal("queues with the prefix", len(listed.QueueUrls), 4)

		pages, names := sqs.NewListQueuesPaginator(client, &sqs.ListQueuesInput{
			QueueNamePrefix: aws.String("core-"), MaxResults: aws.Int32(3),
		}), []string{}
		for pages.HasMorePages() {
			page := check.Must(pages.NextPage(ctx))
			for _, url := range page.QueueUrls {
				names = append(names, url[strings.LastIndex(url, "/")+1:])
			}
		}
		sort.Strings(names)
		check.Equal("names over all pages", strings.Join(names, " "), "core-a core-b core-c core-queue")

		tags := check.Must(client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: queue})).Tags
		check.Equal("tags", fmt.Sprint(tags), "map[Größe:klein team:blue]")
		check.Must(client.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: queue, Tags: map[string]string{"team": "red", "x": ""}}))
		check.Must(client.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: queue, TagKeys: []string{"Größe"}}))
		tags = check.Must(client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: queue})).Tags
		check.Equal("tags after a change", fmt.Sprint(tags), "map[team:red x:]")
	})

	check.Step("all queue attributes; setting one leaves the others", func() {
		all := func() map[string]string {
			return check.Must(client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
				QueueUrl: queue, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
			})).Attributes
		}
		want := map[string]string{
			"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0",
			"ApproximateNumberOfMessagesNotVisible": "0", "DelaySeconds": "0", "MaximumMessageSize": "262144",
			"MessageRetentionPeriod": "86400", "QueueArn": "arn:aws:sqs:us-east-1:000000000000:core-queue",
			"ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true", "VisibilityTimeout": "45",
		}
		compare := func() {
			got := all()
			for name, value := range want {
				check.Equal(name, got[name], value)
			}
			for _, name := range []string{"CreatedTimestamp", "LastModifiedTimestamp"} {
				check.Equal("digits of "+name, len(got[name]), 10)
			}
			check.Equal("number of attributes", len(got), len(want)+2)
		}
		compare()
		check.Must(client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
			QueueUrl: queue, Attributes: map[string]string{"DelaySeconds": "3"},
		}))
		want["DelaySeconds"] = "3"
		compare()
		check.Must(client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
			QueueUrl: queue, Attributes: map[string]string{"VisibilityTimeout": "30", "DelaySeconds": "0"},
		}))
		want["VisibilityTimeout"], want["DelaySeconds"] = "30", "0"
		compare()
	})

	check.Step("send and receive unicode with String, Number, Binary and custom attributes, and a trace header", func() {
		trace := "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
		digest := check.AttributesMD5(
			check.Attribute{Name: "text", Type: "String", String: "żółw"},
			check.Attribute{Name: "count", Type: "Number", String: "42"},
			check.Attribute{Name: "blob", Type: "Binary", Binary: []byte{0, 1, 2, 0xff}},
			check.Attribute{Name: "custom", Type: "Number.java.lang.Long", String: "1493147359900"},
		)
		sent := check.Must(client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: queue, MessageBody: aws.String(unicodeBody),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"text":   {DataType: aws.String("String"), StringValue: aws.String("żółw")},
				"count":  {DataType: aws.String("Number"), StringValue: aws.String("42")},
				"blob":   {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 2, 0xff}},
				"custom": {DataType: aws.String("Number.java.lang.Long"), StringValue: aws.String("1493147359900")},
			},
			MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
				"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String(trace)},
			},
		}))
		check.Equal("MD5OfMessageBody", *sent.MD5OfMessageBody, check.MD5(unicodeBody))
		check.Equal("MD5OfMessageAttributes", aws.ToString(sent.MD5OfMessageAttributes), digest)
		check.Equal("MD5OfMessageSystemAttributes", aws.ToString(sent.MD5OfMessageSystemAttributes),
			check.AttributesMD5(check.Attribute{Name: "AWSTraceHeader", Type: "String", String: trace}))
		check.That(sent.SequenceNumber == nil, "a standard queue gave a SequenceNumber")

		received := check.Must(client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: queue, WaitTimeSeconds: 2, MaxNumberOfMessages: 10,
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})).Messages
		check.Equal("messages", len(received), 1)
		message := received[0]
		check.Equal("body", *message.Body, unicodeBody)
		check.Equal("message id", *message.MessageId, *sent.MessageId)
		check.Equal("MD5OfBody", *message.MD5OfBody, check.MD5(unicodeBody))
		check.Equal("MD5OfMessageAttributes", aws.ToString(message.MD5OfMessageAttributes), digest)
		check.Equal("attributes", len(message.MessageAttributes), 4)
		check.Equal("text", *message.MessageAttributes["text"].StringValue, "żółw")
		check.Equal("blob", string(message.MessageAttributes["blob"].BinaryValue), "\x00\x01\x02\xff")
		check.Equal("custom type", *message.MessageAttributes["custom"].DataType, "Number.java.lang.Long")
		check.Equal("system attributes", len(message.Attributes), 5)
		check.Equal("AWSTraceHeader", message.Attributes["AWSTraceHeader"], trace)
		check.Equal("ApproximateReceiveCount", message.Attributes["ApproximateReceiveCount"], "1")
		check.Equal("digits of SentTimestamp", len(message.Attributes["SentTimestamp"]), 13)
		check.Equal("digits of ApproximateFirstReceiveTimestamp", len(message.Attributes["ApproximateFirstReceiveTimestamp"]), 13)
		check.That(message.Attributes["SenderId"] != "", "no SenderId")

		// The same message again, with one attribute only: the digest is that of what is returned.
		check.Must(client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl: queue, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0,
		}))
		again := receive(ctx, client, queue, 1, func(input *sqs.ReceiveMessageInput) {
			input.MessageAttributeNames = []string{"te.*"}
			input.MessageSystemAttributeNames = []types.MessageSystemAttributeName{"ApproximateReceiveCount"}
		})[0]
		check.Equal("attributes asked for", len(again.MessageAttributes), 1)
		check.Equal("digest of the one", aws.ToString(again.MD5OfMessageAttributes),
			check.AttributesMD5(check.Attribute{Name: "text", Type: "String", String: "żółw"}))
		check.Equal("system attributes asked for", len(again.Attributes), 1)
		check.Equal("receive count", again.Attributes["ApproximateReceiveCount"], "2")
		check.That(*again.ReceiptHandle != *message.ReceiptHandle, "the receipt handle did not change")
		check.Must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: again.ReceiptHandle}))
		check.Must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: again.ReceiptHandle}))
	})

	check.Step("batches: send 3, change visibility, delete; one failing entry beside good ones", func() {
		batch := check.Must(client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{
			QueueUrl: queue,
			Entries: []types.SendMessageBatchRequestEntry{
				{Id: aws.String("a"), MessageBody: aws.String("one")},
				{Id: aws.String("b"), MessageBody: aws.String("two"), MessageAttributes: map[string]types.MessageAttributeValue{
					"n": {DataType: aws.String("Number"), StringValue: aws.String("2")},
				}},
				{Id: aws.String("c"), MessageBody: aws.String("three"), DelaySeconds: 1},
			},
		}))
		check.Equal("successful", len(batch.Successful), 3)
		check.Equal("failed", len(batch.Failed), 0)
		check.Equal("first MD5", *batch.Successful[0].MD5OfMessageBody, check.MD5("one"))

		messages := receive(ctx, client, queue, 3, nil)
		visibility := []types.ChangeMessageVisibilityBatchRequestEntry{{
			Id: aws.String("junk"), ReceiptHandle: aws.String("junk"), VisibilityTimeout: 0,
		}}
		for i, message := range messages {
			visibility = append(visibility, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(fmt.Sprint("v", i)), ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0,
			})
		}
		changed := check.Must(client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: queue, Entries: visibility}))
		check.Equal("changed", len(changed.Successful), 3)
		check.Equal("not changed", len(changed.Failed), 1)
		check.Equal("its id", *changed.Failed[0].Id, "junk")
		check.Equal("its code", *changed.Failed[0].Code, "ReceiptHandleIsInvalid")
		check.That(changed.Failed[0].SenderFault, "SenderFault is not set")

		var deletes []types.DeleteMessageBatchRequestEntry
		for i, message := range receive(ctx, client, queue, 3, nil) {
			deletes = append(deletes, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint("d", i)), ReceiptHandle: message.ReceiptHandle})
		}
		deletes = append(deletes, types.DeleteMessageBatchRequestEntry{Id: aws.String("junk"), ReceiptHandle: aws.String("junk")})
		deleted := check.Must(client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: queue, Entries: deletes}))
		check.Equal("deleted", len(deleted.Successful), 3)
		check.Equal("not deleted", len(deleted.Failed), 1)
		check.Equal("its code", *deleted.Failed[0].Code, "ReceiptHandleIsInvalid")
	})

	check.Step("an empty long poll returns after its wait", func() {
		start := time.Now()
		empty := check.Must(client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue, WaitTimeSeconds: 2}))
		check.Equal("messages", len(empty.Messages), 0)
		check.Took("the long poll", start, 1900*time.Millisecond, 3*time.Second)
	})

	check.Step("1 MiB in one message", func() {
		// The short visibility timeout is for the SDK (smithy-go 1.28.7): when a server answers before the SDK has seen the
		// end of its own request, it takes that for an error, closes the connection in the middle of a large answer, and
		// asks again. It does so against any quick server.
		big := check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{
			QueueName: aws.String("big"), Attributes: map[string]string{"VisibilityTimeout": "1"},
		})).QueueUrl
		body := strings.Repeat("x", 1<<20)
		check.Must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: big, MessageBody: &body}))
		check.That(*receive(ctx, client, big, 1, nil)[0].Body == body, "the body came back changed")
	})

	check.Step("purge, delete, and the queue is gone", func() {
		for range 3 {
			check.Must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("x")}))
		}
		receive(ctx, client, queue, 1, func(input *sqs.ReceiveMessageInput) { input.MaxNumberOfMessages = 1 })
		check.Must(client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: queue}))
		counts := check.Must(client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: queue, AttributeNames: []types.QueueAttributeName{
				"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed",
			},
		})).Attributes
		for name, value := range counts {
			check.Equal(name, value, "0")
		}
		check.Equal("counters", len(counts), 3)
		check.Must(client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: queue}))
		_, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("x")})
		check.As[*types.QueueDoesNotExist]("SendMessage to a deleted queue", err)
		_, err = client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("core-queue")})
		check.As[*types.QueueDoesNotExist]("GetQueueUrl of a deleted queue", err)
	})
}

// receive collects exactly `want` messages with long polls, or fails the step.
func receive(ctx context.Context, client *sqs.Client, queue *string, want int, adjust func(*sqs.ReceiveMessageInput)) []types.Message {
	var messages []types.Message
	for deadline := time.Now().Add(5 * time.Second); len(messages) < want && time.Now().Before(deadline); {
		input := &sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1}
		if adjust != nil {
			adjust(input)
		}
		messages = append(messages, check.Must(client.ReceiveMessage(ctx, input)).Messages...)
	}
	check.Equal("messages received", len(messages), want)
	return messages
}
