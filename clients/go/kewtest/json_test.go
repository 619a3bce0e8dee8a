package kewtest_test

import (
	"testing"

	"github.com/kew-sqs/kew/clients/go/kewtest"
)

func TestWhatHasNoWordIsSaidAsJSON(t *testing.T) {
	t.Parallel()
	k := kewtest.Start(t, kewtest.Queues("orders"), kewtest.JSON{"ttl": "10m"})
	k.Await(t, "orders", kewtest.JSON{"messages": kewtest.JSON{"max": 2}, "stable": "20ms"})

	var reset struct{ Reset []string }
	err := k.Call("POST", "/reset", kewtest.JSON{"what": []string{"messages"}}, &reset)
	if err != nil || len(reset.Reset) != 1 {
		t.Fatal(err, reset)
	}
}
