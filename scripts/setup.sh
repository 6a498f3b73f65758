#!/usr/bin/env bash
# Sets up what a user needs, without root: .venv with requirements/local.txt. Safe to repeat; fast when nothing changed.
# Usage: scripts/setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "setup: $*" >&2; exit 1; }

[ $# -eq 0 ] || { echo "usage: scripts/setup.sh" >&2; exit 2; }
command -v git > /dev/null || fail "git is missing. Install git (on Debian: apt-get install git) and run this again."
python=""
for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
  if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || fail "no Python 3.11 or newer found. Install one, or name it: PYTHON=/path/to/python scripts/setup.sh"

wanted=$(cat requirements/local.txt; "$python" --version)
if [ "$(cat .venv/installed 2> /dev/null)" != "$wanted" ]; then
  "$python" -m venv --help > /dev/null 2>&1 || fail "Python's venv module is missing (on Debian: apt-get install python3-venv)."
  echo "setup: installing requirements/local.txt into .venv" >&2
  # One that was left half made, or by an older Python, is made anew.
  .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null ||
    "$python" -m venv --clear .venv || fail "could not make .venv; on Debian: apt-get install python3-venv."
  if ! { .venv/bin/python -m pip install --quiet --disable-pip-version-check "$(grep '^uv==' requirements/local.txt)" &&
    .venv/bin/python -m uv pip install --quiet --compile-bytecode --python .venv/bin/python --requirement requirements/local.txt; }; then
    fail "the packages could not be installed, see above; a package index must be reachable. Then run this again."
  fi
  echo "$wanted" > .venv/installed
fi
echo "setup: ready (.venv). Next: bash scripts/demo.sh, or .venv/bin/python -m local up" >&2
