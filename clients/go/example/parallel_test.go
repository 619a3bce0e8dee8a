package orders

import (
	"fmt"
	"testing"
	"time"

	"github.com/kew-sqs/kew/clients/go/kewtest"
)

// Two hundred tests at a time, as many as -parallel allows: each has a queue of the same name, a clock and a client
// of its own, and sees nothing of the others.
func TestParallelTestsDoNotSeeEachOther(t *testing.T) {
	for number := range 200 {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			t.Parallel()
			k := kewtest.Start(t, kewtest.Queues("orders"), kewtest.Clock("frozen"))
			orders, mine := queue(t, k), fmt.Sprint("order of test ", number)
			handled := make(chan string, 1)
			handle(t, orders, func(order string) error {
				handled <- order
				return nil
			})
			if err := orders.Place(t.Context(), mine, time.Duration(number+1)*time.Second); err != nil {
				t.Fatal(err)
			}
			k.Await(t, "orders", kewtest.Parked(1), kewtest.Delayed(1))
			// Nobody else's clock is turned, and nobody turns this one.
			k.Advance(t, time.Duration(number)*time.Second)
			k.Await(t, "orders", kewtest.Parked(1), kewtest.Delayed(1))
			k.Advance(t, time.Second)
			if order := <-handled; order != mine {
				t.Errorf("%q, wanted %q", order, mine)
			}
			k.Await(t, "orders", kewtest.Empty, kewtest.Sent(1), kewtest.Deleted(1))
		})
	}
}
