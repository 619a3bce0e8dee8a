// Package kewtest gives a Go test SQS queues of its own, and control over their time and their failures:
//
//	k := kewtest.Start(t, kewtest.Queues("orders"))
//
// One kew runs for each test process: the binary that KEW_BIN names, or else the `kew` on the PATH; KEW_URL names one
// that runs already. Each test has a namespace in it, which its access key chooses: tests run in parallel and do not
// see each other.
package kewtest

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Tests of one name that have a namespace at the same time, at most; in several processes they may share a kew.
const sameNameMax = 100

// Kew is what one test has of kew: a namespace. URL, Region, AccessKey and SecretKey are for the SQS client; message
// ids, receipt handles and faults are drawn from Seed. A method that takes a test ends it when it fails, and so is
// for the test's own goroutine.
type Kew struct {
	URL, Region, AccessKey, SecretKey string
	Seed                              uint64

	env     []string
	control string
}

// JSON is members of what kew's control API takes. Options, conditions and rules are made of it, and it says what has
// no word here: kewtest.JSON{"visible": kewtest.JSON{"min": 3}, "stable": "300ms"}.
type JSON map[string]any

// Queues are there from the start: "orders", "jobs.fifo",
// "orders,VisibilityTimeout=45,DeadLetterQueue=orders-dead,MaxReceiveCount=3".
func Queues(queues ...string) JSON { return JSON{"queues": queues} }

// Seed has the same message ids and the same faults again.
func Seed(seed uint64) JSON { return JSON{"seed": seed} }

// Clock says how the clock goes: "real", "running", "frozen" or "auto".
func Clock(mode string) JSON { return JSON{"clock": JSON{"mode": mode}} }

// Auto has the clock jump to what comes next whenever all is quiet: in Start always, in Await as long as that waits.
// For each queue it says how many receives wait there when its consumers are done; only then may the clock jump over
// a visibility timeout.
func Auto(consumers map[string]int) JSON { return JSON{"auto": JSON{"consumers": consumers}} }

// Start makes a namespace for the test, which ends with it. A test that failed then logs the clock, the seed and what
// happened; a report of mistakes of consumers and producers is logged whenever there is one.
func Start(t testing.TB, options ...JSON) *Kew {
	t.Helper()
	k, err := newNamespace(t.Name(), together(options))
	if err != nil {
		t.Fatalf("kew: %v", err)
	}
	t.Cleanup(func() { k.end(t) })
	return k
}

