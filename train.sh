#!/usr/bin/env bash
# Train: bash train.sh ENV METHOD [Hydra overrides]      e.g. bash train.sh sokoban beam
# Makes the Python environment on first use (config/environment.sh), then runs python -m ragen_tsr.train.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/config/environment.sh"
ensure_environment
exec "$PYTHON" -m ragen_tsr.train "$@"
