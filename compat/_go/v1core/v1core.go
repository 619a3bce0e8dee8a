// Package v1core is the scenario that every SDK runs, for the AWS SDK for Go v1. The same text compiles with its last
// Query version and with its JSON versions.
package v1core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/awserr"
	"github.com/aws/aws-sdk-go/aws/request"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/sqs"

	"kew.example/check"
)

const unicodeBody = "Grüße, 世界! 👋 <a href=\"x\">&amp;</a>\r\n\ttab"

// Main runs all. missingText is what the protocol says of a queue that is not there.
func Main(missingText string) {
	// This SDK does not know AWS_ENDPOINT_URL.
	options := aws.NewConfig().WithEndpoint(os.Getenv("KEW_URL"))
	client := sqs.New(session.Must(session.NewSession(options)))
	core(client)
	fifo(client)
	deadLetters(client)
	typedErrors(client, missingText)
	waiters(client)
	check.Finish()
}

func core(client *sqs.SQS) {
	var queue *string

	check.Step("create a queue with attributes and tags, get its URL, list queues and tags", func() {
		queue = check.Must(client.CreateQueue(&sqs.CreateQueueInput{
			QueueName:  aws.String("core-queue"),
			Attributes: aws.StringMap(map[string]string{"VisibilityTimeout": "45", "MessageRetentionPeriod": "86400"}),
			Tags:       aws.StringMap(map[string]string{"team": "blue", "Größe": "klein"}),
		})).QueueUrl
		check.That(strings.HasSuffix(*queue, "/000000000000/core-queue"), "queue URL %q", *queue)
		found := check.Must(client.GetQueueUrl(&sqs.GetQueueUrlInput{QueueName: aws.String("core-queue")}))
		check.Equal("GetQueueUrl", *found.QueueUrl, *queue)
		for _, name := range []string{"core-a", "core-b", "core-c", "other"} {
			check.Must(client.CreateQueue(&sqs.CreateQueueInput{QueueName: &name}))
		}
		pages, queues := 0, 0
		check.NoError("pages", client.ListQueuesPages(
			&sqs.ListQueuesInput{QueueNamePrefix: aws.String("core-"), MaxResults: aws.Int64(3)},
			func(page *sqs.ListQueuesOutput, last bool) bool {
				pages++
				queues += len(page.QueueUrls)
				return true
			}))
		check.Equal("pages", pages, 2)
		check.Equal("queues", queues, 4)
		check.Must(client.TagQueue(&sqs.TagQueueInput{QueueUrl: queue, Tags: aws.StringMap(map[string]string{"team": "red"})}))
		check.Must(client.UntagQueue(&sqs.UntagQueueInput{QueueUrl: queue, TagKeys: aws.StringSlice([]string{"Größe"})}))
		tags := check.Must(client.ListQueueTags(&sqs.ListQueueTagsInput{QueueUrl: queue})).Tags
		check.Equal("tags", fmt.Sprint(aws.StringValueMap(tags)), "map[team:red]")
	})

	check.Step("all queue attributes; setting one leaves the others", func() {
		want := map[string]string{"MessageRetentionPeriod": "86400", "VisibilityTimeout": "45", "DelaySeconds": "0",
			"QueueArn": "arn:aws:sqs:us-east-1:000000000000:core-queue", "MaximumMessageSize": "1048576"}
		for _, change := range []map[string]string{{"DelaySeconds": "3"}, {"VisibilityTimeout": "30", "DelaySeconds": "0"}} {
			check.Must(client.SetQueueAttributes(&sqs.SetQueueAttributesInput{QueueUrl: queue, Attributes: aws.StringMap(change)}))
			for name, value := range change {
				want[name] = value
			}
			got := aws.StringValueMap(check.Must(client.GetQueueAttributes(&sqs.GetQueueAttributesInput{
				QueueUrl: queue, AttributeNames: aws.StringSlice([]string{"All"}),
			})).Attributes)
			for name, value := range want {
				check.Equal(name, got[name], value)
			}
			check.Equal("number of attributes", len(got), 12)
		}
	})

	check.Step("send and receive unicode with String, Number, Binary and custom attributes, and a trace header", func() {
		trace := "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
		digest := check.AttributesMD5(
			check.Attribute{Name: "text", Type: "String", String: "żółw"},
			check.Attribute{Name: "count", Type: "Number", String: "42"},
			check.Attribute{Name: "blob", Type: "Binary", Binary: []byte{0, 1, 2, 0xff}},
			check.Attribute{Name: "custom", Type: "Number.java.lang.Long", String: "1493147359900"},
		)
		sent := check.Must(client.SendMessage(&sqs.SendMessageInput{
			QueueUrl: queue, MessageBody: aws.String(unicodeBody),
			MessageAttributes: map[string]*sqs.MessageAttributeValue{
				"text":   {DataType: aws.String("String"), StringValue: aws.String("żółw")},
				"count":  {DataType: aws.String("Number"), StringValue: aws.String("42")},
				"blob":   {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 2, 0xff}},
				"custom": {DataType: aws.String("Number.java.lang.Long"), StringValue: aws.String("1493147359900")},
			},
			MessageSystemAttributes: map[string]*sqs.MessageSystemAttributeValue{
				"AWSTraceHeader": {DataType: aws.String("String"), StringValue: &trace},
			},
		}))
		check.Equal("MD5OfMessageBody", *sent.MD5OfMessageBody, check.MD5(unicodeBody))
		check.Equal("MD5OfMessageAttributes", aws.StringValue(sent.MD5OfMessageAttributes), digest)
		check.That(sent.MD5OfMessageSystemAttributes != nil, "no MD5OfMessageSystemAttributes")
		message := receive(client, queue, 1)[0]
		check.Equal("body", *message.Body, unicodeBody)
		check.Equal("message id", *message.MessageId, *sent.MessageId)
		check.Equal("MD5OfMessageAttributes", aws.StringValue(message.MD5OfMessageAttributes), digest)
		check.Equal("attributes", len(message.MessageAttributes), 4)
		check.Equal("blob", string(message.MessageAttributes["blob"].BinaryValue), "\x00\x01\x02\xff")
		check.Equal("custom type", *message.MessageAttributes["custom"].DataType, "Number.java.lang.Long")
		check.Equal("system attributes", len(message.Attributes), 5)
		check.Equal("AWSTraceHeader", *message.Attributes["AWSTraceHeader"], trace)
		check.Equal("ApproximateReceiveCount", *message.Attributes["ApproximateReceiveCount"], "1")
		check.Must(client.ChangeMessageVisibility(&sqs.ChangeMessageVisibilityInput{
			QueueUrl: queue, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: aws.Int64(0),
		}))
		again := receive(client, queue, 1)[0]
		check.Equal("receive count", *again.Attributes["ApproximateReceiveCount"], "2")
		check.Must(client.DeleteMessage(&sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: again.ReceiptHandle}))
	})

	check.Step("batches: send 3, change visibility, delete; one failing entry beside good ones", func() {
		batch := check.Must(client.SendMessageBatch(&sqs.SendMessageBatchInput{QueueUrl: queue, Entries: []*sqs.SendMessageBatchRequestEntry{
			{Id: aws.String("a"), MessageBody: aws.String("one")},
			{Id: aws.String("b"), MessageBody: aws.String("two"), MessageAttributes: map[string]*sqs.MessageAttributeValue{
				"n": {DataType: aws.String("Number"), StringValue: aws.String("2")},
			}},
			{Id: aws.String("c"), MessageBody: aws.String("three"), DelaySeconds: aws.Int64(1)},
		}}))
		check.Equal("successful", len(batch.Successful), 3)
		check.Equal("failed", len(batch.Failed), 0)
		visibility := []*sqs.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("junk"), ReceiptHandle: aws.String("junk"), VisibilityTimeout: aws.Int64(0)},
		}
		for i, message := range receive(client, queue, 3) {
			visibility = append(visibility, &sqs.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(fmt.Sprint("v", i)), ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: aws.Int64(0),
			})
		}
		changed := check.Must(client.ChangeMessageVisibilityBatch(&sqs.ChangeMessageVisibilityBatchInput{QueueUrl: queue, Entries: visibility}))
		check.Equal("changed", len(changed.Successful), 3)
		check.Equal("failed", len(changed.Failed), 1)
		check.Equal("code", *changed.Failed[0].Code, "ReceiptHandleIsInvalid")
		check.That(*changed.Failed[0].SenderFault, "SenderFault is not set")
		deletes := []*sqs.DeleteMessageBatchRequestEntry{{Id: aws.String("junk"), ReceiptHandle: aws.String("junk")}}
		for i, message := range receive(client, queue, 3) {
			deletes = append(deletes, &sqs.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint("d", i)), ReceiptHandle: message.ReceiptHandle})
		}
		deleted := check.Must(client.DeleteMessageBatch(&sqs.DeleteMessageBatchInput{QueueUrl: queue, Entries: deletes}))
		check.Equal("deleted", len(deleted.Successful), 3)
		check.Equal("failed", len(deleted.Failed), 1)
	})

	check.Step("an empty long poll returns after its wait", func() {
		start := time.Now()
		empty := check.Must(client.ReceiveMessage(&sqs.ReceiveMessageInput{QueueUrl: queue, WaitTimeSeconds: aws.Int64(2)}))
		check.Equal("messages", len(empty.Messages), 0)
		check.Took("the long poll", start, 1900*time.Millisecond, 3*time.Second)
	})

	check.Step("QueueUrl: foreign hosts and the bare name", func() {
		for _, url := range []string{
			"https://sqs.us-east-1.amazonaws.com/000000000000/core-a", "http://localhost:4566/queue/us-east-1/000000000000/core-a", "core-a",
		} {
			check.Must(client.SendMessage(&sqs.SendMessageInput{QueueUrl: &url, MessageBody: &url}))
			message := receive(client, &url, 1)[0]
			check.Equal("body", *message.Body, url)
			check.Must(client.DeleteMessage(&sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: message.ReceiptHandle}))
		}
	})

	check.Step("1 MiB in one message", func() {
		body := strings.Repeat("ü", 1<<19)
		check.Must(client.SendMessage(&sqs.SendMessageInput{QueueUrl: aws.String("core-b"), MessageBody: &body}))
		check.That(*receive(client, aws.String("core-b"), 1)[0].Body == body, "the body came back changed")
	})

	check.Step("purge, delete, and the queue is gone", func() {
		for range 3 {
			check.Must(client.SendMessage(&sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("x")}))
		}
		check.Must(client.PurgeQueue(&sqs.PurgeQueueInput{QueueUrl: queue}))
		got := check.Must(client.GetQueueAttributes(&sqs.GetQueueAttributesInput{
			QueueUrl: queue, AttributeNames: aws.StringSlice([]string{"ApproximateNumberOfMessages"}),
		})).Attributes
		check.Equal("ApproximateNumberOfMessages", aws.StringValue(got["ApproximateNumberOfMessages"]), "0")
		check.Must(client.DeleteQueue(&sqs.DeleteQueueInput{QueueUrl: queue}))
		_, err := client.GetQueueUrl(&sqs.GetQueueUrlInput{QueueName: aws.String("core-queue")})
		check.Equal("code", code(err), sqs.ErrCodeQueueDoesNotExist)
	})
}

