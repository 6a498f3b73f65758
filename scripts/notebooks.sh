#!/usr/bin/env bash
# Opens the notebooks in JupyterLab on 127.0.0.1, or runs them all from top to bottom, on a local AWS of their own unless AWS_ENDPOINT_URL names one.
# Usage: scripts/notebooks.sh [--test [pytest arguments]]
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  "" | --test) ;;
  *) echo "usage: scripts/notebooks.sh [--test [pytest arguments]]" >&2; exit 2 ;;
esac
bash scripts/setup.sh
# shellcheck source=scripts/environment.sh
. scripts/environment.sh
environment notebooks requirements/local.txt requirements/notebooks.txt
if [ "${1:-}" = --test ]; then
  shift
  exec build/env/notebooks/bin/python -m pytest --nbmake --nbmake-timeout=1200 notebooks "$@"
fi
[ -n "${AWS_ENDPOINT_URL:-}" ] || echo "notebooks: AWS_ENDPOINT_URL is not set, so notebooks 2 to 5 act in your account on AWS" >&2
exec build/env/notebooks/bin/jupyter lab --ServerApp.ip=127.0.0.1 --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate notebooks
