# setup.sh [REQUIREMENTS [VENV]]: makes a virtual environment with what REQUIREMENTS pins, in the client's folder.
# Costs nothing when it is there already.
set -eu
requirements=${1:-requirements.txt}
venv=${2:-.venv}
if ! cmp -s "$requirements" "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/installed.txt"
fi
