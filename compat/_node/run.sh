set -eu
exec node check.mjs
