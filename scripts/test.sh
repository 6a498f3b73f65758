#!/usr/bin/env bash
# Sets up environments and runs the tests; --full adds what is slow. Further arguments go to pytest of the local tests.
# Usage: scripts/test.sh [--full] [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")/.."

full=0
if [ "${1:-}" = "--full" ]; then full=1; shift; fi
marks="not slow"
[ "$full" -eq 0 ] || marks="slow or not slow"

bash scripts/setup.sh

# Each requirements file is resolved on its own, so programs with their own file are tested in their own environment.
environment() { # NAME REQUIREMENTS...: makes build/env/NAME with the files' packages
  local name=$1 folder=build/env/$1 wanted arguments=()
  shift
  for file in "$@"; do arguments+=(--requirement "$file"); done
  wanted=$(cat "$@")
  [ "$(cat "$folder/installed" 2> /dev/null)" != "$wanted" ] || return 0
  echo "test: installing $name" >&2
  rm -rf "$folder"
  .venv/bin/python -m uv venv --quiet --python .venv/bin/python "$folder"
  .venv/bin/python -m uv pip install --quiet --compile-bytecode --python "$folder/bin/python" "${arguments[@]}"
  echo "$wanted" > "$folder/installed"
}

environment test requirements/local.txt requirements/test.txt
environment image container/requirements.txt requirements/pytest.txt
environment workflow requirements/build.txt requirements/pytest.txt

status=0
PYTHON=build/env/test/bin/python bash scripts/check.sh || status=1
build/env/image/bin/python -m pytest tests/unit/container -m "$marks" || status=1
build/env/workflow/bin/python -m pytest tests/unit/model -m "$marks" || status=1
build/env/test/bin/python -m pytest tests/unit/api tests/unit/custom_resource tests/unit/scripts tests/unit/test_docs.py tests/templates tests/local \
  -m "$marks" "$@" || status=1
exit "$status"
