module github.com/kew-sqs/kew/clients/go

go 1.23
