#!/usr/bin/env bash
# Puts the former run back into production within seconds, then brings the API's stack along so that both agree.
# Usage: scripts/rollback.sh PROJECT_NAME [RUN]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -lt 1 ] || [ $# -gt 2 ] || [[ $1 == -* ]]; then
  echo "usage: scripts/rollback.sh PROJECT_NAME [RUN]      RUN: execution id of the run to go back to, or its first 8 digits" >&2
  exit 2
fi
[ -d .venv/bin ] && PATH="$PWD/.venv/bin:$PATH"
exec python scripts/rollback.py "$@"
