package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kew.example/check"
)

// addressing uses one queue under all the names that code in the wild has for it.
func addressing(ctx context.Context, client *sqs.Client) {
	check.Step("QueueUrl: foreign hosts, other accounts, the bare name; BaseEndpoint in code", func() {
		check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("named")}))
		for _, url := range []string{
			"https://sqs.us-east-1.amazonaws.com/000000000000/named",
			"https://eu-west-1.queue.amazonaws.com/000000000000/named",
			"http://sqs.eu-central-1.localhost.localstack.cloud:4566/000000000000/named",
			"http://localhost:4566/queue/us-east-1/000000000000/named",
			"named",
		} {
			check.Must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &url}))
			message := receive(ctx, client, &url, 1, nil)[0]
			check.Equal("body", *message.Body, url)
			check.Must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: message.ReceiptHandle}))
		}

		endpoint := os.Getenv("AWS_ENDPOINT_URL")
		settings := check.Must(config.LoadDefaultConfig(ctx, config.WithBaseEndpoint("http://127.0.0.1:1")))
		inCode := sqs.NewFromConfig(settings, func(options *sqs.Options) { options.BaseEndpoint = &endpoint })
		found := check.Must(inCode.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("named")}))
		check.Equal("QueueUrl is built from the endpoint", *found.QueueUrl, strings.TrimSuffix(endpoint, "/")+"/000000000000/named")
	})
}

// waiters is about receivers that wait, and receivers that go away while they wait.
func waiters(ctx context.Context, client *sqs.Client) {
	queue := check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("waiters")})).QueueUrl
	poll := func(ctx context.Context) ([]types.Message, error) {
		output, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: queue, WaitTimeSeconds: 20, MaxNumberOfMessages: 10,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		})
		if err != nil {
			return nil, err
		}
		return output.Messages, nil
	}

	check.Step("a message wakes a waiting receiver at once", func() {
		type result struct {
			messages []types.Message
			err      error
			at       time.Time
		}
		results := make(chan result)
		go func() {
			messages, err := poll(ctx)
			results <- result{messages, err, time.Now()}
		}()
		time.Sleep(500 * time.Millisecond)
		sent := time.Now()
		check.Must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("wake up")}))
		got := <-results
		check.NoError("the long poll", got.err)
		check.Equal("messages", len(got.messages), 1)
		check.That(got.at.Sub(sent) < 500*time.Millisecond, "woken only after %v", got.at.Sub(sent))
		check.Must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: got.messages[0].ReceiptHandle}))
	})

	check.Step("a context cancelled in a long poll frees the waiter: the next message goes to another receiver, uncounted", func() {
		for round := range 10 {
			cancelled, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			_, err := poll(cancelled)
			cancel()
			check.That(errors.Is(err, context.DeadlineExceeded), "the cancelled poll: %v", err)

			body := fmt.Sprint("round ", round)
			check.Must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: &body}))
			start := time.Now()
			messages := check.Must(poll(ctx))
			check.That(time.Since(start) < 500*time.Millisecond, "received only after %v", time.Since(start))
			check.Equal("messages", len(messages), 1)
			check.Equal("body", *messages[0].Body, body)
			check.Equal("receive count", messages[0].Attributes["ApproximateReceiveCount"], "1")
			check.Must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: messages[0].ReceiptHandle}))
		}
	})

	check.Step("a cancelled receiver ahead in the line of waiters takes nothing from the one behind it", func() {
		ahead, cancel := context.WithCancel(ctx)
		gone := make(chan error)
		go func() {
			_, err := poll(ahead)
			gone <- err
		}()
		time.Sleep(100 * time.Millisecond)
		behind := make(chan []types.Message)
		go func() {
			messages, _ := poll(ctx)
			behind <- messages
		}()
		time.Sleep(100 * time.Millisecond)
		cancel()
		check.That(errors.Is(<-gone, context.Canceled), "the first poll was not cancelled")
		start := time.Now()
		check.Must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("for the second")}))
		messages := <-behind
		check.That(time.Since(start) < 500*time.Millisecond, "received only after %v", time.Since(start))
		check.Equal("messages", len(messages), 1)
		check.Equal("receive count", messages[0].Attributes["ApproximateReceiveCount"], "1")
		check.Must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: messages[0].ReceiptHandle}))
	})
}
