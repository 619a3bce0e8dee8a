package kewtest

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Sends a request of the Query protocol with the namespace's access key; the values of an element in the answer.
func (k *Kew) query(t *testing.T, element, action string, arguments ...string) []string {
	t.Helper()
	values := url.Values{"Action": {action}}
	for _, argument := range arguments {
		name, value, _ := strings.Cut(argument, "=")
		values.Set(name, value)
	}
	asked, _ := http.NewRequest("POST", k.QueueURL("orders"), strings.NewReader(values.Encode()))
	asked.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	scope := k.AccessKey + "/20260101/" + k.Region + "/sqs/aws4_request"
	asked.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+scope+", SignedHeaders=host, Signature=none")
	answer, err := client.Do(asked)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", action, text)
	}
	var found []string
	for _, match := range regexp.MustCompile("<"+element+">([^<]*)<").FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	return found
}

func (k *Kew) send(t *testing.T, body string, arguments ...string) string {
	t.Helper()
	return k.query(t, "MessageId", "SendMessage", append(arguments, "MessageBody="+body)...)[0]
}

func types(events []Event) (types []string) {
	for _, event := range events {
		types = append(types, event.Type)
	}
	return types
}

func equal[T any](t *testing.T, seen, wanted T) {
	t.Helper()
	if fmt.Sprint(seen) != fmt.Sprint(wanted) {
		t.Fatalf("seen %v, wanted %v", seen, wanted)
	}
}

func TestAMessageIsSeenWithoutReceivingIt(t *testing.T) {
	t.Parallel()
	k := Start(t, Queues("orders"))
	id := k.send(t, `{"orderId": 1001}`)
	k.send(t, "other")
	found := k.Peek(t, "orders", "json.$.orderId=1001", "state=visible")
	equal(t, len(found), 1)
	equal(t, found[0].ID, id)
	equal(t, found[0].Body, `{"orderId": 1001}`)
	k.Await(t, "orders", Visible(2), InFlight(0), Delayed(0), Parked(0), Sent(2), DeadLettered(0))
}

func TestTheLifeOfAMessage(t *testing.T) {
	t.Parallel()
	k := Start(t, Queues("orders"))
	id := k.send(t, "1001")
	handle := k.query(t, "ReceiptHandle", "ReceiveMessage")[0]
	k.query(t, "", "DeleteMessage", "ReceiptHandle="+handle)
	k.Await(t, "orders", Empty, Deleted(1))
	equal(t, types(k.History(t, id)), []string{"sent", "received", "deleted"})
}

func TestTheClockIsTurned(t *testing.T) {
	t.Parallel()
	k := Start(t, Queues("orders"), Clock("frozen"))
	k.send(t, "later", "DelaySeconds=900")
	k.Advance(t, 15*time.Minute-time.Millisecond)
	k.Await(t, "orders", Delayed(1))
	k.Advance(t, time.Millisecond)
	k.Await(t, "orders", Visible(1))
}

func TestTheClockJumpsByItselfAsLongAsAnAwaitLasts(t *testing.T) {
	t.Parallel()
	k := Start(t, Queues("orders"))
	k.send(t, "later", "DelaySeconds=900")
	k.Await(t, "orders", Visible(1), Auto(nil), Within(5*time.Second))
}

func TestTheClockJumpsByItself(t *testing.T) {
	t.Parallel()
	k := Start(t, Queues("orders,DeadLetterQueue=orders-dead,MaxReceiveCount=3"), Auto(map[string]int{"orders": 1}))
	k.send(t, "fails", "DelaySeconds=900")
	for range 3 {
		equal(t, k.query(t, "Body", "ReceiveMessage", "WaitTimeSeconds=20"), []string{"fails"})
	}
	// The clock goes over the last visibility timeout when the consumer waits again, and it waits in vain.
	equal(t, len(k.query(t, "Body", "ReceiveMessage", "WaitTimeSeconds=1")), 0)
	k.Await(t, "orders-dead", Visible(1), DeadLettered(0))
	k.Await(t, "orders", Empty, DeadLettered(1))
}

