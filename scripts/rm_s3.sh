#!/usr/bin/env bash
# Deletes a bucket with everything in it, all versions included.
# Usage: scripts/rm_s3.sh BUCKET REGION [--yes]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -lt 2 ] || [ $# -gt 3 ] || { [ $# -eq 3 ] && [ "$3" != --yes ]; }; then
  echo "usage: scripts/rm_s3.sh BUCKET REGION [--yes]" >&2
  exit 2
fi
bucket=$1
export AWS_DEFAULT_REGION=$2 AWS_REGION=$2 AWS_PAGER=""
[ -d .venv/bin ] && PATH="$PWD/.venv/bin:$PATH"

fail() { echo "rm_s3: $*" >&2; exit 1; }

if ! answer=$(aws s3api head-bucket --bucket "$bucket" 2>&1); then
  [[ $answer == *"(404)"* ]] || fail "s3://$bucket cannot be seen:${answer//$'\n'/ }"
  echo "rm_s3: there is no bucket $bucket in $AWS_REGION; nothing to do" >&2
  exit 0
fi
if [ "${3:-}" != --yes ]; then
  echo "rm_s3: would delete s3://$bucket with all versions of its objects. Nothing was deleted; add --yes to do it." >&2
  exit 1
fi
versions() {
  # shellcheck disable=SC2016 # the backticks are a literal of the query language
  aws s3api list-object-versions --bucket "$bucket" --max-items 1000 --output json \
    --query '{Objects: [Versions, DeleteMarkers][][].{Key: Key, VersionId: VersionId}, Quiet: `true`}'
}
page=$(versions) || exit 1
while [[ $page == *'"Key"'* ]]; do
  refused=$(aws s3api delete-objects --bucket "$bucket" --delete "$page" --query 'Errors[0].[Key, Message]' --output text) || exit 1
  [[ $refused == None ]] || fail "s3://$bucket still holds what may not be deleted: $refused"
  page=$(versions) || exit 1
done
aws s3api delete-bucket --bucket "$bucket" || exit 1
echo "rm_s3: s3://$bucket deleted" >&2
