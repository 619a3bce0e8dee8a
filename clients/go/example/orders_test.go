package orders

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/kew-sqs/kew/clients/go/kewtest"
)

// The queue of a test, with the client that the SDK makes for it.
func queue(t *testing.T, k *kewtest.Kew) Queue {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(),
		config.WithBaseEndpoint(k.URL),
		config.WithRegion(k.Region),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(k.AccessKey, k.SecretKey, "")))
	if err != nil {
		t.Fatal(err)
	}
	return Queue{sqs.NewFromConfig(cfg), k.QueueURL("orders")}
}

// Has orders handled until the test ends.
func handle(t *testing.T, orders Queue, handle func(order string) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- orders.Handle(ctx, handle) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAnOrderIsHandled(t *testing.T) {
	t.Parallel()
	k := kewtest.Start(t, kewtest.Queues("orders"))
	orders := queue(t, k)
	handle(t, orders, func(string) error { return nil })

	if err := orders.Place(t.Context(), "1001", 0); err != nil {
		t.Fatal(err)
	}
	k.Await(t, "orders", kewtest.Empty, kewtest.Deleted(1))
}

func TestAnOrderForLaterWaitsFifteenMinutes(t *testing.T) {
	t.Parallel()
	k := kewtest.Start(t, kewtest.Queues("orders"))
	orders := queue(t, k)
	handle(t, orders, func(string) error { return nil })

	if err := orders.Place(t.Context(), "1001", 15*time.Minute); err != nil {
		t.Fatal(err)
	}
	k.Await(t, "orders", kewtest.Parked(1), kewtest.Delayed(1))
	k.Advance(t, 15*time.Minute)
	k.Await(t, "orders", kewtest.Empty)
}

func TestAnOrderThatAlwaysFailsIsPutAside(t *testing.T) {
	t.Parallel()
	k := kewtest.Start(t, kewtest.Queues("orders,DeadLetterQueue=orders-dead,MaxReceiveCount=3"))
	orders := queue(t, k)
	handle(t, orders, func(string) error { return errors.New("out of stock") })

	if err := orders.Place(t.Context(), "1001", 0); err != nil {
		t.Fatal(err)
	}
	// Three visibility timeouts of 30 seconds: the clock jumps over each when the consumer waits for a message again.
	k.Await(t, "orders-dead", kewtest.Visible(1), kewtest.Auto(map[string]int{"orders": 1}))

	aside := k.Peek(t, "orders-dead", "contains=1001")[0]
	received := 0
	for _, event := range k.History(t, aside.ID) {
		if event.Type == "received" {
			received++
		}
	}
	if received != 3 {
		t.Errorf("received %d times", received)
	}
}

func TestAnOrderIsPlacedTwiceWhenTheAnswerIsLost(t *testing.T) {
	t.Parallel()
	k := kewtest.Start(t, kewtest.Queues("orders"))
	orders := queue(t, k)
	defer k.Fault(t, "lostAnswer", kewtest.On("SendMessage"), kewtest.Nth(1)).Remove()

	if err := orders.Place(t.Context(), "1001", 0); err != nil { // The SDK tries again by itself.
		t.Fatal(err)
	}
	k.Await(t, "orders", kewtest.Visible(2))
}
