set -eu
AWS=".venv/bin/aws --endpoint-url $KEW_URL"
SERVICE_ERROR=255
MISSING='The specified queue does not exist.'
BINARY='raw bytes'
. ../_shell/aws-cli.sh
