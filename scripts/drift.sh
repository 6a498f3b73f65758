#!/usr/bin/env bash
# Sends a project's API traffic that is not like the training data, so that a person can watch how drift is noticed and answered.
# Usage: scripts/drift.sh PROJECT_NAME [--shift FEATURE=+1sd ...] [--csv FILE] [--rows 1500] [--rate 60] [--seed 1]
set -euo pipefail
cd "$(dirname "$0")/.."

[ -d .venv/bin ] && PATH="$PWD/.venv/bin:$PATH"
exec python scripts/drift.py "$@"
