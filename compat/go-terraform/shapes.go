package main

import "maps"

const arn = "arn:aws:sqs:us-east-1:000000000000:"

// shape is one `resource "aws_sqs_queue"`: what it is created with, and what a later apply changes.
type shape struct {
	title, name string
	attributes  attributes
	tags        map[string]string
	change      attributes
}

// defaults is what the provider sends for a queue block that says nothing.
func defaults() attributes {
	return attributes{
		"DelaySeconds": "0", "MaximumMessageSize": "262144", "MessageRetentionPeriod": "345600",
		"ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "30",
	}
}

func with(more attributes) attributes {
	all := defaults()
	maps.Copy(all, more)
	return all
}

func fifo(more attributes) attributes {
	all := with(more)
	all["FifoQueue"] = "true"
	return all
}

func shapes() []shape {
	return []shape{
		{title: "defaults, then a delay", name: "tf-defaults", attributes: defaults(), change: attributes{"DelaySeconds": "90"}},
		{
			title: "every number off its default, tags, 1 MiB", name: "tf-numbers",
			attributes: attributes{
				"DelaySeconds": "900", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "1209600",
				"ReceiveMessageWaitTimeSeconds": "20", "VisibilityTimeout": "43200",
			},
			tags: map[string]string{"Name": "numbers", "empty": "", "Umlaut": "äöü"},
			change: attributes{
				"DelaySeconds": "0", "MaximumMessageSize": "1024", "MessageRetentionPeriod": "60",
				"ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "0",
			},
		},
		{
			title: "FIFO", name: "tf-fifo.fifo", attributes: fifo(nil),
			change: attributes{"ContentBasedDeduplication": "true"},
		},
		{
			title: "FIFO with content-based deduplication", name: "tf-content.fifo",
			attributes: fifo(attributes{"ContentBasedDeduplication": "true", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}),
			change:     attributes{"ContentBasedDeduplication": "false"},
		},
		{
			title: "FIFO of high throughput", name: "tf-fast.fifo",
			attributes: fifo(attributes{"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}),
			tags:       map[string]string{"Name": "fast"},
			change:     attributes{"FifoThroughputLimit": "perQueue"},
		},
		{
			title: "encryption by SQS on, then off", name: "tf-sse",
			attributes: with(attributes{"SqsManagedSseEnabled": "true"}), change: attributes{"SqsManagedSseEnabled": "false"},
		},
		{
			title: "encryption by SQS off, then on", name: "tf-plain",
			attributes: with(attributes{"SqsManagedSseEnabled": "false"}), change: attributes{"SqsManagedSseEnabled": "true"},
		},
		{
			title: "a KMS key, then none", name: "tf-kms",
			attributes: with(attributes{"KmsMasterKeyId": "alias/aws/sqs", "KmsDataKeyReusePeriodSeconds": "600"}),
			change:     attributes{"KmsMasterKeyId": "", "KmsDataKeyReusePeriodSeconds": "300"},
		},
		{
			title: "a policy, then another, by meaning", name: "tf-policy",
			attributes: with(attributes{"Policy": `{
  "Version": "2012-10-17",
  "Statement": [{
    "Sid": "sns",
    "Effect": "Allow",
    "Principal": { "Service": "sns.amazonaws.com" },
    "Action": ["sqs:SendMessage"],
    "Resource": "` + arn + `tf-policy",
    "Condition": { "ArnEquals": { "aws:SourceArn": ["arn:aws:sns:us-east-1:000000000000:t"] } }
  }]
}`}),
			change: attributes{"Policy": `{"Statement":{"Resource":["` + arn + `tf-policy"],"Principal":"*","Effect":"Deny","Action":"sqs:*"},"Version":"2012-10-17","Id":"é"}`},
		},
		{
			title: "a redrive policy with its members the other way round, then none", name: "tf-redrive",
			attributes: with(attributes{"RedrivePolicy": `{"maxReceiveCount":4,"deadLetterTargetArn":"` + arn + `tf-dead-letters"}`}),
			change:     attributes{"RedrivePolicy": ""},
		},
		{
			title: "a redrive allow policy by queue, then for nobody", name: "tf-allow",
			attributes: with(attributes{"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["` + arn + `tf-redrive"]}`}),
			change:     attributes{"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`},
		},
		{
			title: "everything at once, FIFO; the policies go away", name: "tf-everything.fifo",
			attributes: fifo(attributes{
				"ContentBasedDeduplication": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
				"KmsMasterKeyId": "alias/my-key", "KmsDataKeyReusePeriodSeconds": "86400",
				"RedrivePolicy":      `{"deadLetterTargetArn":"` + arn + `tf-dead-letters.fifo","maxReceiveCount":1000}`,
				"RedriveAllowPolicy": `{"redrivePermission":"allowAll"}`,
				"Policy":             `{"Version":"2008-10-17","Statement":[{"Sid":"1","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"SQS:*","Resource":"` + arn + `tf-everything.fifo"}]}`,
			}),
			tags:   map[string]string{"Name": "everything"},
			change: attributes{"RedrivePolicy": "", "RedriveAllowPolicy": "", "Policy": "", "DelaySeconds": "1"},
		},
	}
}
