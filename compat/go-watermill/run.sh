#!/bin/sh
set -eu
cd "$(dirname "$0")/target"
code=0
./suite -test.v >suite.log 2>&1 || code=$?
sed -n -E 's/^        --- PASS: ([^/]*\/[^/]*)\/[^ ]*/ok: \1/p; s/^        --- SKIP: ([^/]*\/[^/]*)\/[^ ]*/skipped: \1/p; s/^ *--- FAIL: /FAILED: /p' suite.log
[ $code = 0 ] || grep -E -A12 'Error Trace|timed out|panic:|--- FAIL' suite.log
exit $code
