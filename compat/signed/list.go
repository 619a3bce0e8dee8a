// Lists queues with the AWS SDK for Go v2; prints `ok`, or code, status and text of the error that it gave.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/transport/http"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	_, err = sqs.NewFromConfig(cfg).ListQueues(ctx, &sqs.ListQueuesInput{})
	var api smithy.APIError
	var response *http.ResponseError
	switch {
	case err == nil:
		fmt.Println("ok")
	case errors.As(err, &api) && errors.As(err, &response):
		fmt.Println(api.ErrorCode(), response.HTTPStatusCode(), api.ErrorMessage())
	default:
		fmt.Println(err)
	}
}
