// What the Terraform AWS provider does to SQS, re-enacted: the provider itself cannot be had from a package registry.
//
// After every change the provider reads all attributes until they equal what it wants six times in a row, and after a
// delete until the queue is missing fifteen times in a row. The counts are the provider's; its pauses of 3 to 5 seconds
// are shortened. A server that forgets, rewrites or delays one attribute makes `terraform apply` hang until its time-out.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	awspolicy "github.com/hashicorp/awspolicyequivalence"

	"kew.example/check"
)

const (
	equalReads   = 6
	missingReads = 15
	readsAtMost  = 40
	pause        = 10 * time.Millisecond

	codeMissing = "AWS.SimpleQueueService.NonExistentQueue"
)

type attributes map[string]string

var (
	ctx    = context.Background()
	client *sqs.Client
)

func main() {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	client = sqs.NewFromConfig(settings)
	for _, name := range []string{"tf-dead-letters", "tf-dead-letters.fifo"} {
		all := defaults()
		if strings.HasSuffix(name, ".fifo") {
			all["FifoQueue"] = "true"
		}
		create(name, all, nil)
	}
	for _, each := range shapes() {
		check.Step(each.title, func() { lifecycle(each) })
	}
	check.Step("importing a queue that is not there fails with the code that the provider looks for", func() {
		_, err := read("http://sqs.us-east-1.amazonaws.com/000000000000/tf-missing")
		check.Equal("code", code(err), codeMissing)
	})
	check.Finish()
}

// lifecycle is the life of one resource: apply, plan, apply a change, plan, and destroy.
func lifecycle(each shape) {
	want := maps.Clone(each.attributes)
	url := create(each.name, want, each.tags)
	plan("after create", url, want, each.tags)

	// The provider's names for a queue are made from the parts of its URL.
	parts := strings.Split(strings.SplitN(url, "://", 2)[1], "/")
	check.Equal("parts of the URL", len(parts), 3)
	check.Equal("digits of the account", len(parts[1]), 12)
	check.Equal("name", parts[2], each.name)

	// Another `terraform apply` with a lost state: the same queue with the same attributes is no error.
	check.Equal("URL of the second create", create(each.name, want, each.tags), url)

	if each.change != nil {
		maps.Copy(want, each.change)
		check.Must(client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: each.change}))
		waitForAttributes(url, want)
	}
	tags := map[string]string{"Name": "changed", "cost centre": "a/b+c=d@e"}
	var old []string
	for key := range each.tags {
		old = append(old, key)
	}
	if old != nil {
		check.Must(client.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: &url, TagKeys: old}))
	}
	check.Must(client.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &url, Tags: tags}))
	plan("after the change", url, want, tags)

	check.Must(client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url}))
	waitForDeletion(url)
}

func create(name string, all attributes, tags map[string]string) string {
	created, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: all, Tags: tags})
	check.NoError("CreateQueue "+name, err)
	waitForAttributes(*created.QueueUrl, all)
	return *created.QueueUrl
}

func read(url string) (attributes, error) {
	output, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return nil, err
	}
	return output.Attributes, nil
}

// waitForAttributes wants every read equal from the first on: kew has no propagation to wait for.
func waitForAttributes(url string, want attributes) {
	for range equalReads {
		got, err := read(url)
		check.NoError("GetQueueAttributes", err)
		for name, value := range want {
			check.That(equal(name, got, value), "%s: got %q, want %q", name, got[name], value)
		}
		time.Sleep(pause)
	}
}

// equal compares as the provider does: policies by meaning, other JSON as JSON, the rest as text. A missing attribute
// is an empty one.
func equal(name string, got attributes, want string) bool {
	value, present := got[name]
	switch {
	case !present && name == "KmsDataKeyReusePeriodSeconds" && want == "300":
		return true
	case name == "Policy" && value != "" && want != "":
		same, err := awspolicy.PoliciesAreEquivalent(value, want)
		check.NoError("comparing policies", err)
		return same
	case (name == "RedrivePolicy" || name == "RedriveAllowPolicy") && value != "" && want != "":
		var left, right any
		check.NoError("the answer's JSON", json.Unmarshal([]byte(value), &left))
		check.NoError("the wanted JSON", json.Unmarshal([]byte(want), &right))
		return reflect.DeepEqual(left, right)
	default:
		return value == want
	}
}

func waitForDeletion(url string) {
	missing := 0
	for range readsAtMost {
		_, err := read(url)
		if code(err) != codeMissing {
			check.Fail("a deleted queue: %v", err)
		}
		if missing++; missing == missingReads {
			return
		}
		time.Sleep(pause)
	}
	check.Fail("still there")
}

// plan reads the resource again and wants to find nothing to change, and nothing but texts where the provider converts
// to numbers and booleans.
func plan(when, url string, want attributes, tags map[string]string) {
	got, err := read(url)
	check.NoError("GetQueueAttributes "+when, err)
	for name, value := range want {
		check.That(equal(name, got, value), "%s: %s would change from %q to %q", when, name, got[name], value)
	}
	for name, value := range got {
		check.That(value != "" && value != "null" && value != "None" && value != "{}", "%s: %s is %q", when, name, value)
	}
	gotTags := check.Must(client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})).Tags
	check.That(maps.Equal(gotTags, tags), "%s: tags %v, want %v", when, gotTags, tags)
	check.Equal("QueueArn", got["QueueArn"], fmt.Sprint("arn:aws:sqs:us-east-1:000000000000:", url[strings.LastIndex(url, "/")+1:]))
}

func code(err error) string {
	if typed := smithy.APIError(nil); errors.As(err, &typed) {
		return typed.ErrorCode()
	}
	return fmt.Sprint(err)
}
