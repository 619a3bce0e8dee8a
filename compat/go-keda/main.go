// What KEDA's `aws-sqs-queue` scaler asks of SQS, re-enacted: it takes a queue URL apart (exactly `/<account>/<name>`) or
// takes a plain name, and asks again and again for up to three counters, which must be texts of whole numbers.
package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kew.example/check"
)

// nameOf is the scaler's reading of its `queueURL` setting.
func nameOf(setting string) string {
	parsed, err := url.ParseRequestURI(setting)
	if err != nil {
		return setting
	}
	parts := strings.Split(parsed.Path, "/")
	check.That(len(parts) == 3 && parts[2] != "", "cannot get the queue name from %q", setting)
	return parts[2]
}

// queueLength is the scaler's metric.
func queueLength(ctx context.Context, client *sqs.Client, queue string, inFlight, delayed bool) int64 {
	names := []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages}
	if inFlight {
		names = append(names, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible)
	}
	if delayed {
		names = append(names, types.QueueAttributeNameApproximateNumberOfMessagesDelayed)
	}
	output := check.Must(client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: names}))
	check.Equal("attributes", len(output.Attributes), len(names))
	var sum int64
	for _, name := range names {
		sum += check.Must(strconv.ParseInt(output.Attributes[string(name)], 10, 32))
	}
	return sum
}

func main() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	client := sqs.NewFromConfig(settings)

	check.Step("the queue length by URL and by name, with and without messages in flight and delayed ones", func() {
		queue := check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("keda")})).QueueUrl
		check.Equal("name", nameOf(*queue), "keda")
		for i := range 9 {
			send := &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String(fmt.Sprint(i))}
			if i >= 6 {
				send.DelaySeconds = 60
			}
			check.Must(client.SendMessage(ctx, send))
		}
		received := check.Must(client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: 2}))
		check.Equal("received", len(received.Messages), 2)
		for _, name := range []string{*queue, "https://sqs.us-east-1.amazonaws.com/000000000000/keda", nameOf("keda")} {
			check.Equal("visible", queueLength(ctx, client, name, false, false), 4)
			check.Equal("and in flight", queueLength(ctx, client, name, true, false), 6)
			check.Equal("and delayed", queueLength(ctx, client, name, true, true), 9)
		}
		for _, message := range received.Messages {
			check.Must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: message.ReceiptHandle}))
		}
		check.Equal("after the work is done", queueLength(ctx, client, *queue, true, true), 7)
	})
	check.Step("a queue that is gone is an error, not a length of 0", func() {
		_, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String("gone"), AttributeNames: []types.QueueAttributeName{"ApproximateNumberOfMessages"},
		})
		check.As[*types.QueueDoesNotExist]("GetQueueAttributes", err)
	})
	check.Finish()
}