func TestAFaultEndsWhenItIsRemoved(t *testing.T) {
	t.Parallel()
	k := Start(t, Queues("orders", "others"))
	k.send(t, "1001")
	func() {
		defer k.Fault(t, "emptyReceive", On("ReceiveMessage"), OnQueue("orders"), First(9)).Remove()
		equal(t, len(k.query(t, "Body", "ReceiveMessage")), 0)
	}()
	equal(t, k.query(t, "Body", "ReceiveMessage"), []string{"1001"})
}

func TestOneSeedGivesTheSameIdsAgain(t *testing.T) {
	t.Parallel()
	one, other := Start(t, Queues("orders"), Seed(42)), Start(t, Queues("orders"), Seed(42))
	equal(t, one.Seed, 42)
	if one.AccessKey == other.AccessKey {
		t.Fatal("one namespace for both")
	}
	equal(t, one.send(t, "1001"), other.send(t, "1001"))
}

func TestTheEnvironmentOfAnotherProgram(t *testing.T) {
	t.Parallel()
	k := Start(t)
	wanted := []string{"AWS_ENDPOINT_URL=" + k.URL, "AWS_ACCESS_KEY_ID=" + k.AccessKey, "AWS_REGION=" + k.Region}
	for _, variable := range wanted {
		if !slices.Contains(k.Env(), variable) {
			t.Fatalf("%s is not in %v", variable, k.Env())
		}
	}
}

// A test that fails when it is told to, and remembers what it says.
type failing struct {
	testing.TB
	name     string
	failed   bool
	said     []string
	cleanups []func()
}

func (f *failing) Helper()                        {}
func (f *failing) Name() string                   { return f.name }
func (f *failing) Failed() bool                   { return f.failed }
func (f *failing) Cleanup(cleanup func())         { f.cleanups = append(f.cleanups, cleanup) }
func (f *failing) Logf(format string, a ...any)   { f.said = append(f.said, fmt.Sprintf(format, a...)) }
func (f *failing) Errorf(format string, a ...any) { f.Logf(format, a...); f.failed = true }
func (f *failing) Fatalf(format string, a ...any) { f.Errorf(format, a...); runtime.Goexit() }

