set -eu
exec target/scenario
