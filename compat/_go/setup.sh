set -eu
go build -o target/scenario .
