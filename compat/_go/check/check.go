// Package check is the small test frame of the Go clients: named steps, hard assertions, one line for each step.
package check

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"time"
)

var failures int

type failure struct{ text string }

// Step runs one part of a scenario and prints `ok: <name>`, or what went wrong. A step that fails does not stop the
// steps after it.
func Step(name string, body func()) {
	start := time.Now()
	defer func() {
		switch problem := recover().(type) {
		case nil:
			fmt.Printf("ok: %s (%.1f s)\n", name, time.Since(start).Seconds())
		case failure:
			failures++
			fmt.Printf("FAILED: %s: %s\n", name, problem.text)
		default:
			failures++
			fmt.Printf("FAILED: %s: %v\n%s", name, problem, debug.Stack())
		}
	}()
	body()
}

// Finish ends the program: exit code 0 when every step passed.
func Finish() {
	if failures > 0 {
		fmt.Printf("%d step(s) failed\n", failures)
		os.Exit(1)
	}
}

// Fail ends the step.
func Fail(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	for depth := 1; depth < 6; depth++ {
		if _, file, line, ok := runtime.Caller(depth); ok {
			text += fmt.Sprintf("\n    at %s:%d", file, line)
		}
	}
	panic(failure{text})
}

// That fails the step unless the condition holds.
func That(condition bool, format string, arguments ...any) {
	if !condition {
		Fail(format, arguments...)
	}
}

// Equal fails the step unless both values are the same.
func Equal[T comparable](what string, got, want T) {
	if got != want {
		Fail("%s: got %#v, want %#v", what, got, want)
	}
}

// NoError fails the step when there is an error.
func NoError(what string, err error) {
	if err != nil {
		Fail("%s: %v", what, err)
	}
}

// Must unwraps a result, or fails the step.
func Must[T any](value T, err error) T {
	if err != nil {
		Fail("%v", err)
	}
	return value
}

// As fails the step unless the error can be had as the type E (`errors.As`).
func As[E error](what string, err error) E {
	var typed E
	if err == nil {
		Fail("%s: no error, want %T", what, typed)
	}
	if !errors.As(err, &typed) {
		Fail("%s: not a %T but %T: %v", what, typed, err, err)
	}
	return typed
}

// Took fails the step unless the time since start lies between the two bounds.
func Took(what string, start time.Time, least, most time.Duration) {
	took := time.Since(start)
	if took < least || took > most {
		Fail("%s took %v, want %v to %v", what, took, least, most)
	}
}

// MD5 is the digest of a message body as SQS writes it.
func MD5(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

// Attribute is a message attribute for AttributesMD5. Binary is used when it is not nil.
type Attribute struct {
	Name, Type, String string
	Binary             []byte
}

// AttributesMD5 is the digest of message attributes as the SQS developer guide defines it.
func AttributesMD5(attributes ...Attribute) string {
	sort.Slice(attributes, func(i, j int) bool { return attributes[i].Name < attributes[j].Name })
	var buffer []byte
	put := func(text []byte) {
		buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(text)))
		buffer = append(buffer, text...)
	}
	for _, attribute := range attributes {
		put([]byte(attribute.Name))
		put([]byte(attribute.Type))
		if attribute.Binary != nil {
			buffer = append(buffer, 2)
			put(attribute.Binary)
		} else {
			buffer = append(buffer, 1)
			put([]byte(attribute.String))
		}
	}
	return MD5(string(buffer))
}
