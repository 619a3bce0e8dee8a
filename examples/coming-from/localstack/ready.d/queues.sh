#!/bin/sh
set -e
awslocal sqs create-queue --queue-name orders-dead
dead=$(awslocal sqs get-queue-attributes --queue-url http://localhost:4566/000000000000/orders-dead \
    --attribute-names QueueArn --query Attributes.QueueArn --output text)
awslocal sqs create-queue --queue-name orders --attributes \
    '{"RedrivePolicy": "{\"deadLetterTargetArn\": \"'"$dead"'\", \"maxReceiveCount\": \"3\"}"}'
