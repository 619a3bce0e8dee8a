module kew.example/v1core

go 1.26

require (
	github.com/aws/aws-sdk-go v1.44.133
	kew.example/check v0.0.0
)

require github.com/jmespath/go-jmespath v0.4.0 // indirect

replace kew.example/check => ../check
