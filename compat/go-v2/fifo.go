package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kew.example/check"
)

func fifo(ctx context.Context, client *sqs.Client) {
	check.Step("FIFO: groups in order, deduplication, sequence numbers, content-based ids", func() {
		queue := check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{
			QueueName:  aws.String("orders.fifo"),
			Attributes: map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"},
		})).QueueUrl
		send := func(group, body, deduplication string) *sqs.SendMessageOutput {
			input := &sqs.SendMessageInput{QueueUrl: queue, MessageBody: &body, MessageGroupId: &group}
			if deduplication != "" {
				input.MessageDeduplicationId = &deduplication
			}
			return check.Must(client.SendMessage(ctx, input))
		}
		first := send("g1", "g1-1", "d1")
		second := send("g1", "g1-2", "")
		repeat := send("g1", "another body", "d1")
		send("g2", "g2-1", "d3")
		check.Equal("message id of the duplicate", *repeat.MessageId, *first.MessageId)
		check.Equal("digits of SequenceNumber", len(*first.SequenceNumber), 20)
		check.That(*first.SequenceNumber < *second.SequenceNumber, "sequence numbers do not rise")

		messages := check.Must(client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, ReceiveRequestAttemptId: aws.String("attempt-1"),
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		})).Messages
		bodies := ""
		for _, message := range messages {
			bodies += *message.Body + " "
		}
		check.Equal("order", bodies, "g1-1 g1-2 g2-1 ")
		attributes := messages[0].Attributes
		check.Equal("MessageGroupId", attributes["MessageGroupId"], "g1")
		check.Equal("MessageDeduplicationId", attributes["MessageDeduplicationId"], "d1")
		check.Equal("SequenceNumber", attributes["SequenceNumber"], *first.SequenceNumber)
		check.Equal("digits of a content-based id", len(messages[1].Attributes["MessageDeduplicationId"]), 64)

		// A group with a message in flight is locked; others are not.
		send("g1", "g1-3", "d4")
		send("g3", "g3-1", "d5")
		check.Equal("the free group", *receive(ctx, client, queue, 1, nil)[0].Body, "g3-1")
		for _, message := range messages[:2] {
			check.Must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: message.ReceiptHandle}))
		}
		check.Equal("the group that was freed", *receive(ctx, client, queue, 1, nil)[0].Body, "g1-3")

		batch := check.Must(client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: queue, Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("1"), MessageBody: aws.String("b1"), MessageGroupId: aws.String("g4")},
			{Id: aws.String("2"), MessageBody: aws.String("b2"), MessageGroupId: aws.String("g4")},
		}}))
		check.Equal("batch", len(batch.Successful), 2)
		check.That(*batch.Successful[0].SequenceNumber < *batch.Successful[1].SequenceNumber, "sequence numbers of a batch do not rise")
	})

	check.Step("a fair queue: MessageGroupId on a standard queue", func() {
		queue := check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("fair")})).QueueUrl
		check.Must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("x"), MessageGroupId: aws.String("tenant-1")}))
		message := receive(ctx, client, queue, 1, func(input *sqs.ReceiveMessageInput) {
			input.MessageSystemAttributeNames = []types.MessageSystemAttributeName{"All"}
		})[0]
		check.Equal("MessageGroupId", message.Attributes["MessageGroupId"], "tenant-1")
		_, hasSequence := message.Attributes["SequenceNumber"]
		check.That(!hasSequence, "a standard queue gave a SequenceNumber")
	})
}

