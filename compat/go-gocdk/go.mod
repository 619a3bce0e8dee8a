// Pins the module whose own tests are run; go.sum holds its checksum.
module kew.example/go-gocdk

go 1.26

require gocloud.dev v0.47.0