func newNamespace(test string, wanted JSON) (*Kew, error) {
	server, err := server()
	if err != nil {
		return nil, err
	}
	if auto, ok := wanted["auto"].(JSON); ok {
		delete(wanted, "auto")
		wanted = together([]JSON{wanted, Clock("auto"), {"clock": auto}})
	}
	var made struct {
		Name, Endpoint string
		Env            map[string]string
		Seed           uint64
	}
	status := http.StatusConflict
	for number := 1; status == http.StatusConflict && number <= sameNameMax; number++ {
		wanted["name"] = namespaceName(test, number)
		status, err = request("POST", server+"/_kew/ns", wanted, &made)
	}
	k := &Kew{
		URL:       made.Endpoint,
		Region:    made.Env["AWS_REGION"],
		AccessKey: made.Env["AWS_ACCESS_KEY_ID"],
		SecretKey: made.Env["AWS_SECRET_ACCESS_KEY"],
		Seed:      made.Seed,
		control:   server + "/_kew/ns/" + made.Name,
	}
	for name, value := range made.Env {
		k.env = append(k.env, name+"="+value)
	}
	return k, err
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// A namespace is called after its test, so that one KEW_SEED gives each test a seed of its own, the same each time.
func namespaceName(test string, number int) string {
	hash := fnv.New32a()
	fmt.Fprintf(hash, "%s %d", test, number)
	name := unfit.ReplaceAllString(test, "-")
	return fmt.Sprintf("%s-%08x", name[:min(len(name), 60)], hash.Sum32())
}

func (k *Kew) end(t testing.TB) {
	if t.Failed() {
		t.Logf("kew, seed %d\n%s", k.Seed, k.Timeline())
	}
	text, _ := k.text("GET", "/report", nil)
	var ended struct{ Report Report }
	if err := k.Call("DELETE", "", nil, &ended); err != nil {
		t.Errorf("kew: %v", err)
	} else if !ended.Report.Clean {
		t.Logf("kew, report\n%s", text)
	}
}

// QueueURL is the URL of a queue of the test.
func (k *Kew) QueueURL(queue string) string { return k.URL + "/" + k.AccessKey + "/" + queue }

// Env is what another program needs to use the queues of the test: cmd.Env = append(os.Environ(), k.Env()...).
func (k *Kew) Env() []string { return append([]string{}, k.env...) }

// Advance turns the clock forward. Who waits for messages gets them on the way, one after the other.
func (k *Kew) Advance(t testing.TB, by time.Duration) {
	t.Helper()
	k.must(t, "POST", "/clock/advance", JSON{"by": span(by)}, nil)
}

// Numbers of messages: that can be received, that were received and are hidden, and that are delayed; of receives
// that wait; and of messages sent, deleted and put aside so far. An empty queue has no message, be it visible, in
// flight or delayed.
func Visible(count int) JSON      { return JSON{"visible": count} }
func InFlight(count int) JSON     { return JSON{"inFlight": count} }
func Delayed(count int) JSON      { return JSON{"delayed": count} }
func Parked(count int) JSON       { return JSON{"parked": count} }
func Sent(count int) JSON         { return JSON{"sent": count} }
func Deleted(count int) JSON      { return JSON{"deleted": count} }
func DeadLettered(count int) JSON { return JSON{"deadLettered": count} }

var Empty = JSON{"empty": true}

// Within says how long to wait, in real time; 10 seconds if not said.
func Within(timeout time.Duration) JSON { return JSON{"timeout": span(timeout)} }

// Await waits until all conditions hold for a queue at one moment. If they do not come to hold, the test ends, with
// what was seen instead.
func (k *Kew) Await(t testing.TB, queue string, conditions ...JSON) {
	t.Helper()
	if _, err := k.text("POST", "/await", together(append([]JSON{{"queue": queue}}, conditions...))); err != nil {
		t.Fatalf("kew: %v", err)
	}
}

// Message is a message as it is in a queue.
type Message struct {
	ID, State, Body, Group, DedupID, DeadLetterSource string
	ReceiveCount                                      int
	Attributes                                        map[string]struct{ Type, Value string }
}

// Peek looks at the messages of a queue without receiving them, at those to which all queries apply: "state=visible",
// "contains=1001", "json.$.orderId=1001".
func (k *Kew) Peek(t testing.TB, queue string, queries ...string) []Message {
	t.Helper()
	values := url.Values{}
	for _, query := range queries {
		name, value, _ := strings.Cut(query, "=")
		values.Add(name, value)
	}
	var answer struct{ Messages []Message }
	k.must(t, "GET", "/queues/"+url.PathEscape(queue)+"/messages?"+values.Encode(), nil, &answer)
	return answer.Messages
}

// Event is something that happened to a message, such as sent, received or deadLettered.
type Event struct {
	Position        uint64
	Type, Queue, At string
}

// History is the whole life of a message, across dead letters and moves.
func (k *Kew) History(t testing.TB, messageID string) []Event {
	t.Helper()
	var life struct{ Events []Event }
	k.must(t, "GET", "/messages/"+url.PathEscape(messageID), nil, &life)
	return life.Events
}

// Timeline is the clock and the last events, as a text.
func (k *Kew) Timeline() string {
	clock, _ := k.text("GET", "/clock", nil)
	events, _ := k.text("GET", "/history", nil)
	return clock + events
}

// On has a fault hit only these actions, OnQueue only this queue, Nth only the requests with these numbers, and First
// so many.
func On(actions ...string) JSON { return JSON{"on": JSON{"action": actions}} }
func OnQueue(queue string) JSON { return JSON{"on": JSON{"queue": queue}} }
func Nth(numbers ...int) JSON   { return JSON{"when": JSON{"nth": numbers}} }
func First(count int) JSON      { return JSON{"when": JSON{"first": count}} }

// Fault is a rule by which requests fail.
type Fault struct {
	ID string
	k  *Kew
	t  testing.TB
}

// Fault has requests fail until it is removed or the test ends: defer k.Fault(t, "lostAnswer", On("SendMessage"),
// Nth(2)).Remove().
func (k *Kew) Fault(t testing.TB, fault string, rule ...JSON) *Fault {
	t.Helper()
	added := &Fault{k: k, t: t}
	k.must(t, "POST", "/faults", together(append([]JSON{{"fault": fault}}, rule...)), added)
	return added
}

// Remove ends it.
func (f *Fault) Remove() {
	f.t.Helper()
	f.k.must(f.t, "DELETE", "/faults/"+url.PathEscape(f.ID), nil, nil)
}

// Report is what kew has noticed of mistakes that consumers and producers make; its documentation explains the codes.
type Report struct {
	Clean    bool
	Findings []struct {
		Code, Severity, Queue, Summary, Advice string
		Examples                               []string
	}
}

// Report asks for the report up to now.
func (k *Kew) Report(t testing.TB) (report Report) {
	t.Helper()
	k.must(t, "GET", "/report", nil, &report)
	return report
}

func span(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// All members of several; those of an inner object are put together too.
func together(parts []JSON) JSON {
	all := JSON{}
	for _, part := range parts {
		for name, value := range part {
			before, isObject := all[name].(JSON)
			if inner, ok := value.(JSON); ok && isObject {
				value = together([]JSON{before, inner})
			}
			all[name] = value
		}
	}
	return all
}
