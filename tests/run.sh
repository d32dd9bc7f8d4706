#!/usr/bin/env bash
# All checks: bash tests/run.sh [pytest arguments]       linter, type checker, tests, search compared; sets up the environment if missing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../config/environment.sh"
ensure_environment dev
cd "$ROOT"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
if [ $# -eq 0 ]; then
    # Once a machine: the tasks' policies, beside the first checks. A test that needs one waits for it, or builds it if this failed.
    for task in sokoban frozen_lake webshop; do
        nice "$PYTHON" -m ragen_tsr.models.tiny "$task" >/dev/null 2>&1 &
    done
    trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
fi
say "ruff"
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check --quiet .
say "mypy"
"$PYTHON" -m mypy
say "pytest"
"$PYTHON" -m pytest "$@"
if [ $# -eq 0 ]; then
    # Does search still collect what it should? Status 1: beam is worse than plain sampling; 2: too few episodes to say.
    compared="$(mktemp -d)"
    trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$compared"' EXIT
    for starts in sokoban:96 frozen_lake:96 webshop:48; do
        say "compare ${starts%:*}"
        "$PYTHON" -m ragen_tsr.compare "${starts%:*}" --methods none,beam --rollouts-only --starts "${starts#*:}" --group-size 1 \
            --fail-if-worse beam:none --min-effect 0.2 --folder "$compared/${starts%:*}"
    done
fi
