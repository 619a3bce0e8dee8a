package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"kew.example/check"
)

// want asserts the three ways in which Go code tells one SQS error from another: the type by errors.As, the (old) code
// through smithy.APIError, and the HTTP status. It returns the message.
func want[E error](what string, err error, code string, status int) string {
	check.As[E](what, err)
	coded := check.As[smithy.APIError](what, err)
	check.Equal(what+": code", coded.ErrorCode(), code)
	response := check.As[*awshttp.ResponseError](what, err)
	check.Equal(what+": HTTP status", response.HTTPStatusCode(), status)
	check.That(response.ServiceRequestID() != "", "%s: no request id", what)
	return coded.ErrorMessage()
}

// typedErrors provokes every error of the model that a client can provoke. Not to be had from any server by a request
// alone: InvalidAddress, InvalidIdFormat, InvalidSecurity, MessageNotInflight, RequestThrottled and the KMS errors.
func typedErrors(ctx context.Context, client *sqs.Client) {
	queue := check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("errors")})).QueueUrl
	const prefix = "AWS.SimpleQueueService."
	entry := func(id, body string) types.SendMessageBatchRequestEntry {
		return types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body}
	}
	sendBatch := func(entries ...types.SendMessageBatchRequestEntry) error {
		if entries == nil {
			entries = []types.SendMessageBatchRequestEntry{}
		}
		_, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: queue, Entries: entries})
		return err
	}

	check.Step("errors.As QueueDoesNotExist, from every kind of call", func() {
		missing := aws.String("http://sqs.us-east-1.amazonaws.com/000000000000/missing")
		_, getUrl := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("missing")})
		_, send := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: missing, MessageBody: aws.String("x")})
		_, receive := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: missing})
		_, remove := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: missing, ReceiptHandle: aws.String("x")})
		_, attributes := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: missing})
		_, drop := client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: missing})
		for i, err := range []error{getUrl, send, receive, remove, attributes, drop} {
			text := want[*types.QueueDoesNotExist](fmt.Sprint("call ", i), err, prefix+"NonExistentQueue", 400)
			check.Equal("message", text, "The specified queue does not exist.")
		}
	})
	check.Step("errors.As QueueNameExists", func() {
		_, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("errors"), Attributes: map[string]string{"DelaySeconds": "7"}})
		text := want[*types.QueueNameExists]("CreateQueue", err, "QueueAlreadyExists", 400)
		check.Equal("message", text, "A queue already exists with the same name and a different value for attribute DelaySeconds")
	})
	check.Step("errors.As InvalidAttributeName", func() {
		_, err := client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: queue, Attributes: map[string]string{"Foobar": "7"}})
		check.Equal("message", want[*types.InvalidAttributeName]("SetQueueAttributes", err, "InvalidAttributeName", 400), "Unknown Attribute Foobar.")
		_, err = client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("x"), Attributes: map[string]string{"FifoQueue": "false"}})
		want[*types.InvalidAttributeName]("FifoQueue=false", err, "InvalidAttributeName", 400)
		_, err = client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: queue, AttributeNames: []types.QueueAttributeName{"Foobar"}})
		want[*types.InvalidAttributeName]("GetQueueAttributes", err, "InvalidAttributeName", 400)
	})
	check.Step("errors.As InvalidAttributeValue", func() {
		_, err := client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: queue, Attributes: map[string]string{"VisibilityTimeout": "43201"}})
		text := want[*types.InvalidAttributeValue]("SetQueueAttributes", err, "InvalidAttributeValue", 400)
		check.Equal("message", text, "Invalid value for the parameter VisibilityTimeout.")
	})
	check.Step("errors.As ReceiptHandleIsInvalid", func() {
		_, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: aws.String("junk")})
		text := want[*types.ReceiptHandleIsInvalid]("DeleteMessage", err, "ReceiptHandleIsInvalid", 404)
		check.Equal("message", text, `The input receipt handle "junk" is not a valid receipt handle.`)
		_, err = client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: queue, ReceiptHandle: aws.String("junk")})
		want[*types.ReceiptHandleIsInvalid]("ChangeMessageVisibility", err, "ReceiptHandleIsInvalid", 404)
	})
	check.Step("errors.As InvalidMessageContents", func() {
		_, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("bell \a")})
		want[*types.InvalidMessageContents]("SendMessage", err, "InvalidMessageContents", 400)
	})
	check.Step("errors.As EmptyBatchRequest", func() {
		want[*types.EmptyBatchRequest]("SendMessageBatch", sendBatch(), prefix+"EmptyBatchRequest", 400)
	})
	check.Step("errors.As TooManyEntriesInBatchRequest", func() {
		entries := []types.SendMessageBatchRequestEntry{}
		for i := range 11 {
			entries = append(entries, entry(fmt.Sprint(i), "x"))
		}
		text := want[*types.TooManyEntriesInBatchRequest]("SendMessageBatch", sendBatch(entries...), prefix+"TooManyEntriesInBatchRequest", 400)
		check.Equal("message", text, "Maximum number of entries per request are 10. You have sent 11.")
	})
	check.Step("errors.As BatchEntryIdsNotDistinct", func() {
		err := sendBatch(entry("a", "x"), entry("a", "y"))
		check.Equal("message", want[*types.BatchEntryIdsNotDistinct]("SendMessageBatch", err, prefix+"BatchEntryIdsNotDistinct", 400), "Id a repeated.")
	})
	check.Step("errors.As InvalidBatchEntryId", func() {
		want[*types.InvalidBatchEntryId]("SendMessageBatch", sendBatch(entry("not valid!", "x")), prefix+"InvalidBatchEntryId", 400)
	})
	check.Step("errors.As BatchRequestTooLong", func() {
		half := strings.Repeat("x", 600_000)
		want[*types.BatchRequestTooLong]("SendMessageBatch", sendBatch(entry("a", half), entry("b", half)), prefix+"BatchRequestTooLong", 400)
	})
	check.Step("errors.As UnsupportedOperation", func() {
		_, err := client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: queue, MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{
				"list": {DataType: aws.String("String"), StringListValues: []string{"a", "b"}},
			},
		})
		want[*types.UnsupportedOperation]("SendMessage", err, prefix+"UnsupportedOperation", 400)
	})
	check.Step("errors.As OverLimit", func() {
		_, err := client.AddPermission(ctx, &sqs.AddPermissionInput{
			QueueUrl: queue, Label: aws.String("all"), AWSAccountIds: []string{"111111111111"}, Actions: []string{
				"SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl",
				"PurgeQueue", "ListDeadLetterSourceQueues",
			},
		})
		check.Equal("message", want[*types.OverLimit]("AddPermission", err, "OverLimit", 403), "8 Actions were found, maximum allowed is 7.")
	})
	check.Step("errors.As ResourceNotFoundException", func() {
		_, err := client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: aws.String("arn:aws:sqs:us-east-1:000000000000:missing")})
		text := want[*types.ResourceNotFoundException]("ListMessageMoveTasks", err, "ResourceNotFoundException", 404)
		check.Equal("message", text, "The resource that you specified for the SourceArn parameter doesn't exist.")
	})
	check.Step("errors.As PurgeQueueInProgress and QueueDeletedRecently", func() {
		check.Must(client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: queue}))
		_, err := client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: queue})
		text := want[*types.PurgeQueueInProgress]("PurgeQueue", err, prefix+"PurgeQueueInProgress", 403)
		check.Equal("message", text, "Only one PurgeQueue operation on errors is allowed every 60 seconds.")
		check.Must(client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: queue}))
		_, err = client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("errors")})
		want[*types.QueueDeletedRecently]("CreateQueue", err, prefix+"QueueDeletedRecently", 400)
	})
	check.Step("errors without a type of their own: the code of the API error", func() {
		other := check.Must(client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("errors-2")})).QueueUrl
		_, missing := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: other, MessageBody: aws.String("")})
		_, range_ := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: other, MaxNumberOfMessages: 11})
		_, reserved := client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: other, MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{
				"AWS.x": {DataType: aws.String("String"), StringValue: aws.String("x")},
			},
		})
		for _, each := range []struct {
			err  error
			code string
		}{{missing, "MissingParameter"}, {range_, "InvalidParameterValue"}, {reserved, "InvalidParameterValue"}} {
			var typed smithy.APIError
			check.That(errors.As(each.err, &typed), "no API error: %v", each.err)
			check.Equal("code", typed.ErrorCode(), each.code)
			var response *awshttp.ResponseError
			check.That(errors.As(each.err, &response) && response.HTTPStatusCode() == http.StatusBadRequest, "not a 400: %v", each.err)
		}
	})
}
