#!/bin/sh
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
exec "$folder/../_java/run.sh" "$folder"
