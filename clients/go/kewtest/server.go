package kewtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// What `kew run` runs beside kew: it tells where kew is, and ends when its input ends, as it does when this process
// is gone, however it went. Kew ends with it.
const companion = `echo "$KEW_URL"; exec cat`

// Where the kew of this process is.
var server = sync.OnceValues(func() (url string, err error) {
	if url = os.Getenv("KEW_URL"); url != "" {
		return strings.TrimRight(url, "/"), nil
	}
	url, keepsRunning, err = start()
	return url, err
})

// Never closed: the system does that.
var keepsRunning io.Closer

func start() (url string, running io.Closer, err error) {
	binary := os.Getenv("KEW_BIN")
	if binary == "" {
		binary = "kew"
	}
	command := exec.Command(binary, "run", "--listen", "127.0.0.1:0", "--control", "on", "--", "sh", "-c", companion)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	input, noInput := command.StdinPipe()
	output, noOutput := command.StdoutPipe()
	if err := errors.Join(noInput, noOutput, command.Start()); err != nil {
		return "", nil, fmt.Errorf("%w: put kew on the PATH, or set KEW_BIN to the binary or KEW_URL to a kew that runs", err)
	}
	if url, err = bufio.NewReader(output).ReadString('\n'); err != nil {
		input.Close()
		return "", nil, fmt.Errorf("%s did not start: %v: %s", binary, command.Wait(), &complaint)
	}
	return strings.TrimSpace(url), input, nil
}

// Neither a proxy nor what tests make of http.DefaultTransport is between them and kew.
var client = http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// Asks the control API for JSON; or for the text for people, if that is what the answer is put into.
func request(method, url string, body, into any) (status int, err error) {
	sent, err := json.Marshal(body)
	if body == nil {
		sent = nil
	}
	asked, wrong := http.NewRequest(method, url, bytes.NewReader(sent))
	if err := errors.Join(err, wrong); err != nil {
		return 0, err
	}
	asked.Header.Set("Content-Type", "application/json")
	text, isText := into.(*string)
	if isText {
		asked.Header.Set("Accept", "text/plain")
	}
	if token := os.Getenv("KEW_CONTROL_TOKEN"); token != "" {
		asked.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(asked)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	switch {
	case answer.StatusCode >= 300:
		err = errors.Join(err, errors.New(string(content)))
	case isText:
		*text = string(content)
	case err == nil && into != nil:
		err = json.Unmarshal(content, into)
	}
	return answer.StatusCode, err
}

// Call asks for anything else in the namespace of the test: k.Call("POST", "/reset", nil, nil).
func (k *Kew) Call(method, path string, body, into any) error {
	_, err := request(method, k.control+path, body, into)
	return err
}

func (k *Kew) text(method, path string, body any) (text string, err error) {
	_, err = request(method, k.control+path, body, &text)
	return text, err
}

func (k *Kew) must(t testing.TB, method, path string, body, into any) {
	t.Helper()
	if err := k.Call(method, path, body, into); err != nil {
		t.Fatalf("kew: %v", err)
	}
}
