#!/bin/sh
# Judge the dependencies: pins, checksums, versions, licences, known weaknesses. See deploy/audit.py.
cd "$(dirname "$0")/.." || exit 1
exec .venv/bin/python -B deploy/audit.py "$@"
