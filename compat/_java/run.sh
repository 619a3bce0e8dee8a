#!/bin/sh
# Runs the class Main of a client's folder.
set -eu
cd "$1"
shift
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC "$@" -cp 'target/classes:target/lib/*' Main
