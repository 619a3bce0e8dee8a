# Runs the folder's check.* with the interpreter that Debian ships for its language.
set -eu
set -- check.*
case $1 in
*.php) exec php "$1" ;;
*.pl) exec perl "$1" ;;
*.py) exec /usr/bin/python3 "$1" ;;
*.rb) exec ruby "$1" ;;
*) echo "no program check.* for a client of this kind" >&2; exit 1 ;;
esac
