set -eu
exec python3 check.py
