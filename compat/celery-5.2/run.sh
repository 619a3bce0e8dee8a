set -eu
PYTHONPATH=../_python exec .venv/bin/python ../_python/celery_check.py
