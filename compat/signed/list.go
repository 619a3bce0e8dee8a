// Lists queues with the AWS SDK for Go v2; prints `ok` or the code of the error that it gave.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	_, err = sqs.NewFromConfig(cfg).ListQueues(ctx, &sqs.ListQueuesInput{})
	var api smithy.APIError
	switch {
	case err == nil:
		fmt.Println("ok")
	case errors.As(err, &api):
		fmt.Println(api.ErrorCode())
	default:
		fmt.Println(err)
	}
}
