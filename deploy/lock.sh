#!/bin/sh
# Renew the lock files from pyproject.toml: `make lock`. UV names the uv program; no other part of the set-up needs it.
# The checksums are those of the files as their authors published them, so any mirror may serve the files.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}
command -v "$uv" >/dev/null || { echo "make lock needs uv (pip install uv), on PATH or named by UV." >&2; exit 1; }

compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
        --custom-compile-command "make lock" pyproject.toml --extra build "$@"
}
compile -o requirements.lock
compile --extra dev --constraint requirements.lock -o requirements-dev.lock
