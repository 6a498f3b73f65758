#!/usr/bin/env bash
# Checks templates, scripts and the tree without running anything: each step with its time, a failing finding in full.
# Usage: scripts/check.sh      PYTHON names the python that has requirements/test.txt
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

[ $# -eq 0 ] || { echo "usage: scripts/check.sh" >&2; exit 2; }
python=${PYTHON:-.venv/bin/python}
if ! "$python" -c 'import cfnlint, samtranslator, pytest' 2> /dev/null; then
  echo "check: $python lacks cfn-lint, aws-sam-translator or pytest. Run bash scripts/test.sh, or install requirements/test.txt." >&2
  exit 1
fi
PATH=$(dirname "$("$python" -c 'import sys; print(sys.executable)')"):$PATH
export PYTHONPATH=.

status=0
check() { # NAME COMMAND...: runs a step; what it says is shown when it fails
  local name=$1 started=$SECONDS output
  shift
  if output=$("$@" 2>&1); then
    printf 'check: %-42s ok    %3d s\n' "$name" $((SECONDS - started)) >&2
  else
    printf 'check: %-42s FAILED %2d s\n%s\n' "$name" $((SECONDS - started)) "$output" >&2
    status=1
  fi
}
optional() { # TOOL NAME COMMAND...: a step for which a tool must be there
  if command -v "$1" > /dev/null; then check "${@:2}"; else echo "check: $2: $1 is not installed (requirements/test.txt)" >&2; status=1; fi
}

mapfile -t scripts < <(find .ci scripts container model -maxdepth 1 \( -name '*.sh' -o -path .ci/run \) 2> /dev/null | sort)

check "templates (cfn-lint, .cfnlintrc's regions)" cfn-lint -t studio.yml pipeline.yml assets/*.yml
check "templates expand (SAM)" "$python" -m tests.templates.expansion build/check
check "templates as deployed (cfn-lint)" cfn-lint -t build/check/*.json
check "name lengths" "$python" -m pytest tests/templates/test_names.py
check "who may import whom" "$python" -m pytest tests/templates/test_tree.py
optional shellcheck "scripts (shellcheck)" shellcheck --external-sources "${scripts[@]}"
optional hadolint "image (hadolint)" hadolint container/Dockerfile

[ "$status" -ne 0 ] || echo "check: all well. Next: bash scripts/test.sh runs the tests." >&2
exit "$status"
