#!/bin/sh
set -eu
cd "$(dirname "$0")"
mkdir -p target
go test -c -o target/suite .
