#!/usr/bin/env bash
# Checks code, templates, scripts and the tree without running anything: each step with its time, then the failing findings in full.
# Usage: scripts/check.sh [--full] [WORD...]      --full adds what needs npm or root; with words, only steps whose names hold one of them
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

full=0
if [ "${1:-}" = "--full" ]; then full=1; shift; fi
words=("$@")

bash scripts/setup.sh 2> /dev/null || bash scripts/setup.sh || exit 1
# shellcheck source=scripts/environment.sh
. scripts/environment.sh
environment test requirements/local.txt requirements/test.txt && environment check requirements/check.txt &&
  environment workflow requirements/build.txt requirements/pytest.txt && environment checkov requirements/checkov.txt &&
  environment console requirements/console.txt || exit 1
python=$PWD/build/env/test/bin/python
PATH=$PWD/build/env/test/bin:$PWD/build/env/check/bin:$PATH
export PYTHONPATH=. PYTEST_ADDOPTS="-o verbosity_assertions=2 --tb=short" # what is wrong in full, and little else

findings=$(mktemp -d)
trap 'kill $(jobs -pr) 2> /dev/null || true; rm -rf "$findings"' EXIT
steps=0
check() { # NAME COMMAND...: a step beside at most one other; what it says is shown at the end when it fails
  local word chosen=$((${#words[@]} == 0))
  for word in "${words[@]}"; do [[ $1 != *"$word"* ]] || chosen=1; done
  [ "$chosen" -eq 1 ] || return 0
  [ "$(jobs -pr | wc -l)" -lt 2 ] || wait -n
  steps=$((steps + 1))
  step "$findings/$(printf %02d "$steps")" "$@" &
}
step() { # FILE NAME COMMAND...: runs a step and leaves the file when it fails
  local file=$1 name=$2 started=$SECONDS verdict=ok
  shift 2
  if "$@" > "$file.out" 2>&1; then
    rm "$file.out"
  else
    verdict=FAILED
    { echo "check: $name FAILED:"; cat "$file.out"; } > "$file" && rm "$file.out"
  fi
  printf 'check: %-42s %-6s %3d s\n' "$name" "$verdict" $((SECONDS - started)) >&2
}

types() { # scripts, and a function's files, import each other by their bare names, so each folder is a program of its own
  local folder failed=0
  mypy container api model local || failed=1
  MYPYPATH=scripts mypy --cache-dir build/mypy/scripts scripts || failed=1
  mypy --python-executable build/env/console/bin/python --cache-dir build/mypy/console console || failed=1 # with the types that nicegui has
  for folder in custom_resource/*/; do
    MYPYPATH=$folder mypy --cache-dir build/mypy/functions "$folder" || failed=1
  done
  return "$failed"
}
expanded() { # as they are deployed: packaged, expanded by SAM
  rm -rf build/check/deployed
  "$python" -m tests.templates.expansion build/check/deployed && cfn-lint -t build/check/deployed/*.json
}
parameters() { # with what the build and the form give them
  rm -rf build/check/parameters
  "$python" -m tests.templates.stage_parameters build/check/parameters && cfn-lint --deployment-files build/check/parameters/sets/*.json
}
buildspec() { # its commands run in one shell, so they are one script
  "$python" -m tests.templates.buildspec build/check/buildspec.sh && shellcheck build/check/buildspec.sh
}
secrets() { # what changed since a scan that found nothing: looking at all takes 20 s; --no-verify asks nobody whether one works, 123456789012 is nobody's account
  local clean=build/check/no-secrets since=""
  mkdir -p build/check
  [ ! "$clean" -nt requirements/check.txt ] || since=$clean
  touch "$clean.new"
  # shellcheck disable=SC2016 # for the inner shell
  git ls-files -z --cached --others --exclude-standard -- . ':!tests/templates/bad/secrets' |
    xargs -0 bash -c 'since=$1; shift; find "$@" -type f ${since:+-cnewer "$since"} -print0 2> /dev/null; true' bash "$since" |
    xargs -0 --no-run-if-empty detect-secrets-hook --no-verify --exclude-secrets 123456789012 && mv "$clean.new" "$clean"
}

# shellcheck disable=SC2329 # check calls it
workflow() { # as a build makes it; I3042: the build knows the ARNs of its account's roles
  build/env/workflow/bin/python tests/unit/model/build_files.py build/check &&
    cfn-lint -i I3042 -t build/check/workflow-graph.yml && "$python" -m tests.templates.state_machines build/check/workflow-graph.yml
}

mapfile -t scripts < <(find . \( -name .git -o -name .venv -o -path ./build -o -path ./tests/templates/bad \) -prune -o \( -name '*.sh' -o -path ./.ci/run \) -print | sort)

check "templates (cfn-lint)" cfn-lint -t studio.yml pipeline.yml assets/*.yml
check "templates as deployed (SAM, cfn-lint)" expanded
check "templates with their parameters (cfn-lint)" parameters
check "workflow's stack (cfn-lint, statelint)" workflow
check "state machines (statelint, botocore)" "$python" -m tests.templates.state_machines pipeline.yml assets/*.yml
check "policies (parliament, policy-sentry)" "$python" -m tests.templates.iam_policies studio.yml pipeline.yml assets/*.yml
check "security (checkov)" "$python" -m tests.templates.security_scan studio.yml pipeline.yml assets/*.yml container/Dockerfile
check "types (mypy)" types
check "code (ruff)" ruff check
check "secrets (detect-secrets)" secrets
check "buildspec (schema, shellcheck)" buildspec
if [ "$full" -eq 1 ]; then
  if command -v npm > /dev/null; then
    check "house rules (cfn-guard)" bash scripts/guard.sh
  else
    echo "check: house rules (cfn-guard): npm is missing (on Debian: apt-get install npm), so they are not checked" >&2
  fi
fi
check "deploy rights (CloudFormation's schemas)" "$python" -m pytest tests/templates/test_sufficiency.py tests/templates/test_reach.py
check "rights (least, named)" "$python" -m pytest tests/templates/test_rights.py
check "closed by default" "$python" -m pytest tests/templates/test_closed.py
check "name lengths" "$python" -m pytest tests/templates/test_names.py
check "rights, and why (docs/permissions.md)" "$python" -m pytest tests/templates/test_permissions.py
check "requirements (pinned)" "$python" -m pytest tests/unit/test_supply_chain.py -k "requirement or nothing_else"
check "who may import whom, what is muted" "$python" -m pytest tests/templates/test_tree.py
check "scripts (shellcheck)" shellcheck --external-sources "${scripts[@]}"
check "image (hadolint)" hadolint container/Dockerfile
wait

[ "$steps" -gt 0 ] || { echo "check: no step's name holds ${words[*]}" >&2; exit 2; }
for finding in "$findings"/*; do
  [ ! -e "$finding" ] || { cat "$finding" >&2; failed=1; }
done
[ -z "${failed:-}" ] || exit 1
echo "check: all well. Next: bash scripts/test.sh runs the tests." >&2
