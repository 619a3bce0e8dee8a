// Package orders is a small program with a queue: what places orders, and what handles them.
package orders

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Queue is a queue of orders.
type Queue struct {
	Client *sqs.Client
	URL    string
}

// Place sends an order, to be handled after a while of up to 15 minutes.
func (q Queue) Place(ctx context.Context, order string, after time.Duration) error {
	_, err := q.Client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl:     &q.URL,
		MessageBody:  &order,
		DelaySeconds: int32(after.Seconds()),
	})
	return err
}

// Handle handles orders until the context ends. An order that fails comes back when its visibility timeout is over.
func (q Queue) Handle(ctx context.Context, handle func(order string) error) error {
	for {
		received, err := q.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:            &q.URL,
			MaxNumberOfMessages: 10,
			WaitTimeSeconds:     20,
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, message := range received.Messages {
			// What was handled is deleted, also if it is time to stop.
			if err := q.handleOne(context.WithoutCancel(ctx), message, handle); err != nil {
				return err
			}
		}
	}
}

func (q Queue) handleOne(ctx context.Context, message types.Message, handle func(order string) error) error {
	if handle(*message.Body) != nil {
		return nil
	}
	_, err := q.Client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.URL, ReceiptHandle: message.ReceiptHandle})
	return err
}
