// The AWS SDK for Go v2 against kew. Nothing in here knows kew: the endpoint, the region and the credentials come from
// the environment (AWS_ENDPOINT_URL and its friends).
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"kew.example/check"
)

func main() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	client := sqs.NewFromConfig(settings)

	core(ctx, client)
	fifo(ctx, client)
	deadLetters(ctx, client)
	addressing(ctx, client)
	typedErrors(ctx, client)
	waiters(ctx, client)
	check.Finish()
}