func (f *failing) run(test func(t testing.TB)) string {
	done := make(chan bool)
	go func() {
		defer close(done)
		defer func() {
			for _, cleanup := range f.cleanups {
				cleanup()
			}
		}()
		test(f)
	}()
	<-done
	return strings.Join(f.said, "\n")
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

func TestAFailedTestTellsWhatHappened(t *testing.T) {
	t.Parallel()
	said := (&failing{name: t.Name()}).run(func(f testing.TB) {
		k := Start(f, Queues("orders"), Seed(4711), Clock("frozen"))
		k.send(t, "1001")
		k.Await(f, "orders", Empty, Within(time.Millisecond))
	})
	contains(t, said, "await not met", "wanted 0  seen 1", "kew, seed 4711", "Z frozen", "sent")
}

func TestAReportOfMistakesIsLogged(t *testing.T) {
	t.Parallel()
	said := (&failing{name: t.Name()}).run(func(f testing.TB) {
		k := Start(f, Queues("orders"))
		k.send(t, "1001")
		handle := k.query(t, "ReceiptHandle", "ReceiveMessage")[0]
		k.Advance(f, 31*time.Second)
		k.query(t, "Body", "ReceiveMessage")
		k.query(t, "", "DeleteMessage", "ReceiptHandle="+handle)
		report := k.Report(f)
		equal(t, report.Clean, false)
		equal(t, report.Findings[0].Queue, "orders")
	})
	contains(t, said, "kew, report\n", "orders")
}

func TestWhatIsWrongIsToldWithTheRightWord(t *testing.T) {
	t.Parallel()
	said := (&failing{name: t.Name()}).run(func(f testing.TB) { Start(f, Clock("frosen")) })
	contains(t, said, "frosen", "did you mean `frozen`?")
	said = (&failing{name: t.Name()}).run(func(f testing.TB) { Start(f).Fault(f, "lostAnser") })
	contains(t, said, "did you mean `lostAnswer`?")
	said = (&failing{name: t.Name()}).run(func(f testing.TB) { Start(f, Queues("orders")).Await(f, "order", Empty) })
	contains(t, said, "did you mean `orders`?")
}

func TestTheNameOfANamespaceIsFitAndItsOwn(t *testing.T) {
	t.Parallel()
	long := namespaceName("Test/"+strings.Repeat("a", 200)+"/é", 1)
	if len(long) > 80 || unfit.MatchString(long) {
		t.Fatal(long)
	}
	one := namespaceName("Test/a b", 1)
	if one == namespaceName("Test/a-b", 1) || one == namespaceName("Test/a b", 2) {
		t.Fatal("two tests with one name")
	}
}

func TestAKewThatDoesNotStartSaysWhy(t *testing.T) {
	t.Setenv("KEW_BIN", "/nonexistent/kew")
	_, _, err := start()
	contains(t, err.Error(), "/nonexistent/kew", "KEW_BIN")
	t.Setenv("KEW_BIN", "false")
	_, _, err = start()
	contains(t, err.Error(), "false did not start: exit status 1")
}

// Not a test: what other processes do, for the tests below.
func TestInAnotherProcess(t *testing.T) {
	if os.Getenv("KEWTEST_PROCESS") == "" {
		t.Skip("for the tests below")
	}
	fmt.Println("control=" + Start(t, Queues("orders")).control)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// Another process that runs that, where it has its namespace, and what ends it.
func another(t *testing.T, environment ...string) (process *exec.Cmd, control string, end io.Closer) {
	t.Helper()
	process = exec.Command(os.Args[0], "-test.run=^TestInAnotherProcess$")
	process.Env = append(os.Environ(), append(environment, "KEWTEST_PROCESS=1")...)
	end, _ = process.StdinPipe()
	output, _ := process.StdoutPipe()
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanf(output, "control=%s\n", &control); err != nil {
		t.Fatal(err)
	}
	return process, control, end
}

func TestKewEndsWithAProcessThatIsKilled(t *testing.T) {
	process, control, _ := another(t, "KEW_URL=")
	events, err := client.Get(control + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	_ = process.Process.Kill()
	_ = process.Wait()
	// Open for as long as kew runs.
	_, _ = io.Copy(io.Discard, events.Body)
	if _, err := client.Get(control + "/clock"); err == nil {
		t.Fatal("kew still runs")
	}
}

func TestTestsOfOneNameInSeveralProcessesShareAKew(t *testing.T) {
	kew := Start(t)
	url, _, _ := strings.Cut(kew.control, "/_kew")
	one, oneControl, endOne := another(t, "KEW_URL="+url)
	other, otherControl, endOther := another(t, "KEW_URL="+url+"/")
	if oneControl == otherControl || !strings.HasPrefix(oneControl, url) || !strings.HasPrefix(otherControl, url) {
		t.Fatal(url, oneControl, otherControl)
	}
	endOne.Close()
	endOther.Close()
	for _, process := range []*exec.Cmd{one, other} {
		if err := process.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if status, _ := request("GET", oneControl, nil, nil); status != http.StatusNotFound {
		t.Fatal("the namespace is still there")
	}
}

func TestHowLongTheStartTakes(t *testing.T) {
	var took []time.Duration
	for range 9 {
		before := time.Now()
		_, running, err := start()
		took = append(took, time.Since(before))
		if err != nil {
			t.Fatal(err)
		}
		running.Close()
	}
	slices.Sort(took)
	before := time.Now()
	Start(t, Queues("orders"))
	t.Logf("kew starts in %v (median of %d, slowest %v); a namespace takes %v",
		took[len(took)/2], len(took), took[len(took)-1], time.Since(before))
}
