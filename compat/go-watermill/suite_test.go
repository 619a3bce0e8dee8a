package watermillsqs

import (
	"context"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Not set in either: ForceShort, which the authors' own tests set for every emulator.

func TestStandard(t *testing.T) {
	tests.TestPubSub(t, tests.Features{Persistent: true}, constructor(false), nil)
}

func TestFifo(t *testing.T) {
	features := tests.Features{Persistent: true, GuaranteedOrder: true, GuaranteedOrderWithSingleSubscriber: true}
	tests.TestPubSub(t, features, constructor(true), nil)
}

func constructor(fifo bool) tests.PubSubConstructor {
	return func(t *testing.T) (message.Publisher, message.Subscriber) {
		settings, err := config.LoadDefaultConfig(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		client := sqs.NewFromConfig(settings)
		return New(client, fifo), New(client, fifo)
	}
}
