set -eu
AWS="/usr/bin/aws --endpoint-url $KEW_URL"
SERVICE_ERROR=254
MISSING='The specified queue does not exist for this wsdl version.'
BINARY='cmF3IGJ5dGVz'
. ../_shell/aws-cli.sh
