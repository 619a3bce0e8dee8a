set -eu
PYTHONPATH=../_python exec .venv/bin/python check.py
