#!/usr/bin/env bash
# Evaluate: bash eval.sh ENV MODEL [Hydra overrides]      e.g. bash eval.sh sokoban tiny
# Makes the Python environment on first use (config/environment.sh), then runs python -m ragen_tsr.eval.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/config/environment.sh"
ensure_environment
exec "$PYTHON" -m ragen_tsr.eval "$@"
