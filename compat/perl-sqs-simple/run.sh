set -eu
exec perl check.pl
