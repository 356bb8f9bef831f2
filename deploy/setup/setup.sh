#!/bin/sh
# Finds a Python that is new enough and hands over to it: setup.sh [venv|asterisk|console|sipp|postgres|node|browser]... [--runtime]
# PYTHON names another interpreter.
set -eu

here=$(dirname "$0")
newest_enough='import sys; sys.exit(sys.version_info < (3, 11))'

for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c "$newest_enough" >/dev/null 2>&1; then
        exec "$candidate" -B "$here" "$@"
    fi
done

echo "Yobirin needs Python 3.11 or newer as python3 (or PYTHON=/path/to/python make setup)." >&2
echo "Python 3.11 以上が見つかりません。python3 として使えるようにしてください。" >&2
exit 1
