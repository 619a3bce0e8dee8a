# Installs what package-lock.json pins into the client's folder. Costs nothing when it is there already.
set -eu
if ! cmp -s package-lock.json node_modules/installed.json; then
    npm ci --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/installed.json
fi
