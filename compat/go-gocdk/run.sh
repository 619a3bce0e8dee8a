#!/bin/sh
# `-record` means: talk to the service, do not replay the authors' recording.
set -eu
# The tests bring an HTTP client of their own, with which the SDK refuses this setting of a machine.
unset AWS_CA_BUNDLE
cd "$(dirname "$0")/target/module/pubsub/awssnssqs"
log=../../../suite.log
code=0
../../../suite -test.v -test.run '^TestConformanceSQSTopic$' -record >$log 2>&1 || code=$?
sed -n 's/^    --- PASS: [^/]*./ok: /p; s/^ *--- \(FAIL\|SKIP\): /\1: /p' $log
[ $code = 0 ] || cat $log
exit $code