func deadLetters(ctx context.Context, client *sqs.Client) {
	check.Step("dead letters: moved after maxReceiveCount, listed, and brought back by a move task", func() {
		dead := check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("dead")})).QueueUrl
		deadArn, sourceArn := "arn:aws:sqs:us-east-1:000000000000:dead", "arn:aws:sqs:us-east-1:000000000000:source"
		policy := fmt.Sprintf(`{"deadLetterTargetArn":"%s","maxReceiveCount":1}`, deadArn)
		source := check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{
			QueueName:  aws.String("source"),
			Attributes: map[string]string{"RedrivePolicy": `{"maxReceiveCount": "1", "deadLetterTargetArn": "` + deadArn + `"}`},
		})).QueueUrl
		stored := check.Must(client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: source, AttributeNames: []types.QueueAttributeName{"RedrivePolicy"},
		})).Attributes
		check.Equal("RedrivePolicy in SQS's own form", stored["RedrivePolicy"], policy)

		pages := sqs.NewListDeadLetterSourceQueuesPaginator(client, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead, MaxResults: aws.Int32(1)})
		sources := []string{}
		for pages.HasMorePages() {
			sources = append(sources, check.Must(pages.NextPage(ctx)).QueueUrls...)
		}
		check.Equal("sources", fmt.Sprint(sources), fmt.Sprint([]string{*source}))

		sent := check.Must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: source, MessageBody: aws.String("poison")}))
		now := func(input *sqs.ReceiveMessageInput) {
			input.VisibilityTimeout = 1
			input.MessageSystemAttributeNames = []types.MessageSystemAttributeName{"All"}
		}
		receive(ctx, client, source, 1, now)
		empty := check.Must(client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: source, WaitTimeSeconds: 2}))
		check.Equal("messages left in the source", len(empty.Messages), 0)
		moved := receive(ctx, client, dead, 1, now)[0]
		check.Equal("message id", *moved.MessageId, *sent.MessageId)
		check.Equal("receive count", moved.Attributes["ApproximateReceiveCount"], "2")
		check.Equal("DeadLetterQueueSourceArn", moved.Attributes["DeadLetterQueueSourceArn"], sourceArn)
		check.Must(client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: dead, ReceiptHandle: moved.ReceiptHandle}))

		started := check.Must(client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &deadArn}))
		check.That(aws.ToString(started.TaskHandle) != "", "no task handle")
		back := receive(ctx, client, source, 1, now)[0]
		check.Equal("body", *back.Body, "poison")
		check.That(*back.MessageId != *sent.MessageId, "a moved message is a new message with an id of its own")
		check.Equal("receive count starts again", back.Attributes["ApproximateReceiveCount"], "1")

		tasks := check.Must(client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &deadArn, MaxResults: aws.Int32(10)})).Results
		check.Equal("tasks", len(tasks), 1)
		check.Equal("status", *tasks[0].Status, "COMPLETED")
		check.Equal("moved", tasks[0].ApproximateNumberOfMessagesMoved, 1)
		check.Equal("source", *tasks[0].SourceArn, deadArn)
		check.Equal("digits of StartedTimestamp", len(fmt.Sprint(tasks[0].StartedTimestamp)), 13)
		check.That(tasks[0].TaskHandle == nil, "a task that is over has a handle")
	})

	check.Step("cancelling a slow move task", func() {
		deadArn := "arn:aws:sqs:us-east-1:000000000000:dead"
		dead := aws.String("dead")
		for i := range 5 {
			check.Must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: dead, MessageBody: aws.String(fmt.Sprint(i))}))
		}
		started := check.Must(client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{
			SourceArn: &deadArn, DestinationArn: aws.String("arn:aws:sqs:us-east-1:000000000000:source"), MaxNumberOfMessagesPerSecond: aws.Int32(1),
		}))
		running := check.Must(client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &deadArn})).Results
		check.Equal("tasks", len(running), 1)
		check.Equal("status", *running[0].Status, "RUNNING")
		check.Equal("handle", aws.ToString(running[0].TaskHandle), *started.TaskHandle)
		check.Equal("rate", aws.ToInt32(running[0].MaxNumberOfMessagesPerSecond), 1)
		cancelled := check.Must(client.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: started.TaskHandle}))
		check.That(cancelled.ApproximateNumberOfMessagesMoved < 5, "all were moved before the cancel")
	})
}
