#!/usr/bin/env bash
# Deletes a project: its stages' stacks in order, then the project's stack. The bucket and the key are retained.
# Usage: scripts/rm_prj.sh PROJECT_NAME [--yes]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -lt 1 ] || [ $# -gt 2 ] || { [ $# -eq 2 ] && [ "$2" != --yes ]; }; then
  echo "usage: scripts/rm_prj.sh PROJECT_NAME [--yes]" >&2
  exit 2
fi
project=$1
export AWS_PAGER=""
[ -d .venv/bin ] && PATH="$PWD/.venv/bin:$PATH"

status() { # blank where there is none; an account that cannot be asked ends the script
  aws sagemaker list-projects --name-contains "$project" --output text \
    --query "ProjectSummaryList[?ProjectName=='$project'].ProjectStatus" || exit 1
}
state=$(status)
case $state in
  "" | DeleteCompleted) echo "rm_prj: there is no project $project; nothing to do" >&2; exit 0 ;;
esac
if [ "${2:-}" != --yes ]; then
  echo "rm_prj: would delete project $project with its endpoints, API, pipeline and repository. Nothing was deleted; add --yes to do it." >&2
  exit 1
fi
[[ $state == DeleteInProgress ]] || aws sagemaker delete-project --project-name "$project" || exit 1
while state=$(status) || exit 1; [[ $state == DeleteInProgress ]]; do sleep 2; done
case $state in
  "" | DeleteCompleted) echo "rm_prj: project $project deleted; its bucket and key are retained (scripts/rm_s3.sh deletes a bucket)" >&2 ;;
  *) echo "rm_prj: project $project is $state; the events of its Service Catalog stack say why, then run this again" >&2; exit 1 ;;
esac
