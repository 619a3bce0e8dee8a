bash ../_python/venv.sh
