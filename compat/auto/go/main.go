// A consumer on the AWS SDK for Go v2 whose processing fails on every message.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func main() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	client := sqs.NewFromConfig(settings)
	for {
		// Messages are neither deleted nor given back: the visibility timeout ends.
		_, _ = client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:        aws.String(os.Getenv("KEW_QUEUE_URL")),
			WaitTimeSeconds: 10,
		})
	}
}