func fifo(client *sqs.SQS) {
	check.Step("FIFO: groups in order, deduplication, sequence numbers", func() {
		queue := check.Must(client.CreateQueue(&sqs.CreateQueueInput{
			QueueName:  aws.String("orders.fifo"),
			Attributes: aws.StringMap(map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}),
		})).QueueUrl
		send := func(group, body, deduplication string) *sqs.SendMessageOutput {
			input := &sqs.SendMessageInput{QueueUrl: queue, MessageBody: &body, MessageGroupId: &group}
			if deduplication != "" {
				input.MessageDeduplicationId = &deduplication
			}
			return check.Must(client.SendMessage(input))
		}
		first := send("g1", "g1-1", "d1")
		send("g1", "g1-2", "")
		repeat := send("g1", "another body", "d1")
		send("g2", "g2-1", "")
		check.Equal("message id of the duplicate", *repeat.MessageId, *first.MessageId)
		check.Equal("digits of SequenceNumber", len(*first.SequenceNumber), 20)
		messages := receive(client, queue, 3)
		check.Equal("order", *messages[0].Body+" "+*messages[1].Body+" "+*messages[2].Body, "g1-1 g1-2 g2-1")
		check.Equal("MessageGroupId", *messages[0].Attributes["MessageGroupId"], "g1")
		check.Equal("MessageDeduplicationId", *messages[0].Attributes["MessageDeduplicationId"], "d1")
		check.Equal("SequenceNumber", *messages[0].Attributes["SequenceNumber"], *first.SequenceNumber)
	})
}

