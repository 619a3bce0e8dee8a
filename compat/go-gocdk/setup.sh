#!/bin/sh
# Compiles gocloud.dev's own tests of its SQS driver, in a writable copy of the module: they write a record of what
# they exchanged beside their sources.
set -eu
cd "$(dirname "$0")"
[ -x target/suite ] && [ target/suite -nt go.mod ] && exit 0
go mod download gocloud.dev
rm -rf target/module
mkdir -p target
cp -R "$(go list -m -f '{{.Dir}}' gocloud.dev)" target/module
chmod -R u+w target/module
cd target/module/pubsub/awssnssqs
go test -c -o ../../../suite .
