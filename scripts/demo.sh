#!/usr/bin/env bash
# The whole system on this machine: from the template to a prediction, then a second release by a push.
# Usage: scripts/demo.sh [--drift] [--keep]     --drift: on to drift and its answer; --keep leaves it running at the end
set -euo pipefail
cd "$(dirname "$0")/.."

keep=""
for argument in "$@"; do
  case $argument in
    --drift) ;;
    --keep) keep=1 ;;
    *) echo "usage: scripts/demo.sh [--drift] [--keep]" >&2; exit 2 ;;
  esac
done
bash scripts/setup.sh
port=${DEMO_PORT:-4566} data=build/demo/local
stop() { .venv/bin/python -m local down --data "$data" >&2; }
page() { # shows the project for as long as the local AWS runs; a process of its own, which outlives this one
  # shellcheck source=scripts/environment.sh
  . scripts/environment.sh
  environment console requirements/console.txt
  local aws
  aws=$(.venv/bin/python -c 'import json, sys; print(json.load(open(sys.argv[1]))["pid"])' "$data/running.json")
  # shellcheck disable=SC2016 # for the inner shell
  setsid bash -c 'build/env/console/bin/python -m console --project churn-demo --port "$1" & tail --pid="$2" --follow /dev/null; kill $!' \
    page $((port + 14)) "$aws" < /dev/null > build/demo/console.log 2>&1 &
  for _ in {1..150}; do ! grep --quiet ^console: build/demo/console.log || break; sleep 0.2; done
  cat build/demo/console.log >&2
}
ended="" demo=""
trap 'ended=1; [ -z "$demo" ] || { kill -- "-$demo" && wait "$demo"; exit 130; }' INT TERM
# It starts from nothing each time; while a former demo is still running, "up" says so and how to end it.
.venv/bin/python -m local up --fresh --data "$data" --port "$port" > /dev/null
trap stop EXIT
[ -z "$ended" ] || exit 130
rm -rf build/demo/report.json build/demo/project

export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
unset AWS_PROFILE AWS_SESSION_TOKEN
[ -z "$keep" ] || page
set -m # in a process group of its own, which the trap can end as a whole
.venv/bin/python scripts/demo.py "$@" &
demo=$!
set +m
wait "$demo"
demo=""
if [ -n "$keep" ]; then
  trap - EXIT
  cat >&2 << END

It stays up, and this page shows it:
  $(sed -n 's/^console: \(http.*\)/\1/p' build/demo/console.log | grep . || echo "(none: port $((port + 14)) was taken; in the shell below: bash scripts/console.sh --project churn-demo --port $((port + 15)))")
In another shell:
  export AWS_ENDPOINT_URL=$AWS_ENDPOINT_URL AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  cd $PWD && PATH=\$PWD/.venv/bin:\$PATH   # the aws CLI is there
and end it with:
  .venv/bin/python -m local down --data $data
END
fi
