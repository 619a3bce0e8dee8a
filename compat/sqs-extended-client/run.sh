set -eu
exec .venv/bin/python check.py
