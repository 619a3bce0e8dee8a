set -eu
exec php check.php
