# The folder's check.py, with the modules of this folder at hand.
set -eu
PYTHONPATH=../_python exec .venv/bin/python check.py
