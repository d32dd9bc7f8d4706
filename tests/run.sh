#!/usr/bin/env bash
# All checks: bash tests/run.sh [pytest arguments]       linter, type checker, tests; sets up the environment if missing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../config/environment.sh"
ensure_environment dev
cd "$ROOT"
say "ruff"
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check --quiet .
say "mypy"
"$PYTHON" -m mypy
say "pytest"
OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" exec "$PYTHON" -m pytest "$@"
