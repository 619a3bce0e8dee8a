// Package watermillsqs is a Watermill Pub/Sub on SQS, so that Watermill's own suite for Pub/Subs can run against kew.
//
// The authors' own SQS Pub/Sub, watermill-aws, could not be fetched. This one works in the same manner: a topic is a
// queue, made when GetQueueUrl says QueueDoesNotExist; the UUID and the metadata travel as message attributes; a
// subscriber polls, delivers one message after the other, deletes on Ack and makes visible at once on Nack; closing
// cancels the poll.
package watermillsqs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const uuidAttribute = "_watermill_message_uuid"

// PubSub is a Publisher and a Subscriber.
type PubSub struct {
	client *sqs.Client
	// fifo makes FIFO queues with one message group, which guarantees the order.
	fifo bool

	urls    sync.Map
	closing chan struct{}
	close   sync.Once
	running sync.WaitGroup
}

// New makes a Pub/Sub.
func New(client *sqs.Client, fifo bool) *PubSub {
	return &PubSub{client: client, fifo: fifo, closing: make(chan struct{})}
}

// Close ends all subscriptions and waits for them.
func (p *PubSub) Close() error {
	p.close.Do(func() { close(p.closing) })
	p.running.Wait()
	return nil
}

func (p *PubSub) isClosed() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

// SubscribeInitialize makes the queue of a topic.
func (p *PubSub) SubscribeInitialize(topic string) error {
	_, err := p.queue(context.Background(), topic)
	return err
}

func (p *PubSub) queue(ctx context.Context, topic string) (*string, error) {
	if url, known := p.urls.Load(topic); known {
		return url.(*string), nil
	}
	name, attributes := topic, map[string]string{"VisibilityTimeout": "10"}
	if p.fifo {
		name += ".fifo"
		attributes["FifoQueue"] = "true"
	}
	found, err := p.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err == nil {
		p.urls.Store(topic, found.QueueUrl)
		return found.QueueUrl, nil
	}
	if missing := (*types.QueueDoesNotExist)(nil); !errors.As(err, &missing) {
		return nil, err
	}
	created, err := p.client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		return nil, err
	}
	p.urls.Store(topic, created.QueueUrl)
	return created.QueueUrl, nil
}

// Publish sends in batches of ten, in order.
func (p *PubSub) Publish(topic string, messages ...*message.Message) error {
	if p.isClosed() {
		return errors.New("the publisher is closed")
	}
	ctx := context.Background()
	queue, err := p.queue(ctx, topic)
	if err != nil {
		return err
	}
	for len(messages) > 0 {
		batch := messages[:min(10, len(messages))]
		messages = messages[len(batch):]
		entries := make([]types.SendMessageBatchRequestEntry, len(batch))
		for i, each := range batch {
			entries[i] = p.entry(i, each)
		}
		sent, err := p.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: queue, Entries: entries})
		if err != nil {
			return err
		}
		if len(sent.Failed) > 0 {
			return fmt.Errorf("not sent: %s", *sent.Failed[0].Message)
		}
	}
	return nil
}

func (p *PubSub) entry(index int, each *message.Message) types.SendMessageBatchRequestEntry {
	text := func(value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	attributes := map[string]types.MessageAttributeValue{uuidAttribute: text(each.UUID)}
	for name, value := range each.Metadata {
		attributes[name] = text(value)
	}
	entry := types.SendMessageBatchRequestEntry{
		Id: aws.String(fmt.Sprint(index)), MessageBody: aws.String(string(each.Payload)), MessageAttributes: attributes,
	}
	if p.fifo {
		entry.MessageGroupId = aws.String("all")
		entry.MessageDeduplicationId = &each.UUID
	}
	return entry
}

// Subscribe delivers the messages of a topic until the context ends or the Pub/Sub is closed.
func (p *PubSub) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if p.isClosed() {
		return nil, errors.New("the subscriber is closed")
	}
	queue, err := p.queue(ctx, topic)
	if err != nil {
		return nil, err
	}
	polling, cancel := context.WithCancel(ctx)
	output := make(chan *message.Message)
	p.running.Add(1)
	go func() {
		select {
		case <-p.closing:
		case <-polling.Done():
		}
		cancel()
	}()
	go func() {
		defer p.running.Done()
		defer close(output)
		defer cancel()
		for polling.Err() == nil {
			p.poll(polling, queue, output)
		}
	}()
	return output, nil
}

func (p *PubSub) poll(ctx context.Context, queue *string, output chan<- *message.Message) {
	received, err := p.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: queue, WaitTimeSeconds: 20, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
	})
	if err != nil {
		if ctx.Err() == nil {
			fmt.Println("receive:", err)
		}
		return
	}
	for i, each := range received.Messages {
		if !p.deliver(ctx, queue, each, output) {
			// Given back, and in a FIFO queue what is behind it too, so that the order stays. Last first, for the
			// moment the first is back somebody may receive it.
			for j := len(received.Messages) - 1; j >= i; j-- {
				p.giveBack(queue, received.Messages[j])
			}
			return
		}
	}
}

// deliver hands out one message and waits for its Ack (true) or Nack, or for the end.
func (p *PubSub) deliver(ctx context.Context, queue *string, each types.Message, output chan<- *message.Message) bool {
	delivered := message.NewMessage(*each.MessageAttributes[uuidAttribute].StringValue, []byte(*each.Body))
	for name, attribute := range each.MessageAttributes {
		if name != uuidAttribute {
			delivered.Metadata[name] = *attribute.StringValue
		}
	}
	messageContext, cancel := context.WithCancel(ctx)
	defer cancel()
	delivered.SetContext(messageContext)
	select {
	case output <- delivered:
	case <-ctx.Done():
		return false
	}
	select {
	case <-delivered.Acked():
	case <-delivered.Nacked():
		return false
	case <-ctx.Done():
		return false
	}
	_, err := p.client.DeleteMessage(context.WithoutCancel(ctx), &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: each.ReceiptHandle})
	if err != nil {
		fmt.Println("delete:", err)
	}
	return true
}

func (p *PubSub) giveBack(queue *string, each types.Message) {
	_, err := p.client.ChangeMessageVisibility(context.Background(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: queue, ReceiptHandle: each.ReceiptHandle, VisibilityTimeout: 0,
	})
	if err != nil {
		fmt.Println("give back:", err)
	}
}
