#!/bin/sh
# install.sh DIR: a folder with the tests, the example, what they need, and the package as npm would install it, but
# without its binary.
set -eu
from=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
cd "$1"
rm -rf tests example docs-* parallel-*
cp -r "$from/tests" "$from/example" .
cp "$from/tests/package.json" "$from/tests/package-lock.json" "$from/tests/.npmrc" .
if ! cmp -s package-lock.json node_modules/installed.json; then
    # `npm ci` does not take a lock file without addresses for packages of other platforms.
    npm install --no-audit --no-fund --loglevel=error
    cp "$from/tests/package-lock.json" node_modules/installed.json
fi
rm -rf node_modules/kew-sqs
mkdir node_modules/kew-sqs
cp -r "$from"/bin "$from"/*.js "$from"/*.mjs "$from"/*.d.ts "$from"/*.d.mts "$from"/package.json node_modules/kew-sqs