func deadLetters(client *sqs.SQS) {
	check.Step("dead letters: moved after maxReceiveCount, listed at their source", func() {
		dead := check.Must(client.CreateQueue(&sqs.CreateQueueInput{QueueName: aws.String("dead")})).QueueUrl
		source := check.Must(client.CreateQueue(&sqs.CreateQueueInput{QueueName: aws.String("source"), Attributes: aws.StringMap(map[string]string{
			"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"1"}`,
		})})).QueueUrl
		sources := check.Must(client.ListDeadLetterSourceQueues(&sqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead})).QueueUrls
		check.Equal("sources", fmt.Sprint(aws.StringValueSlice(sources)), fmt.Sprint([]string{*source}))
		sent := check.Must(client.SendMessage(&sqs.SendMessageInput{QueueUrl: source, MessageBody: aws.String("poison")}))
		message := receive(client, source, 1)[0]
		check.Must(client.ChangeMessageVisibility(&sqs.ChangeMessageVisibilityInput{
			QueueUrl: source, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: aws.Int64(0),
		}))
		empty := check.Must(client.ReceiveMessage(&sqs.ReceiveMessageInput{QueueUrl: source, WaitTimeSeconds: aws.Int64(0)}))
		check.Equal("messages left in the source", len(empty.Messages), 0)
		moved := receive(client, dead, 1)[0]
		check.Equal("message id", *moved.MessageId, *sent.MessageId)
		check.Equal("receive count", *moved.Attributes["ApproximateReceiveCount"], "2")
		check.Equal("source", *moved.Attributes["DeadLetterQueueSourceArn"], "arn:aws:sqs:us-east-1:000000000000:source")
	})
}

