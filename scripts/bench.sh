#!/usr/bin/env bash
# Measures this image's programs: serving and monitoring beside other frameworks, training and preparing at several sizes; and the console.
# Usage: scripts/bench.sh NAME [options]   (serving, monitor, training, prepare or console; --help after the name shows its options)
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { echo "usage: scripts/bench.sh NAME [options]   (serving, monitor, training, prepare or console)" >&2; exit 2; }
case "${1:-}" in
  serving | monitor) module=benchmarks.$1 ;;
  training | prepare) module=benchmarks.jobs ;;
  console) module=benchmarks.console_views ;;
  *) usage ;;
esac

bash scripts/setup.sh
# shellcheck source=scripts/environment.sh
. scripts/environment.sh
if [ "$1" = console ]; then
  bash scripts/setup-ci.sh
  environment console-test requirements/console.txt requirements/console-test.txt
  shift
  exec build/env/console-test/bin/python -m "$module" "$@"
fi
environment image container/requirements.txt requirements/pytest.txt
stacks=() older=.venv/bin/python
case "$1" in
  serving)
    stacks=(seed litserve mlserver bentoml)
    for candidate in python3.11 python3.12 .venv/bin/python; do # MLServer 1.7.1 does not take Python 3.13
      if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2> /dev/null; then older=$candidate; fi
    done
    shift
    ;;
  monitor)
    stacks=(evidently whylogs nannyml)
    shift
    ;;
esac
# One that cannot be installed is reported by name in the table, and the run fails.
for stack in "${stacks[@]}"; do
  interpreter=.venv/bin/python
  if [ "$stack" = mlserver ]; then interpreter=$older; fi
  INTERPRETER=$interpreter environment "bench-$stack" "requirements/bench-$stack.txt" || echo "bench: requirements/bench-$stack.txt could not be installed" >&2
done
exec build/env/image/bin/python -m "$module" "$@"
