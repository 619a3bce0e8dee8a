set -eu
exec /usr/bin/python3 check.py
