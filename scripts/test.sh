#!/usr/bin/env bash
# Sets up environments and runs the tests; --full adds what is slow. Further arguments go to pytest of the local tests.
# Usage: scripts/test.sh [--full] [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")/.."

full=0
checks=()
if [ "${1:-}" = "--full" ]; then full=1 checks=(--full); shift; fi
marks="not slow"
[ "$full" -eq 0 ] || marks="slow or not slow"

bash scripts/setup.sh

bash scripts/setup-ci.sh
PATH=$PATH:/usr/sbin # Debian's place for nginx, which not every user's PATH has
serving=$marks console=$marks
if ! command -v nginx > /dev/null; then
  echo "test: nginx is missing (on Debian: apt-get install nginx-light): serving behind it is not tested, and fails with --full" >&2
  [ "$full" -eq 1 ] || serving="$marks and not nginx"
fi
if ! command -v chromium > /dev/null && ! command -v chromium-browser > /dev/null && ! command -v google-chrome > /dev/null; then
  echo "test: Chromium is missing (on Debian: apt-get install chromium): the console is not tested in a browser, and fails with --full" >&2
  [ "$full" -eq 1 ] || console="$marks and not browser"
fi

# shellcheck source=scripts/environment.sh
. scripts/environment.sh
environment test requirements/local.txt requirements/test.txt
environment image container/requirements.txt requirements/pytest.txt
environment workflow requirements/build.txt requirements/pytest.txt
environment checkov requirements/checkov.txt
environment console requirements/console.txt
environment console-test requirements/console.txt requirements/console-test.txt
environment notebooks requirements/local.txt requirements/notebooks.txt

status=0
others() { # the programs of the image, what writes the workflow, the console, the notebooks
  local failed=0
  build/env/image/bin/python -m pytest tests/unit/container tests/unit/benchmarks -m "$serving" || failed=1
  build/env/workflow/bin/python -m pytest tests/unit/model -m "$marks" || failed=1
  build/env/console-test/bin/python -m pytest tests/console -m "$console" || failed=1
  build/env/notebooks/bin/python -m pytest --nbmake --nbmake-timeout=1200 notebooks tests/notebooks -m "$marks" || failed=1
  return "$failed"
}
said=$(mktemp) # of what runs beside the rest, shown when it has ended
trap 'kill $(jobs -pr) 2> /dev/null || true; rm -f "$said"' EXIT # true: with nothing left to end, kill fails, and a trap's failure is the script's
others > "$said" 2>&1 &
others=$!
bash scripts/check.sh "${checks[@]}" || status=1
command -v npm > /dev/null || marks="($marks) and not npm" # check.sh has said so
build/env/test/bin/python -m pytest tests/unit/api tests/unit/custom_resource tests/unit/scripts tests/unit/test_*.py tests/templates tests/local \
  --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "$marks" "$@" || status=1
wait "$others" || status=1
cat "$said"
if [ "$full" -eq 1 ]; then
  images=0
  bash scripts/test-images.sh || images=$?
  # 3: no container engine here; it has said what is missing.
  [ "$images" -eq 0 ] || [ "$images" -eq 3 ] || status=1
fi
exit "$status"
