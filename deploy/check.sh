#!/bin/sh
# Every check runs even if one before it fails, so that one run tells everything.
cd "$(dirname "$0")/.." || exit 1
failed=0
step() {
    echo "== $*"
    PATH=.venv/bin:$PATH "$@" || failed=1
}
step ruff check .
step ruff format --check .
step mypy
step lint-imports
step sh deploy/audit.sh
exit $failed