func typedErrors(client *sqs.SQS, missingText string) {
	check.Step("errors: awserr.Error with the codes of package sqs, HTTP status and request id", func() {
		queue := check.Must(client.CreateQueue(&sqs.CreateQueueInput{QueueName: aws.String("errors")})).QueueUrl
		junk := aws.String("junk")
		_, missing := client.SendMessage(&sqs.SendMessageInput{QueueUrl: aws.String("missing"), MessageBody: junk})
		_, exists := client.CreateQueue(&sqs.CreateQueueInput{QueueName: aws.String("errors"), Attributes: aws.StringMap(map[string]string{"DelaySeconds": "7"})})
		_, name := client.GetQueueAttributes(&sqs.GetQueueAttributesInput{QueueUrl: queue, AttributeNames: []*string{junk}})
		_, handle := client.DeleteMessage(&sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: junk})
		_, contents := client.SendMessage(&sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("bell \a")})
		_, empty := client.SendMessageBatch(&sqs.SendMessageBatchInput{QueueUrl: queue, Entries: []*sqs.SendMessageBatchRequestEntry{}})
		_, distinct := client.SendMessageBatch(&sqs.SendMessageBatchInput{QueueUrl: queue, Entries: []*sqs.SendMessageBatchRequestEntry{
			{Id: junk, MessageBody: junk}, {Id: junk, MessageBody: junk},
		}})
		_, id := client.SendMessageBatch(&sqs.SendMessageBatchInput{QueueUrl: queue, Entries: []*sqs.SendMessageBatchRequestEntry{
			{Id: aws.String("not valid!"), MessageBody: junk},
		}})
		_, parameter := client.ReceiveMessage(&sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: aws.Int64(11)})
		for _, each := range []struct {
			err    error
			code   string
			status int
		}{
			{missing, sqs.ErrCodeQueueDoesNotExist, 400}, {exists, sqs.ErrCodeQueueNameExists, 400},
			{name, sqs.ErrCodeInvalidAttributeName, 400}, {handle, sqs.ErrCodeReceiptHandleIsInvalid, 404},
			{contents, sqs.ErrCodeInvalidMessageContents, 400}, {empty, sqs.ErrCodeEmptyBatchRequest, 400},
			{distinct, sqs.ErrCodeBatchEntryIdsNotDistinct, 400}, {id, sqs.ErrCodeInvalidBatchEntryId, 400},
			{parameter, "InvalidParameterValue", 400},
		} {
			failure := check.As[awserr.RequestFailure](each.code, each.err)
			check.Equal("code", failure.Code(), each.code)
			check.Equal("status of "+each.code, failure.StatusCode(), each.status)
			check.That(failure.RequestID() != "", "no request id with %s", each.code)
		}
		check.Equal("message", missing.(awserr.Error).Message(), missingText)
		check.Equal("message", handle.(awserr.Error).Message(), `The input receipt handle "junk" is not a valid receipt handle.`)
	})
}

