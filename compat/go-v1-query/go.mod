module kew.example/go-v1-query

go 1.26

require kew.example/v1core v0.0.0

require (
	github.com/aws/aws-sdk-go v1.44.133 // indirect
	github.com/jmespath/go-jmespath v0.4.0 // indirect
	kew.example/check v0.0.0 // indirect
)

replace (
	kew.example/check => ../_go/check
	kew.example/v1core => ../_go/v1core
)