func waiters(client *sqs.SQS) {
	check.Step("a request cancelled in a long poll frees the waiter: the next message goes to another receiver, uncounted", func() {
		queue := check.Must(client.CreateQueue(&sqs.CreateQueueInput{QueueName: aws.String("waiters")})).QueueUrl
		for range 5 {
			cancelled, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			_, err := client.ReceiveMessageWithContext(cancelled, &sqs.ReceiveMessageInput{QueueUrl: queue, WaitTimeSeconds: aws.Int64(20)})
			cancel()
			check.Equal("code", code(err), request.CanceledErrorCode)
			check.Must(client.SendMessage(&sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("x")}))
			start := time.Now()
			message := receive(client, queue, 1)[0]
			check.Took("the receive", start, 0, 500*time.Millisecond)
			check.Equal("receive count", *message.Attributes["ApproximateReceiveCount"], "1")
			check.Must(client.DeleteMessage(&sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: message.ReceiptHandle}))
		}
	})
}

func code(err error) string {
	if failure := awserr.Error(nil); errors.As(err, &failure) {
		return failure.Code()
	}
	return fmt.Sprint(err)
}

// receive collects exactly `want` messages with long polls, or fails the step.
func receive(client *sqs.SQS, queue *string, want int) []*sqs.Message {
	var messages []*sqs.Message
	for deadline := time.Now().Add(5 * time.Second); len(messages) < want && time.Now().Before(deadline); {
		messages = append(messages, check.Must(client.ReceiveMessage(&sqs.ReceiveMessageInput{
			QueueUrl: queue, MaxNumberOfMessages: aws.Int64(10), WaitTimeSeconds: aws.Int64(1),
			AttributeNames: aws.StringSlice([]string{"All"}), MessageAttributeNames: aws.StringSlice([]string{"All"}),
		})).Messages...)
	}
	check.Equal("messages received", len(messages), want)
	return messages
}
